import pytest

from lmcore import figures
from lmcore.runs.leaderboard import Entry, Leaderboard

ENTRIES = (Entry("1", "<b>", 1000, 0.0, 2.0), Entry("2", "small", 100, 5.0, 2.3))
RECORD = Leaderboard(ENTRIES, {"uniform": 3.0, "bigram": 2.2}, ENTRIES[::-1], ENTRIES[:1])


def test_baselines_are_lines_and_runs_points() -> None:
    figure = figures.leaderboard(RECORD, "time")
    assert figure.layout.xaxis.title.text == "Training time (seconds)"
    assert [trace.name for trace in figure.data] == ["uniform: 3.000", "bigram: 2.200", "runs", "Pareto frontier"]
    assert figure.data[2].text[0] == "&lt;b&gt;"
    assert min(figure.data[2].x) > 0  # on a logarithmic axis
    assert list(figure.data[3].y) == [2.0]


def test_the_cost_can_be_the_size_of_the_model() -> None:
    figure = figures.leaderboard(RECORD, "parameters")
    assert figure.layout.xaxis.title.text == "Parameters"
    assert list(figure.data[3].x) == pytest.approx([100, 1000])


def test_without_runs_there_are_only_the_baselines() -> None:
    figure = figures.leaderboard(Leaderboard((), {"uniform": 3.0}, (), ()), "parameters")
    assert [trace.name for trace in figure.data] == ["uniform: 3.000"]
