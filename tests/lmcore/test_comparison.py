"""Runs beside each other."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore import figures
from lmcore.config import TaskConfig
from lmcore.data import corpora
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.figures import style
from lmcore.models.ngram import CountConfig, NGram
from lmcore.runs import comparison
from lmcore.runs.comparison import Entry
from lmcore.runs.engine import RunView
from lmcore.runs.run import Fork, Run, Status
from lmcore.runs.store import About, Header
from lmcore.runs.worker import advance
from lmcore.training.history import Change
from lmcore.training.training import RunConfig

SMALL = {"locales": ("de_DE",), "hidden": 10, "steps": 400, "evaluate_every": 100}


def config(**settings: Any) -> RunConfig:
    return RunConfig.from_flat(SMALL | settings)


def go_on(run: Run, until: int) -> Run:
    while run.step < until:
        run.fold(*advance(*run.next_slice(), 0.05, until))
    return run


def view(run: Run) -> RunView:
    """A run as the engine shows it."""
    current = run.current.model_copy(update={"train": run.current.train.updated(**run.pending)})
    shown = (run.id, run.status, False, "", "", current, run.step, run.parameters, run.seconds, 0.0, 0, run.history)
    rest = (tuple(run.snapshots), tuple(run.changes), run.lost, tuple(run.looks), run.config.train, run.origin)
    return RunView(*shown, *rest)


@pytest.fixture(scope="module")
def parent() -> Run:
    return go_on(Run(config()), 300)


@pytest.fixture(autouse=True)
def validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are built unvalidated, for speed; here plotly checks every property of every one."""
    make = style.go.Figure
    monkeypatch.setattr(style.go, "Figure", lambda given, _validate: make(given))


def header(run_id: str, dev: float | None = 2.0, **values: Any) -> Header:
    return (
        Header(run_id, "", 0.0, config(), Status.FINISHED, 100, parameters=100, seconds=1.0, train=2.0, dev=dev)
        if (not values)
        else replace(header(run_id, dev), **values)
    )


# ---------------------------------------------------------------- settings


def test_only_settings_that_differ_are_told_by_their_dotted_paths() -> None:
    table = comparison.differences({"a": config(), "b": config(learning_rate=0.02), "c": config(batch_norm="hidden")})
    assert table.columns.tolist() == ["setting", "a", "b", "c"]
    assert table.values.tolist() == [
        ["model.batch_norm", "none", "none", "hidden"],
        ["train.learning_rate", "0.1", "0.02", "0.1"],
    ]
    assert comparison.differences({"a": config(), "b": config()}).empty


def test_a_setting_that_a_model_has_not_is_a_dash() -> None:
    table = comparison.differences({"mlp": config(), "rnn": config(family="rnn")}).set_index("setting")
    assert table.loc["model.context"].tolist() == ["3", "–"]
    assert table.loc["model.sequence", "mlp"] == "–"


def test_key_settings_are_those_that_differ_from_the_defaults() -> None:
    assert comparison.key_settings(config(learning_rate=0.02)) == "hidden 10, learning rate 0.02"
    assert comparison.key_settings(RunConfig()) == "all as they come"


def test_runs_on_other_data_or_with_other_tasks_are_not_compared_silently() -> None:
    class Other(TaskConfig):
        task: str = "other"

    other = Other(model=config().model, train=config().train)
    assert comparison.caveats([config(), config(learning_rate=1)]) == []
    assert "different data" in comparison.caveats([config(), config(locales=("fr_FR",))])[0]
    assert "different tasks" in comparison.caveats([config(), other])[0]


# ---------------------------------------------------------------- curves


def test_curves_by_characters_count_every_batch_with_its_size_then(parent: Run) -> None:
    run = view(parent)
    changed = replace(run, changes=(Change(100, {"batch_size": 64}),))
    line = comparison.curves({"a": changed}, "characters").lines["a"]
    assert line.dev_x[-1] == 100 * 32 + 200 * 64
    assert np.interp(100, run.history.curve()[0], line.x) == 100 * 32
    rnn = config(family="rnn", sequence=7)
    assert comparison.characters_a_step(rnn, rnn.train) == 7
    torch_net = config(family="recurrent", sequence=7, batch_size=3)
    assert comparison.characters_a_step(torch_net, torch_net.train) == 21
    whole = RunConfig.from_flat({"family": "neural-bigram", "full_batch": True, "locales": ("de_DE",)})
    examples = len(corpora.load(whole.corpus).windows("train", 1).X)
    assert comparison.characters_a_step(whole, whole.train) == examples


