"""Recipes: published experiments, and the comparison of their numbers with those of a run.

The published numbers are data; the measured ones are read from a run, and from nothing else. Losses are in nats per
character.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lmcore import families
from lmcore.training.config import RunConfig
from lmcore.training.history import Change, History, Snapshot, TestEvaluation

Verdict = Literal["reproduced", "differs", "pending"]

MAX_QUICK_MINUTES = 2.0


class Evidence(Protocol):
    """What a measure reads: a run, such as `lmcore.runs.view.RunView`, or its first step (`FirstStep`)."""

    @property
    def config(self) -> Any:
        """The run's config."""

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters; 0 while unknown."""

    @property
    def history(self) -> History:
        """The loss of every step."""

    @property
    def snapshots(self) -> Sequence[Snapshot]:
        """In the order of their steps."""

    @property
    def test_evaluations(self) -> Sequence[TestEvaluation]:
        """Every evaluation on the test split so far."""


@dataclass(frozen=True)
class Computed:
    """The results of a recipe that is computed instead of trained."""

    values: Mapping[str, float]  # by the name of the published number
    history: History = field(default_factory=History)  # losses of the steps, if there are any


Measure = Callable[[Any], float | None]
"""Reads one number from `Evidence` or `Computed`; None if it is not available yet."""


@dataclass(frozen=True)
class PublishedNumber:
    """A published number, and how to measure it."""

    name: str
    value: float
    tolerance: float  # the largest difference that counts as reproduced
    measure: Measure
    kind: Literal["loss", "share", "count"] = "loss"  # a loss in nats, a share of 1, or a whole number
    step: int | None = None  # of a loss on the loss curve; None for all other numbers
    n_characters: int = 1  # over which a loss is summed
    reason: str = ""  # why the tolerance is what it is, in a sentence

    def format(self, value: float) -> str:
        """A value as its kind is written, with as many digits as the tolerance justifies."""
        match self.kind:
            case "share":
                return f"{value:.2%}"
            case "count":
                return f"{value:,.0f}"
        digits = 6 if self.tolerance < 1e-5 else 4 if self.tolerance < 0.1 else 1
        return f"{value:.{digits}f}"

    def __str__(self) -> str:
        """The published value with its tolerance."""
        value = self.format(self.value)
        if not self.tolerance:
            return value
        return f"{value} ± {self.tolerance:.2%}" if self.kind == "share" else f"{value} ± {self.tolerance:g}"


@dataclass(frozen=True)
class Recipe:
    """A published experiment: a run config, or for one that needs no run, a function that computes its numbers."""

    title: str
    description: str  # what it shows, in one or two sentences
    source: str
    numbers: tuple[PublishedNumber, ...]
    minutes: float  # that it takes on one core, approximately
    config: RunConfig | None = None
    changes: tuple[Change, ...] = ()  # of training settings, on the way
    compute: Callable[[], Computed] | None = None
    text: str = "names"  # the catalog text that it needs; "" if it needs none
    evaluates_test: bool = False  # whether a test loss was published

    @property
    def is_quick(self) -> bool:
        """Whether it takes two minutes at most."""
        return self.minutes <= MAX_QUICK_MINUTES


# ---------------------------------------------------------------- published against measured


@dataclass(frozen=True)
class Check:
    """A published number and the measured one."""

    published: PublishedNumber
    measured: float | None
    verdict: Verdict

    def __str__(self) -> str:
        """One line: the verdict, the name, and both values."""
        measured = "–" if self.measured is None else self.published.format(self.measured)
        return f"{self.verdict:10} {self.published.name}: {measured}, published {self.published}"

    def as_dict(self) -> dict[str, Any]:
        """The check as plain data."""
        return {
            "name": self.published.name,
            "published": self.published.value,
            "tolerance": self.published.tolerance,
            "measured": self.measured,
            "verdict": self.verdict,
        }


def check(recipe: Recipe, evidence: Evidence | Computed | None) -> list[Check]:
    """Compare each published number with the one that the evidence shows; all are pending if there is no evidence."""
    return checks(recipe, measure(recipe, evidence))


def measure(recipe: Recipe, evidence: Evidence | Computed | None) -> list[float | None]:
    """What the evidence shows of each published number; None where it does not show it yet."""
    return [None if evidence is None else published.measure(evidence) for published in recipe.numbers]


def checks(recipe: Recipe, measured: Sequence[float | None]) -> list[Check]:
    """Compare each published number with the measured one."""
    return [_check(published, value) for published, value in zip(recipe.numbers, measured, strict=True)]


def _check(published: PublishedNumber, measured: float | None) -> Check:
    if measured is None:
        return Check(published, None, "pending")
    is_close = abs(measured - published.value) <= published.tolerance
    return Check(published, measured, "reproduced" if is_close else "differs")


def summarize(checks: Sequence[Check]) -> str:
    """The verdicts in one sentence."""
    verdicts = [check.verdict for check in checks]
    sentence = f"{verdicts.count('reproduced')} of {len(checks)} published numbers reproduced"
    if n_differ := verdicts.count("differs"):
        sentence += f", {n_differ} differ{'s' if n_differ == 1 else ''}"
    if n_pending := verdicts.count("pending"):
        sentence += f", {n_pending} pending"
    return f"{sentence}."


@dataclass(frozen=True)
class Deviations:
    """How far measured numbers are from the published ones."""

    names: list[str]  # (P,)
    in_tolerances: NDArray[np.float64]  # (P,), measured minus published, in tolerances; nan where pending
    verdicts: list[Verdict]  # (P,)
    descriptions: list[str]  # (P,)


def deviations(checks: Sequence[Check]) -> Deviations:
    """The deviation of each measured number."""
    return Deviations(
        [check.published.name for check in checks],
        np.array([_deviation(check) for check in checks], dtype=float),
        [check.verdict for check in checks],
        [str(check) for check in checks],
    )


def _deviation(check: Check) -> float:
    if check.measured is None:
        return np.nan
    difference = check.measured - check.published.value
    if not check.published.tolerance:
        return float(np.sign(difference)) * np.inf if difference else 0.0
    return difference / check.published.tolerance


@dataclass(frozen=True)
class PublishedLosses:
    """The published losses that belong to a step, for the loss curve."""

    steps: NDArray[np.float64]  # (Q,)
    losses: NDArray[np.float64]  # (Q,), nats per character
    verdicts: list[Verdict]  # (Q,)
    descriptions: list[str]  # (Q,)


def published_losses(checks: Sequence[Check]) -> PublishedLosses:
    """The published losses that belong to a step."""
    on_curve = [check for check in checks if check.published.step is not None]
    return PublishedLosses(
        np.array([check.published.step for check in on_curve], dtype=float),
        np.array([check.published.value / check.published.n_characters for check in on_curve], dtype=float),
        [check.verdict for check in on_curve],
        [str(check) for check in on_curve],
    )


# ---------------------------------------------------------------- the first step


@dataclass(frozen=True)
class FirstStep:
    """The evidence of a run's first step, computed without a run: the numbers of the untrained model."""

    config: RunConfig
    n_parameters: int
    history: History
    snapshots: tuple[Snapshot, ...]
    test_evaluations: tuple[TestEvaluation, ...] = ()
    changes: tuple[Change, ...] = ()


def first_step(config: RunConfig) -> FirstStep:
    """The untrained model of a recipe and the loss of its first minibatch.

    Raises:
        UserError: if the text is not on this computer.
    """
    trainer = families.make_trainer(config)
    snapshot, history = trainer.snapshot(), History()
    history.add(trainer.train(1))
    return FirstStep(config, trainer.n_parameters, history, (snapshot,))
