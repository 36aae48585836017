"""Validation of an imported checkpoint, before a run is made of it.

Nothing in the checkpoint is trusted. Its record must fit a schema. Its arrays must have the names, shapes and types
that a trainer with the run's settings produces, and finite values. Finally the trainer loads each state and takes a
step from the last one.
"""

import math
import re
from contextlib import suppress
from typing import Annotated, Any

import numpy as np
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, StringConstraints, ValidationError
from safetensors import SafetensorError

from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.generation.sampling import SampleConfig
from lmcore.runs.archive import CHECKPOINT, refusal
from lmcore.runs.run import Status
from lmcore.training.checkpoint import WEIGHTS, Arrays, check_version, read_metadata, strip_prefix
from lmcore.training.history import MAX_WEIGHTS_IN_ALL_SNAPSHOTS, History
from lmcore.training.language_model import LanguageModelTrainer
from lmcore.training.trainer import DivergedError, Trainer

MAX_STEP = 2**53
MAX_STATE_LAYOUTS = 20
"""Different layouts of a state within one run; they depend on the optimizer and the batch size."""

MAY_BE_INFINITE = ("first_loss", "patience", "block")
"""Arrays of a state that are not finite as long as nothing was measured, or where there is no limit."""

VARIABLE_LENGTH = ("events", "block/" + WEIGHTS)
"""Arrays whose number of rows depends on the course of the training."""


# ---------------------------------------------------------------- the record

Text = Annotated[str, StringConstraints(max_length=20_000)]
Seconds = Annotated[FiniteFloat, Field(ge=0)]
Metrics = Annotated[dict[Annotated[str, StringConstraints(max_length=40)], FiniteFloat | None], Field(max_length=20)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class SnapshotRecord(_Strict):
    """A snapshot without its arrays."""

    step: NonNegativeInt
    metrics: Metrics
    samples: Annotated[list[Text], Field(max_length=1000)]
    examples: Annotated[int, Field(ge=0, le=MAX_STEP)]
    wall_seconds: Seconds
    cpu_seconds: Seconds
    state: Annotated[list[Text], Field(max_length=100)]  # names of the arrays of its state dict


Settings = dict[str, bool | int | FiniteFloat | Annotated[str, StringConstraints(max_length=100)]]


class ChangeRecord(_Strict):
    """A change of training settings."""

    step: NonNegativeInt
    settings: Settings


class TestEvaluationRecord(_Strict):
    """A test evaluation."""

    step: NonNegativeInt
    metrics: Metrics


class Record(_Strict):
    """The JSON record of a checkpoint (`Run.encode`)."""

    status: Status
    message: str
    step: Annotated[int, Field(ge=0, le=MAX_STEP)]
    n_parameters: NonNegativeInt
    wall_seconds: Seconds
    cpu_seconds: Seconds
    changes: Annotated[list[ChangeRecord], Field(max_length=10_000)]
    planned: Annotated[list[ChangeRecord], Field(max_length=100)] = []
    pending: Settings = {}
    test_evaluations: Annotated[list[TestEvaluationRecord], Field(max_length=10_000)]
    snapshots: Annotated[list[SnapshotRecord], Field(max_length=10_000)]


def parse_checkpoint(content: bytes) -> tuple[Record, Arrays]:
    """The record and the arrays of a checkpoint.

    Raises:
        UserError: if it is damaged, of another format version, or its record does not fit the schema.
    """
    try:
        arrays: Arrays = safetensors.numpy.load(content)
        metadata = read_metadata(content)
        check_version(metadata.get("format"))
        record = Record.model_validate_json(metadata["run"])
    except ValidationError as error:
        raise refusal(f"the record in {CHECKPOINT} {first_problem(error)}.") from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise refusal(f"{CHECKPOINT} is damaged.") from None
    _check_order(record)
    _check_names(record, arrays)
    return record, arrays


def first_problem(error: ValidationError) -> str:
    """The first problem that pydantic found, without the value, which may be long."""
    problem = error.errors(include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:40] for part in problem["loc"][:4])
    return f"is not valid ({where}: {problem['msg'][:100].lower()})" if where else "cannot be read"


def _check_order(record: Record) -> None:
    ordered = {
        "snapshots": [snapshot.step for snapshot in record.snapshots],
        "changes": [change.step for change in record.changes],
        "test evaluations": [evaluation.step for evaluation in record.test_evaluations],
    }
    for name, steps in ordered.items():
        if steps != sorted(steps) or (steps and steps[-1] > record.step):
            raise refusal(f"its {name} are out of order.")
    if len({snapshot.step for snapshot in record.snapshots}) < len(record.snapshots):
        raise refusal("two of its snapshots have the same step.")


