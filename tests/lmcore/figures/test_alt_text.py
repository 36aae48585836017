import numpy as np
import pytest

from lmcore import figures
from lmcore.figures.style import characters, figure


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ({"type": "scatter", "name": "train", "y": [3.2956, 2.5, 2.1]}, "train falls from 3.3 to 2.1."),
        ({"type": "scatter", "name": "&lt;b&gt;", "y": [1, np.nan, 2], "mode": "lines"}, "<b> rises from 1 to 2."),
        ({"type": "scatter", "name": "flat", "y": [2, 2]}, "flat stays from 2 to 2."),
        ({"type": "scatter", "name": "dots", "y": [1, 2], "mode": "markers"}, ""),
        ({"type": "scatter", "name": "one", "y": [1]}, ""),
        ({"type": "scatter", "name": "words", "y": ["a", "b"]}, ""),
        ({"type": "bar", "x": [0, 1, 2], "y": [0.2, 0.7, 0.1]}, "The largest bar is 0.7, at b."),
        ({"type": "heatmap", "z": [[0, np.nan, 1], [5, 2, 3]]}, "The largest value is 5, at row 1, a."),
        ({"type": "heatmap", "z": [[np.nan]]}, ""),
    ],
)
def test_a_figure_says_what_it_shows(trace: dict, said: str) -> None:
    assert figures.finding(figure([trace], characters("character", ["a", "b", "<"]), "row")) == said


def test_only_the_first_findings_are_said() -> None:
    lines = [{"type": "scatter", "name": str(i), "y": [0, i]} for i in range(9)]
    assert figures.finding(figure(lines, "", "")).count("rises") == 2
    assert figures.finding(figure([], "", "")) == ""
