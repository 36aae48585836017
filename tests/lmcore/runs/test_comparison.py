"""Runs side by side."""

from dataclasses import replace

import numpy as np
import pytest

from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.runs import comparison
from lmcore.runs.run import Run
from tests.lmcore.runs.example_runs import advance_to, run_view, small_config


@pytest.fixture(scope="module")
def parent() -> Run:
    return advance_to(Run(small_config()), 300)


def test_runs_with_other_data_or_tasks_are_not_compared_silently() -> None:
    classifier = run_config_from_settings({"family": "softmax-regression"})
    assert comparison.caveats([]) == []
    assert comparison.caveats([small_config(), small_config(learning_rate=1)]) == []
    assert "different data" in comparison.caveats([small_config(), small_config(locales=("fr_FR",))])[0]
    assert "different tasks" in comparison.caveats([small_config(), classifier])[0]


# ---------------------------------------------------------------- curves


def test_curves_over_examples_count_every_batch_with_its_size_at_that_time() -> None:
    run = advance_to(Run(small_config()), 100)
    run.change({"batch_size": 64})
    curve = comparison.run_curves({"a": run_view(advance_to(run, 300))}, "examples").curves["a"]
    assert curve.x_axis == "examples"
    assert curve.snapshot_steps[-1] == 100 * 32 + 200 * 64
    assert np.interp(100, run.history.curve()[0], curve.steps) == pytest.approx(100 * 32, rel=0.01)


@pytest.mark.parametrize("clock", ["wall", "CPU"])
def test_curves_over_time_pass_through_the_times_of_the_snapshots(parent: Run, clock: str) -> None:
    curve = comparison.run_curves({"a": run_view(parent)}, f"{clock} seconds").curves["a"]  # type: ignore[arg-type]
    times = [snapshot.wall_seconds if clock == "wall" else snapshot.cpu_seconds for snapshot in parent.snapshots]
    assert curve.snapshot_steps.tolist() == pytest.approx(times)
    assert (np.diff(curve.steps) > 0).all()


def test_curves_of_branches_begin_at_the_fork(parent: Run) -> None:
    record = comparison.run_curves({"a": run_view(parent)}, "steps", fork=100)
    assert record.fork == 100
    assert record.curves["a"].steps.min() >= 100
    assert record.curves["a"].snapshot_steps[0] == 100
    over_time = comparison.run_curves({"a": run_view(parent)}, "wall seconds", fork=100)
    assert over_time.fork == over_time.curves["a"].snapshot_steps[0]


def test_the_unit_of_the_losses_is_that_of_the_task(parent: Run) -> None:
    classifier = Run(run_config_from_settings({"family": "softmax-regression", "source": "moons", "steps": 20}))
    moons = run_view(advance_to(classifier, 20))
    assert comparison.run_curves({}).unit == "character"
    assert comparison.run_curves({"a": run_view(parent)}).unit == "character"
    assert comparison.run_curves({"a": moons}).unit == "example"
    assert comparison.run_curves({"a": moons, "b": run_view(parent)}).unit is None
    assert comparison.describe_dev_losses({"a": moons, "b": run_view(parent)}) == ""


def test_the_run_with_the_lowest_dev_loss_is_named(parent: Run) -> None:
    worse = replace(run_view(parent), snapshots=(replace(parent.snapshots[-1], metrics={"dev/loss": 9.0}),))
    described = comparison.describe_dev_losses({"good": run_view(parent), "bad": worse})
    assert described.startswith("Dev losses, lowest first: good ")
    assert described.endswith(", bad 9.000.")
    assert comparison.describe_dev_losses({"good": run_view(parent)}).startswith("Dev loss: good ")
    assert comparison.describe_dev_losses({}) == "No dev loss has been measured yet."


# ---------------------------------------------------------------- snapshots at a common step


def test_samples_with_the_same_random_draws_are_in_the_same_row(parent: Run) -> None:
    fork = parent.fork(100)
    fork.change({"learning_rate": 0.5})
    both = {"a": run_view(parent), "b": run_view(advance_to(fork, 300))}
    at_fork, later = comparison.sample_table(both, 100), comparison.sample_table(both, 200)
    assert at_fork["a"].tolist() == at_fork["b"].tolist() == list(parent.fork(100).snapshots[-1].samples)
    assert later["a"].tolist() != later["b"].tolist()


def test_histograms_share_their_bins(parent: Run) -> None:
    deep = run_view(advance_to(Run(small_config(hidden_layers=2)), 100))
    found = comparison.output_histograms({"a": run_view(parent), "b": deep}, 100)
    assert found["a"].edges.tolist() == found["b"].edges.tolist()
    assert len(found["b"].shares) == 2
    assert sum(found["a"].shares["tanh"]) == pytest.approx(1, abs=0.01)


def test_models_without_layers_have_no_histograms() -> None:
    rnn = run_view(advance_to(Run(small_config(family="rnn")), 10))
    with pytest.raises(UserError, match="rnn has no layer outputs"):
        comparison.output_histograms({"rnn": rnn}, 10)