def _check_names(record: Record, arrays: Arrays) -> None:
    """Every array must belong to the state, the history or a snapshot; every array that a snapshot names must exist."""
    parts = {"state", "history"}
    for i, snapshot in enumerate(record.snapshots):
        parts |= {f"snapshot/{i}", f"resume/{i}"}
        kept, own = strip_prefix(f"snapshot/{i}/", arrays), strip_prefix(f"resume/{i}/", arrays)
        if not own.keys() <= set(snapshot.state) <= own.keys() | kept.keys():
            raise refusal(f"the arrays of its snapshot at step {snapshot.step:,} do not match its record.")
    for name in arrays:
        match = re.match(r"((?:snapshot|resume)/[0-9]+|state|history)/", name)
        if match is None or match[1] not in parts:
            raise refusal(f"{CHECKPOINT} has an unexpected array {name[:60]!r}.")


# ---------------------------------------------------------------- the arrays


def validate(record: Record, arrays: Arrays, config: AnyRunConfig, trainer: Trainer) -> None:
    """Check that a run can consist of these arrays, and that the trainer can continue from them.

    Args:
        record: of the checkpoint.
        arrays: of the checkpoint.
        config: the run's initial config.
        trainer: a new trainer for the config; it is left in an arbitrary state.

    Raises:
        UserError: says what does not fit.
    """
    _check_history(record, strip_prefix("history/", arrays), trainer)
    _check_snapshots(record, arrays, trainer)
    _check_states(record, arrays, _StateLayouts(trainer, config, record.changes))


def _check_arrays(found: Arrays, expected: Arrays, where: str, may_be_infinite: tuple[str, ...] = ()) -> None:
    """Require the same names, shapes and types, and finite numbers."""
    if different := found.keys() ^ expected.keys():
        name = min(different)
        raise refusal(f"{where} {'lacks' if name in expected else 'has an unexpected'} array {name[:60]!r}.")
    for name, array in found.items():
        model = expected[name]
        dimensions = slice(1 if name in VARIABLE_LENGTH and array.ndim == model.ndim else 0, None)
        if array.shape[dimensions] != model.shape[dimensions] or array.dtype != model.dtype:
            raise refusal(
                f"{name} of {where} has type {array.dtype} and shape {array.shape}, "
                f"but {model.dtype} and {model.shape} are expected."
            )
        if name not in may_be_infinite and not np.isfinite(array).all():
            raise refusal(f"{name} of {where} has values that are not finite.")


