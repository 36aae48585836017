"""The leaderboard of the runs on a text."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lmcore.runs.leaderboard import (
    Entry,
    describe_leaderboard,
    leaderboard,
    leaderboard_table,
    pareto_frontier,
)
from tests.lmcore.runs.example_runs import run_header

ENTRIES = st.lists(st.tuples(st.integers(1, 20), st.floats(0.5, 4)), max_size=20)


@given(ENTRIES)
def test_no_run_beats_one_on_the_frontier_and_one_on_it_beats_every_other(values: list[tuple[int, float]]) -> None:
    entries = [Entry(str(i), "", size, 1.0, dev) for i, (size, dev) in enumerate(values)]
    frontier = pareto_frontier(entries, lambda entry: entry.n_parameters)
    sizes, losses = [entry.n_parameters for entry in frontier], [entry.dev_loss for entry in frontier]
    assert sizes == sorted(set(sizes))
    assert losses == sorted(set(losses), reverse=True)
    for entry in entries:
        assert any(best.n_parameters <= entry.n_parameters and best.dev_loss <= entry.dev_loss for best in frontier)
    for best in frontier:
        assert not any(entry.n_parameters <= best.n_parameters and entry.dev_loss < best.dev_loss for entry in entries)


def test_runs_are_ranked_by_dev_loss_and_those_without_one_are_left_out() -> None:
    headers = [
        run_header("a", 2.5),
        replace(run_header("b", 2.0), wall_seconds=9.0),
        run_header("c", None),
        run_header("d", float("nan")),
        replace(run_header("e", 1.0), step=0),
    ]
    names = {header.id: header.id.upper() for header in headers}
    record = leaderboard(headers, names, {"uniform": 3.0, "trigram": 2.1, "bigram": 2.2})
    assert [entry.name for entry in record.entries] == ["B", "A"]
    assert [entry.name for entry in record.size_frontier] == ["B"]
    assert [entry.name for entry in record.time_frontier] == ["A", "B"]
    assert leaderboard_table(record)["on the frontier of"].tolist() == ["parameters, time", "time"]
    assert describe_leaderboard(record).startswith("Best: B with a dev loss of 2.000, better than trigram. Baselines:")


def test_a_run_that_beats_no_baseline_is_called_worse_than_every_baseline() -> None:
    record = leaderboard([run_header("a", 4.0)], {"a": "A"}, {"uniform": 3.0, "bigram": 2.2})
    assert "worse than every baseline" in describe_leaderboard(record)


def test_an_empty_leaderboard_shows_the_baselines() -> None:
    record = leaderboard([], {}, {"uniform": 3.0})
    assert (
        describe_leaderboard(record) == "No run on this text has a dev loss yet. Baselines (dev loss): uniform 3.000."
    )
    assert leaderboard_table(record).empty
