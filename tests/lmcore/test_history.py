import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.training.history import Change, History, Snapshot, loss_curve, over_seconds


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


def test_the_loss_curve_record_has_what_the_picture_shows() -> None:
    history = History()
    history.add(np.full(100, 2.5, np.float32))
    snapshots = (Snapshot(0, 3.3, 3.4, ("a",)), Snapshot(100, 2.5, None, ("b",)))
    lost = np.array([3.0, np.nan, np.inf, 9.0], np.float32)
    curve = loss_curve(history, snapshots, 27, (Change(50, {"learning_rate": 0.01}),), lost)
    assert curve.smoothed == pytest.approx(np.full(100, 2.5))
    assert curve.guessing == pytest.approx(3.295837)
    assert curve.train.tolist() == [3.3, 2.5]
    assert curve.dev[0] == 3.4
    assert np.isnan(curve.dev[1])
    assert curve.lost.tolist() == [3.0, 9.0]


def test_losses_over_seconds_lie_between_the_snapshots() -> None:
    history = History()
    history.add(np.linspace(3, 2, 20, dtype=np.float32))
    snapshots = [Snapshot(0, 3.0, 3.0, (), seconds=0.5), Snapshot(10, 2.5, 2.5, (), seconds=2.5)]
    curve = over_seconds(loss_curve(history, tuple(snapshots), 27), snapshots)
    assert curve.steps == pytest.approx(0.5 + 0.2 * np.arange(1, 11))  # what comes after the last has no time yet
    assert len(curve.losses) == len(curve.smoothed) == 10
    assert curve.snapshot_steps.tolist() == [0.5, 2.5]
    assert curve.unit == "seconds of training"
    assert len(over_seconds(loss_curve(history, (), 27), []).steps) == 0