def _check_history(record: Record, history: Arrays, trainer: Trainer) -> None:
    if history.keys() != History().arrays().keys():
        raise refusal("its history has other arrays than expected.")
    shape = history["shape"]
    if shape.shape != (2,) or shape.dtype != np.int64:
        raise refusal("its history has an invalid shape.")
    width, steps = (int(number) for number in shape)
    if steps != record.step or not 1 <= width <= 2**40:
        raise refusal("its history does not match its step.")
    n_buckets = math.ceil(steps / width)
    if n_buckets > History.BUCKETS:
        raise refusal("its history is too long.")

    n_ratios = history["ratio_steps"].size
    ratio_shape = _update_ratio_shape(trainer) if n_ratios else history["ratios"].shape[1:]
    expected: Arrays = {
        "head": np.empty(min(steps, History.HEAD), np.float32),
        "sums": np.empty(n_buckets, np.float64),
        "shape": shape,
        "ratio_steps": np.empty(n_ratios, np.int64),
        "ratios": np.empty((n_ratios, *ratio_shape), np.float32),
        "marks": np.empty((history["marks"].size // 2, 2), np.float64),
    }
    _check_arrays(history, expected, "its history", may_be_infinite=("ratios",))
    marked = set(history["marks"][:, 0].tolist())
    if not {snapshot.step for snapshot in record.snapshots if snapshot.state} <= marked | {0, steps}:
        raise refusal("its history has no marks at its snapshots.")


def _update_ratio_shape(trainer: Trainer) -> tuple[int, ...]:
    """The shape of the update ratios of one step."""
    _take_step(trainer)
    return trainer.pop_update_ratios()[1].shape[1:]


def _check_snapshots(record: Record, arrays: Arrays, trainer: Trainer) -> None:
    """Each snapshot must have the arrays and metrics of the trainer's own; with a large model it may lack weights."""
    if not record.snapshots:
        return
    trainer.reset()
    example = trainer.snapshot()
    without_weights = example.without_weights().arrays
    for i, snapshot in enumerate(record.snapshots):
        found, where = strip_prefix(f"snapshot/{i}/", arrays), f"its snapshot at step {snapshot.step:,}"
        is_light = trainer.n_parameters > MAX_WEIGHTS_IN_ALL_SNAPSHOTS and found.keys() == without_weights.keys()
        _check_arrays(found, without_weights if is_light else example.arrays, where)
        if snapshot.metrics.keys() != example.metrics.keys():
            raise refusal(f"{where} has other metrics than expected.")
    names = {name.partition("/")[2] for name in example.metrics}
    if any(not evaluation.metrics.keys() <= names for evaluation in record.test_evaluations):
        raise refusal("its test evaluations have other metrics than expected.")


# ---------------------------------------------------------------- the states


class _StateLayouts:
    """The state dicts that the run's own trainer has: names, shapes and types under the settings of each step."""

    def __init__(self, trainer: Trainer, config: AnyRunConfig, changes: list[ChangeRecord]) -> None:
        self.trainer, self.config, self.changes = trainer, config, changes
        self._known: dict[tuple[Any, ...], Arrays] = {}

    def at(self, step: int) -> Arrays:
        """A state dict as expected at a step. The trainer is left with the settings of that step."""
        settings: dict[str, Any] = {}
        for change in self.changes:
            settings |= change.settings if change.step < step else {}
        train = self.config.train.updated(**settings)
        self.trainer.config = self.config.model_copy(update={"train": train})
        layout = (step > 0, getattr(train, "optimizer", None), getattr(train, "batch_size", None))
        if layout not in self._known:
            if len(self._known) == MAX_STATE_LAYOUTS:
                raise refusal("its settings changed too often.")
            self._known[layout] = self._example(has_begun=step > 0)
        return self._known[layout]

    def _example(self, has_begun: bool) -> Arrays:
        if has_begun:
            _take_step(self.trainer)
        else:
            self.trainer.reset()
        return {name: array.copy() for name, array in self.trainer.state_dict().items()}


def _take_step(trainer: Trainer) -> None:
    """Take the first step, even if it diverges."""
    trainer.reset()
    with suppress(DivergedError, UserError), np.errstate(all="ignore"):
        trainer.train(1)


def _check_states(record: Record, arrays: Arrays, layouts: _StateLayouts) -> None:
    for i, snapshot in enumerate(record.snapshots):
        available = strip_prefix(f"snapshot/{i}/", arrays) | strip_prefix(f"resume/{i}/", arrays)
        if snapshot.state:
            _check_state({name: available[name] for name in snapshot.state}, layouts, snapshot.step)
    if state := strip_prefix("state/", arrays):
        _check_state(state, layouts, record.step, steps=1)
    elif record.step:
        raise refusal(f"{CHECKPOINT} has no state.")


def _check_state(state: Arrays, layouts: _StateLayouts, step: int, steps: int = 0) -> None:
    where = f"its state at step {step:,}"
    _check_arrays(state, layouts.at(step), where, MAY_BE_INFINITE)
    for name, array in state.items():
        if array.dtype.kind in "iu" and not ((array >= 0) & (array <= MAX_STEP)).all():
            raise refusal(f"{name} of {where} is out of range.")
    if int(state["step"]) != step:
        raise refusal(f"{where} belongs to another step.")
    _check_continues(state, layouts.trainer, steps)


def _check_continues(state: Arrays, trainer: Trainer, steps: int) -> None:
    """Load a state, check what the model predicts, and take some steps from there."""
    try:
        with np.errstate(all="ignore"):
            trainer.load_state_dict(state)
            is_finite = _predicts_finite_numbers(trainer)
            if steps:
                with suppress(DivergedError, UserError):  # a run that its own settings stopped may be imported
                    trainer.train(steps)
    except (RuntimeError, ValueError, KeyError, IndexError, ArithmeticError, UserError):
        raise refusal("its state is damaged.") from None
    if not is_finite:
        raise refusal("its model predicts values that are not finite.")


def _predicts_finite_numbers(trainer: Trainer) -> bool:
    if not all(math.isfinite(value) for value in trainer.metrics("train", 100).values()):
        return False
    if not isinstance(trainer, LanguageModelTrainer):
        return True
    trainer.sample(SampleConfig(count=2, length=5))
    return bool(np.isfinite(trainer.next_character()).all())
