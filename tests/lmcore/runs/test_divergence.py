"""Where two branches of a run diverge."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lmcore.runs import divergence
from lmcore.runs.divergence import describe_divergence, find_divergence, fork_step
from lmcore.runs.run import Fork, Run
from tests.lmcore.runs.example_runs import advance_to, run_view, small_config


@pytest.fixture(scope="module")
def parent() -> Run:
    return advance_to(Run(small_config()), 300)


@pytest.mark.parametrize(
    ("settings", "first"), [({"batch_size": 16}, 101), ({"learning_rate": 0.5}, 102), ({"decay_at": 120}, 122)]
)
def test_branches_diverge_at_the_first_step_whose_loss_differs(settings: dict[str, Any], first: int) -> None:
    parent = advance_to(Run(small_config(schedule="step")), 300)
    fork = parent.fork(100)
    fork.change(settings)
    advance_to(fork, 300)
    record = find_divergence(run_view(parent), run_view(fork))
    assert record is not None
    assert (record.common_step, record.step) == (100, first)
    heads = [run.history.head for run in (parent, fork)]
    assert np.flatnonzero(heads[0] != heads[1])[0] + 1 == first
    assert record.losses == tuple(float(head[first - 1]) for head in heads)
    assert record.text_step == 200
    assert record.texts[0] != record.texts[1]
    sentences = describe_divergence(record, ["a", "b"])
    assert f"diverge at step {first:,}" in sentences[0]
    assert sentences[1].startswith("With equal random draws, the samples first differ at step 200: a '")
    assert fork_step(run_view(parent), run_view(fork)) == fork_step(run_view(fork), run_view(parent)) == 100


def test_the_divergence_is_found_though_the_snapshot_at_the_fork_is_no_longer_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(divergence, "MAX_REPLAYED_STEPS", 20)
    parent = advance_to(Run(small_config()), 300)
    fork = parent.fork(100)
    fork.change({"batch_size": 16})
    views = [run_view(parent), run_view(advance_to(fork, 300))]
    one, other = (
        replace(view, snapshots=tuple(one for one in view.snapshots if one.step not in (50, 100))) for view in views
    )
    record = find_divergence(one, other)
    assert record is not None
    assert (record.common_step, record.step) == (20, 101)


def test_identical_branches_do_not_diverge(parent: Run) -> None:
    fork = advance_to(parent.fork(100), 300)
    record = find_divergence(run_view(parent), run_view(fork))
    assert record is not None
    assert (record.common_step, record.step, record.text_step) == (300, None, None)
    (sentence,) = describe_divergence(record, ["a", "b"])
    assert sentence == "The runs are identical up to step 300, bit for bit."


def test_losses_that_do_not_differ_yet_are_counted(parent: Run) -> None:
    fork = advance_to(parent.fork(100), 130)
    longer = run_view(advance_to(parent.fork(100), 300))
    record = find_divergence(run_view(fork), longer)
    assert record is not None
    assert (record.step, record.n_compared) == (None, 130 - record.common_step)
    assert record.n_compared > 0
    (sentence,) = describe_divergence(record, ["a", "b"])
    assert sentence.endswith(f"None of the next {record.n_compared} losses differs.")


def test_a_later_change_of_the_parent_is_found_too() -> None:
    parent = advance_to(Run(small_config()), 150)
    parent.change({"learning_rate": 0.5})
    advance_to(parent, 300)
    fork = advance_to(parent.fork(100), 300)
    record = find_divergence(run_view(parent), run_view(fork))
    assert record is not None
    assert record.step == 152


@pytest.mark.parametrize("settings", [{"seed": 3}, {"hidden": 11}, {"locales": ("fr_FR",)}])
def test_runs_without_a_common_beginning_have_no_divergence(parent: Run, settings: dict[str, Any]) -> None:
    other = run_view(advance_to(Run(small_config(**settings)), 100))
    assert find_divergence(run_view(parent), other) is None
    assert fork_step(run_view(parent), other) is None


def test_two_forks_of_one_run_are_the_same_until_the_earlier_fork(parent: Run) -> None:
    one, other = run_view(parent.fork(100)), run_view(parent.fork(200))
    assert one.origin == Fork(parent.id, 100)
    assert fork_step(one, other) == 100
