import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.training.history import (
    FEW_SNAPSHOTS,
    MAX_SNAPSHOT_BYTES,
    MAX_SNAPSHOTS,
    MAX_WEIGHTS_IN_ALL_SNAPSHOTS,
    Change,
    History,
    Snapshot,
    TestEvaluation,
    append_snapshots,
)
from lmcore.training.loss_curve import loss_curve, rescale
from lmcore.training.trainer import next_snapshot_step


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


def test_the_smoothed_curve_is_the_same_on_a_logarithmic_axis_however_wide_its_points_are() -> None:
    history = History()
    losses = 2 + 1.3 * np.arange(1.0, 100_001) ** -0.25  # without noise
    history.add(losses.astype(np.float32))
    curve = loss_curve(history, (), 27, from_start=True)
    assert curve.smoothed == pytest.approx(np.interp(curve.steps, np.arange(1, 100_001), losses), abs=0.02)

    # against the definition, at some points
    sizes = np.where(curve.steps <= 1000, 1, history.width)
    for i in (0, 9, 999, 1100, len(curve.steps) - 1):
        weights = sizes * np.exp(np.log(0.5) * np.log(curve.steps[i] / curve.steps) / np.log(1.05))
        mean = np.average(curve.losses[: i + 1], weights=weights[: i + 1])
        assert curve.smoothed[i] == pytest.approx(mean, rel=1e-6)


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


# ---------------------------------------------------------------- snapshots in bounded memory


def _snapshots_of_a_run(every: int, count: int, n_weights: int, n_parameters: int = 0) -> list[list[Snapshot]]:
    """The snapshots that a run keeps after each of its evaluations."""
    step, kept, history = 0, list[Snapshot](), []
    for _ in range(count):
        kept = append_snapshots(kept, [Snapshot(step, {}, arrays={"weights": np.zeros(n_weights)})], n_parameters)
        history.append(kept)
        step = next_snapshot_step(step, every)
    return history


@given(every=st.integers(10, 10_000), count=st.integers(1, 1200), n_weights=st.sampled_from([1, 500, 20_000]))
def test_a_run_keeps_few_snapshots_of_any_number(every: int, count: int, n_weights: int) -> None:
    history = _snapshots_of_a_run(every, count, n_weights)
    taken, kept = {snapshots[-1].step for snapshots in history}, [one.step for one in history[-1]]
    few = MAX_SNAPSHOT_BYTES // (8 * n_weights)
    assert len(kept) <= max(FEW_SNAPSHOTS, min(MAX_SNAPSHOTS, few))
    assert kept == sorted(kept)
    assert kept[-1] == max(taken)
    assert {0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} & taken <= set(kept)
    if len(taken) <= FEW_SNAPSHOTS:
        assert set(kept) == taken
    else:
        assert len(kept) >= min(FEW_SNAPSHOTS, few) / 2


@given(every=st.integers(10, 10_000), count=st.integers(2, 600), n_weights=st.sampled_from([500, 20_000]))
def test_a_run_that_goes_on_keeps_no_step_that_a_shorter_one_lacks(every: int, count: int, n_weights: int) -> None:
    history = _snapshots_of_a_run(every, count, n_weights)
    shorter, longer = ({one.step for one in snapshots} for snapshots in (history[count // 2], history[-1]))
    assert {step for step in longer if step <= max(shorter)} <= shorter
    assert len(longer & shorter) >= 10 or count < 20


def test_snapshots_at_important_steps_stay() -> None:
    snapshots = list[Snapshot]()
    for step in range(0, 2_000_000, 1000):
        snapshots = append_snapshots(snapshots, [Snapshot(step, {})], 1, {7000, 901_000})
    steps = {one.step for one in snapshots}
    assert {7000, 901_000} <= steps
    assert not {9000, 903_000} & steps


def test_regular_snapshots_thin_out_evenly() -> None:
    steps = [one.step for one in _snapshots_of_a_run(1000, 1000, 1)[-1]]
    gaps = np.diff([step for step in steps[:-1] if step % 1000 == 0 and step >= 50_000])
    assert set(gaps.tolist()) <= {1000, 2000, 4000}
    assert max(steps[:-1]) >= 0.9 * steps[-1]


def test_of_a_large_model_only_the_last_snapshot_keeps_its_weights() -> None:
    snapshots = _snapshots_of_a_run(100, 5, 10, MAX_WEIGHTS_IN_ALL_SNAPSHOTS + 1)[-1]
    assert ["weights" in one.arrays for one in snapshots] == [False] * 4 + [True]


def test_the_history_can_still_be_cut_where_marks_are_kept() -> None:
    history = History()
    for _ in range(5):
        history.add(np.ones(777, np.float32))  # in buckets of 8 steps
        history.mark()
    history.keep_marks([777, 4 * 777])
    assert history.until(4 * 777).sums.sum() == 4 * 777
    with pytest.raises(KeyError):
        history.until(2 * 777)
