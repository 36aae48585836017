import numpy as np
import pytest

from lmcore import figures
from lmcore.figures.style import character_axis, figure


@pytest.mark.parametrize(
    ("trace", "text"),
    [
        ({"type": "scatter", "name": "train", "y": [3.2956, 2.5, 2.1]}, "The line “train” falls from 3.3 to 2.1."),
        (
            {"type": "scatter", "name": "&lt;b&gt;", "y": [1, np.nan, 2], "mode": "lines"},
            "The line “<b>” rises from 1 to 2.",
        ),
        ({"type": "scatter", "name": "flat", "y": [2, 2]}, "The line “flat” starts and ends at 2."),
        ({"type": "scatter", "name": "dots", "y": [1, 2], "mode": "markers"}, ""),
        ({"type": "scatter", "name": "one", "y": [1]}, ""),
        ({"type": "scatter", "name": "words", "y": ["a", "b"]}, ""),
        ({"type": "bar", "x": [0, 1, 2], "y": [0.2, 0.7, 0.1]}, "The largest bar is 0.7, at b."),
        ({"type": "bar", "x": [0, 1], "y": [np.inf, np.nan]}, ""),
        ({"type": "heatmap", "z": [[0, np.nan, 1], [5, 2, 3]]}, "The highest value is 5, at row 1, a."),
        ({"type": "heatmap", "z": [[np.nan]]}, ""),
    ],
)
def test_a_figure_is_described_by_its_traces(trace: dict, text: str) -> None:
    drawn = figure([trace], character_axis("Character", ["a", "b", "<"]), "Row")
    assert figures.alt_text(drawn) == text


def test_a_horizontal_bar_is_described_by_its_name() -> None:
    bars = {"type": "bar", "orientation": "h", "y": [0, 1], "x": [0.2, 250_000]}
    drawn = figure([bars], "", {"tickvals": [0, 1], "ticktext": ["a", "b"]})
    assert figures.alt_text(drawn) == "The largest bar is 250,000, at b."


def test_only_the_first_traces_are_described() -> None:
    lines = [{"type": "scatter", "name": str(i), "y": [0, i]} for i in range(9)]
    assert figures.alt_text(figure(lines, "", "")).count("rises") == 2
    assert figures.alt_text(figure([], "", "")) == ""
