"""Measures: functions that read one number from a run, or None if the run does not show it yet."""

from lmcore import families
from lmcore.cache import cached
from lmcore.data.corpora import Split
from lmcore.inspection.activations import Activations, batch_activations, has_weights, is_saturated
from lmcore.recipes.recipe import Computed, Evidence, Measure
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot
from lmcore.training.layered import LayeredTrainer


def n_parameters(run: Evidence) -> float | None:
    """Number of trainable parameters."""
    return run.n_parameters or None


def first_loss(run: Evidence) -> float | None:
    """The loss of the first minibatch."""
    return float(run.history.head[0]) if len(run.history.head) else None


def train_loss(step: int) -> Measure:
    """The train loss at a step."""
    return lambda run: None if (snapshot := _snapshot(run, step)) is None else snapshot.loss("train")


def dev_loss(step: int) -> Measure:
    """The dev loss at a step."""
    return lambda run: None if (snapshot := _snapshot(run, step)) is None else snapshot.loss("dev")


def whole_loss(split: Split, step: int) -> Measure:
    """The loss over a whole split at a step on the way, where a snapshot has measured only a part of it."""

    def measure(run: Evidence) -> float | None:
        snapshot = _snapshot(run, step)
        return None if snapshot is None or not has_weights(snapshot) else _loss(run.config, snapshot, split)

    return measure


def test_loss(step: int) -> Measure:
    """The test loss that was evaluated at a step."""
    return lambda run: next((one.loss for one in run.test_evaluations if one.step == step), None)


def smoothed_loss(step: int) -> Measure:
    """The smoothed loss of a recurrent network at a step: of a whole sequence, in nats."""

    def measure(run: Evidence) -> float | None:
        snapshot = _snapshot(run, step)
        return None if snapshot is None else float(snapshot.arrays["smoothed_loss"][0])

    return measure


def saturation(layer: str, threshold: float, step: int = 0) -> Measure:
    """The share of a layer's outputs that exceed a threshold in absolute value, on the minibatch after a step."""

    def measure(run: Evidence) -> float | None:
        snapshot = _snapshot(run, step)
        if snapshot is None or not has_weights(snapshot):
            return None
        record = _next_batch_activations(run.config, snapshot).layers[layer]
        return float(is_saturated(record.kind, record.output, threshold).mean())

    return measure


def computed(name: str) -> Measure:
    """A value of a recipe that is computed instead of trained."""

    def measure(results: Computed) -> float | None:
        return results.values.get(name)

    return measure


def _snapshot(run: Evidence, step: int) -> Snapshot | None:
    return next((snapshot for snapshot in run.snapshots if snapshot.step == step), None)


@cached(max_bytes=1_000_000)
def _loss(config: RunConfig, snapshot: Snapshot, split: Split) -> float | None:
    trainer: LayeredTrainer = families.load_trainer(config, snapshot)
    return trainer.evaluate(split)


@cached(max_bytes=50_000_000)
def _next_batch_activations(config: RunConfig, snapshot: Snapshot) -> Activations:
    """The model of a snapshot on the minibatch of its next step."""
    trainer = families.load_trainer(config, snapshot)
    return batch_activations(trainer, trainer.draw_batches(snapshot.step + 1)[-1])