def test_curves_by_time_pass_through_the_times_of_snapshots(parent: Run) -> None:
    line = comparison.curves({"a": view(parent)}, "seconds").lines["a"]
    assert line.dev_x.tolist() == pytest.approx([snapshot.seconds for snapshot in parent.snapshots])
    assert (np.diff(line.x) > 0).all()


def test_curves_from_a_fork_on_begin_there(parent: Run) -> None:
    record = comparison.curves({"a": view(parent)}, "steps", fork=100)
    assert record.fork == 100
    assert record.lines["a"].x.min() >= 100
    assert record.lines["a"].dev_x[0] == 100


def test_the_standing_names_the_run_with_the_lowest_dev_loss(parent: Run) -> None:
    worse = replace(view(parent), snapshots=(replace(parent.snapshots[-1], dev=9.0),))
    assert comparison.standing({"good": view(parent), "bad": worse}).startswith("Lowest dev loss: good with")
    assert comparison.standing({}) == "No dev loss was measured yet."


def test_names_are_shown_as_text_and_empty_curves_say_what_to_do(parent: Run) -> None:
    figure = figures.curves(comparison.curves({"<b>x</b>": view(parent)}))
    assert figure.data[0].name == "&lt;b&gt;x&lt;/b&gt;"
    assert figure.layout.yaxis.title.text == "loss (nats per character)"
    assert "Select runs" in figures.curves(comparison.curves({})).layout.annotations[0].text
    log = figures.curves(comparison.curves({"a": view(parent)}, fork=0), log_x=True)
    assert all(min(trace.x) > 0 for trace in log.data)


# ---------------------------------------------------------------- side by side


def test_samples_with_the_same_dice_stand_in_the_same_row(parent: Run) -> None:
    child = parent.fork(100)
    child.change({"learning_rate": 0.5})
    both = {"a": view(parent), "b": view(go_on(child, 300))}
    at_fork, later = comparison.samples(both, 100), comparison.samples(both, 200)
    assert at_fork["a"].tolist() == at_fork["b"].tolist() == list(parent.fork(100).snapshots[-1].samples)
    assert later["a"].tolist() != later["b"].tolist()


def test_histograms_share_their_bins_and_refuse_what_has_no_layers(parent: Run) -> None:
    deep = view(go_on(Run(config(hidden_layers=2)), 100))
    found = comparison.histograms({"a": view(parent), "b": deep}, 100)
    assert found["a"].edges.tolist() == found["b"].edges.tolist()
    assert len(found["b"].shares) == 2
    assert sum(found["a"].shares["tanh"]) == pytest.approx(1, abs=0.01)
    with pytest.raises(UserError, match="rnn"):
        comparison.histograms({"rnn": view(go_on(Run(config(family="rnn")), 10))}, 10)


# ---------------------------------------------------------------- partings


@pytest.mark.parametrize(
    ("settings", "first"), [({"batch_size": 16}, 101), ({"learning_rate": 0.5}, 102), ({"decay_at": 120}, 122)]
)
def test_branches_part_at_the_first_step_whose_loss_differs(settings: dict[str, Any], first: int) -> None:
    parent = go_on(Run(config(schedule="step")), 300)
    child = parent.fork(100)
    child.change(settings)
    go_on(child, 300)
    record = comparison.parting(view(parent), view(child))
    assert record is not None
    assert (record.common, record.step) == (100, first)
    heads = [run.history.head for run in (parent, child)]
    assert np.flatnonzero(heads[0] != heads[1])[0] + 1 == first
    assert record.losses == tuple(float(head[first - 1]) for head in heads)
    assert record.snapshot == 200
    assert record.texts[0] != record.texts[1]
    assert f"step {first:,}" in comparison.tell(record, ["a", "b"])[0]
    assert comparison.fork_of(view(parent), view(child)) == comparison.fork_of(view(child), view(parent)) == 100


def test_equal_branches_do_not_part(parent: Run) -> None:
    child = go_on(parent.fork(100), 300)
    record = comparison.parting(view(parent), view(child))
    assert record is not None
    assert (record.common, record.step, record.snapshot) == (300, None, None)
    assert "No loss differs" in comparison.tell(record, ["a", "b"])[0]


def test_a_later_change_of_the_parent_is_where_they_part() -> None:
    parent = go_on(Run(config()), 150)
    parent.change({"learning_rate": 0.5})
    go_on(parent, 300)
    child = go_on(parent.fork(100), 300)
    record = comparison.parting(view(parent), view(child))
    assert record is not None
    assert record.step == 152


