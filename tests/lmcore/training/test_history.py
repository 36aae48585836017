import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.training.history import Change, History, Snapshot, TestEvaluation
from lmcore.training.loss_curve import loss_curve, rescale


def test_a_short_history_is_kept_exactly() -> None:
    history = History()
    history.add(np.array([3.0, 2.0], np.float32))
    history.add(np.array([1.0], np.float32))
    steps, losses = history.curve()
    assert steps.tolist() == [1, 2, 3]
    assert losses.tolist() == [3, 2, 1]


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=8))
def test_a_long_history_keeps_the_mean_in_little_memory(sizes: list[int]) -> None:
    generator = np.random.default_rng(0)
    losses = generator.random(sum(sizes), dtype=np.float32)
    history, at = History(), 0
    for size in sizes:
        history.add(losses[at : at + size])
        at += size
    assert history.steps == len(losses)
    assert len(history.sums) <= History.BUCKETS
    assert history.sums.sum() == pytest.approx(losses.sum(dtype=np.float64), rel=1e-6)
    assert np.array_equal(history.head, losses[: History.HEAD])
    steps, means = history.curve()
    assert len(steps) == len(means)
    assert np.all(np.diff(steps) > 0)
    for i in range(min(len(means), 5)):
        bucket = losses[i * history.width : (i + 1) * history.width]
        assert means[i] == pytest.approx(bucket.mean(dtype=np.float64), abs=1e-5)


def test_the_curve_from_the_start_has_every_first_step() -> None:
    history = History()
    history.add(np.linspace(3, 2, 5000, dtype=np.float32))
    steps, losses = history.curve_from_start()
    assert steps[:1000].tolist() == list(range(1, 1001))
    assert losses[0] == 3
    assert np.all(np.diff(steps) > 0)
    assert steps[-1] <= 5000


def test_a_history_survives_its_arrays() -> None:
    history = History()
    history.add(np.arange(4321, dtype=np.float32))
    again = History.from_arrays(history.arrays())
    assert np.array_equal(again.curve()[1], history.curve()[1])
    again.add(np.ones(10, np.float32))
    history.add(np.ones(10, np.float32))
    assert np.array_equal(again.curve()[1], history.curve()[1])


def snapshot(step: int, train: float, dev: float | None = None, **clocks: float) -> Snapshot:
    return Snapshot(step, {"train/loss": train} | ({} if dev is None else {"dev/loss": dev}), **clocks)


def test_the_loss_curve_has_what_the_picture_shows() -> None:
    history = History()
    history.add(np.full(100, 2.5, np.float32))
    snapshots = (snapshot(0, 3.3, 3.4), snapshot(100, 2.5))
    diverged = np.array([3.0, np.nan, np.inf, 9.0], np.float32)
    evaluations = [TestEvaluation(100, {"loss": 2.7}), TestEvaluation(100, {})]
    curve = loss_curve(
        history, snapshots, 27, (Change(50, {"learning_rate": 0.01}),), diverged, test_evaluations=evaluations
    )
    assert curve.smoothed == pytest.approx(np.full(100, 2.5))
    assert curve.guessing == pytest.approx(3.295837)
    assert curve.train.tolist() == [3.3, 2.5]
    assert curve.dev[0] == 3.4
    assert np.isnan(curve.dev[1])
    assert curve.diverged.tolist() == [3.0, 9.0]
    assert curve.test_evaluations == ((100.0, 2.7),)


def test_a_metric_that_was_not_measured_is_none() -> None:
    one = snapshot(5, 2.0)
    assert (one.loss("train"), one.loss("dev"), one.metric("accuracy", "train")) == (2.0, None, None)
    assert np.isnan(Snapshot(5, {}).loss("train"))


@pytest.mark.parametrize(
    ("x_axis", "at_10", "pace"),
    [("wall seconds", 2.5, 0.25), ("CPU seconds", 2.0, 0.2), ("examples", 320, 32), ("epochs", 10, 1)],
)
def test_a_curve_is_rescaled_linearly_between_snapshots_and_beyond(x_axis: str, at_10: float, pace: float) -> None:
    history = History()
    history.add(np.linspace(3, 2, 20, dtype=np.float32))
    snapshots = [snapshot(0, 3.0), snapshot(10, 2.5, wall_seconds=2.5, cpu_seconds=2.0, examples=320)]
    evaluations = [TestEvaluation(10, {"loss": 2.6})]
    over_steps = loss_curve(history, snapshots, 27, (Change(5, {}),), test_evaluations=evaluations)
    curve = rescale(over_steps, snapshots, x_axis, examples_per_epoch=32)
    assert curve.steps == pytest.approx(pace * np.arange(1, 21))
    assert curve.snapshot_steps.tolist() == [0, at_10]
    assert curve.changes[0].step == pytest.approx(5 * pace)
    assert curve.test_evaluations == ((at_10, 2.6),)
    assert np.array_equal(curve.losses, over_steps.losses)
    assert curve.x_axis == x_axis
    assert rescale(over_steps, snapshots, "steps") is over_steps


def test_a_run_without_snapshots_has_no_time_yet() -> None:
    history = History()
    assert len(rescale(loss_curve(history, (), 27), [], "wall seconds").steps) == 0