def test_runs_of_different_beginnings_have_no_parting(parent: Run) -> None:
    other = view(go_on(Run(config(seed=3)), 100))
    assert comparison.parting(view(parent), other) is None
    assert comparison.fork_of(view(parent), other) is None


def test_two_forks_of_one_run_are_one_until_the_earlier_fork(parent: Run) -> None:
    one, other = view(parent.fork(100)), view(parent.fork(200))
    assert one.origin == Fork(parent.id, 100)
    assert comparison.fork_of(one, other) == 100


# ---------------------------------------------------------------- leaderboard

ENTRIES = st.lists(st.tuples(st.integers(1, 20), st.floats(0.5, 4)), max_size=20)


@given(ENTRIES)
def test_no_run_beats_one_on_the_frontier_and_one_on_it_beats_every_other(given_: list[tuple[int, float]]) -> None:
    entries = [Entry(str(i), "", size, 1.0, dev) for i, (size, dev) in enumerate(given_)]
    edge = comparison.frontier(entries, lambda entry: entry.parameters)
    sizes, losses = [entry.parameters for entry in edge], [entry.dev for entry in edge]
    assert sizes == sorted(set(sizes))
    assert losses == sorted(set(losses), reverse=True)
    for entry in entries:
        assert any(best.parameters <= entry.parameters and best.dev <= entry.dev for best in edge)
    for best in edge:
        assert not any(entry.parameters <= best.parameters and entry.dev < best.dev for entry in entries)


def test_baselines_of_a_text_are_guessing_and_counting() -> None:
    corpus = corpora.load(CorpusConfig(locales=("de_DE",)))
    found = comparison.baselines(corpus)
    assert found["guessing"] == math.log(len(corpus.vocabulary))
    assert found["bigram"] == NGram(corpus, CountConfig(order=2, smoothing=1, counted="train")).loss(corpus, "dev")
    assert found["guessing"] > found["unigram"] > found["bigram"]
    text = corpora.from_text("ab" * 500, config=CorpusConfig(units="running"))
    assert comparison.baselines(text)["unigram"] == pytest.approx(math.log(2), abs=1e-3)
    assert comparison.baselines(text)["bigram"] < 0.01  # "a" is always followed by "b"


def test_the_leaderboard_leaves_out_what_was_not_measured_and_puts_the_best_first() -> None:
    headers = [header("a", 2.5), header("b", 2.0, seconds=9.0), header("c", None), header("d", 1.0, step=0)]
    record = comparison.leaderboard(headers, {h.id: h.id.upper() for h in headers}, {"guessing": 3.0, "bigram": 2.2})
    assert [entry.name for entry in record.entries] == ["B", "A"]
    assert [entry.name for entry in record.by_parameters] == ["B"]
    assert [entry.name for entry in record.by_seconds] == ["A", "B"]
    assert comparison.describe(record).startswith("Best: B with a dev loss of 2.000, better than bigram.")
    assert comparison.as_table(record)["on the frontier of"].tolist() == ["parameters, time", "time"]
    figure = figures.leaderboard(record, "seconds")
    assert figure.layout.xaxis.title.text == "training time (seconds)"
    assert [trace.name for trace in figure.data] == ["guessing: 3.000", "bigram: 2.200", "runs", "frontier"]
    empty = comparison.leaderboard([], {}, {"guessing": 3.0})
    assert "Train a model" in figures.leaderboard(empty, "parameters").layout.annotations[0].text
    assert "No run" in comparison.describe(empty)


# ---------------------------------------------------------------- the table


def test_names_are_distinct() -> None:
    headers = [header("a" * 20), header("b" * 20), *(header(c * 20, about=About(name="same")) for c in "cd")]
    assert list(comparison.names(headers).values()) == ["mlp aaaa", "mlp bbbb", "same cccc", "same dddd"]
    assert comparison.names([header("c" * 20, about=About(name="mine"))]) == {"c" * 20: "mine"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "ab"),
        ({"text": "LEARNING"}, "b"),
        ({"text": "mlp slow"}, "b"),
        ({"text": "\\ [ ("}, ""),
        ({"starred": True}, "b"),
        ({"families": ["rnn"]}, ""),
        ({"data": ["given-names"], "statuses": ["finished"]}, "a"),
    ],
)
def test_a_filter_keeps_what_fits(wanted: dict[str, Any], found: str) -> None:
    slow = {"config": config(learning_rate=0.01), "about": About(note="Slow", starred=True), "status": Status.PAUSED}
    headers = [header("a"), header("b", 2.0, **slow)]
    assert "".join(h.id for h in comparison.matching(headers, **wanted)) == found
