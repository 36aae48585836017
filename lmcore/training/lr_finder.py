"""The learning-rate range test (Smith 2017): grow the rate at every step, watch the loss, let a jury read the curve.

Losses are in nats per character. Dimensions: S steps taken, K seeds.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.training.training import DivergedError, RunConfig, Trainer

Floats = NDArray[np.float64]
FEWEST = 20  # steps from which a curve can be read
BLOCK = 10  # steps between two looks at whether a sweep has diverged
SMOOTHING = 0.95  # of the exponentially weighted mean
BLOWN_UP = 4.0  # times its minimum: a smoothed loss above has diverged


class SweepConfig(Config):
    """Which rates are tried."""

    lowest: float = Field(1e-4, gt=0, le=100, description="Learning rate of the first step.")
    highest: float = Field(20.0, gt=0, le=1000, description="Learning rate of the last step.")
    sweep_steps: int = Field(300, ge=FEWEST, le=2000, description="Steps of a sweep.")
    growth: Literal["exponential", "linear"] = Field("exponential", description="How the rate grows.")
    seeds: int = Field(3, ge=1, le=8, description="Sweeps from different starting weights and batches.")


@dataclass(frozen=True, eq=False)
class Sweeps:
    """Sweeps from several seeds, side by side, as far as they have come."""

    rates: Floats  # (S,)
    losses: Floats  # (S, K)
    done: bool
    diverged: bool
    states: tuple[dict[str, NDArray[Any]], ...]  # (K,), of the nets, to go on from


@dataclass(frozen=True, eq=False)
class Finding:
    """What each rule reads from the mean of several sweeps."""

    rates: Floats  # (S,)
    mean: Floats  # (S,), of the smoothed losses
    low: Floats  # (S,)
    high: Floats  # (S,)
    suggestions: dict[str, float]  # rule -> rate; empty while the sweeps go on, or where the curve cannot be read
    remark: str  # what to know or to change; empty if all is well


def go_on(
    config: RunConfig,
    settings: SweepConfig,
    sweeps: Sweeps | None = None,
    seconds: float = math.inf,
    corpus: Corpus | None = None,
) -> Sweeps:
    """Takes fresh copies of the model, one for each seed, over the rates for some seconds, from where ``sweeps`` ended.

    All end where the first of them blows up. The numbers do not depend on how the time was cut.

    Raises:
        UserError: if the range is empty, or the text or the settings do not allow the run.
    """
    if settings.lowest >= settings.highest:
        raise UserError("The lowest rate must be below the highest.")
    grow = np.geomspace if settings.growth == "exponential" else np.linspace
    rates = grow(settings.lowest, settings.highest, settings.sweep_steps)
    losses = sweeps.losses if sweeps else np.zeros((0, settings.seeds))
    trainers = _trainers(config, settings, sweeps, corpus)
    began, diverged = time.perf_counter(), False
    while len(losses) < len(rates) and not diverged:
        block = rates[len(losses) : len(losses) + BLOCK].tolist()
        taken = np.stack([_losses(trainer, block) for trainer in trainers], axis=1)
        losses, diverged = _up_to_divergence(np.concatenate([losses, taken]))
        if time.perf_counter() - began > seconds:
            break
    S = len(losses)
    return Sweeps(rates[:S], losses, diverged or len(rates) == S, diverged, tuple(t.state() for t in trainers))


def _trainers(config: RunConfig, settings: SweepConfig, sweeps: Sweeps | None, corpus: Corpus | None) -> list[Trainer]:
    trainers = []
    for i in range(settings.seeds):
        train = config.train.model_copy(update={"seed": config.train.seed + i})
        trainers.append(Trainer(config.model_copy(update={"train": train}), corpus))
        if sweeps:
            trainers[-1].restore(sweeps.states[i])
    return trainers


def _losses(trainer: Trainer, rates: list[float]) -> Floats:
    """The loss of each step; from where it diverged, nan."""
    try:
        return trainer.train(len(rates), rates).astype(float)
    except DivergedError as error:
        return np.append(error.losses[:-1].astype(float), np.nan)


def _up_to_divergence(losses: Floats) -> tuple[Floats, bool]:
    """The steps before one is lost, and up to where a smoothed loss is far above its lowest; whether there is such."""
    smoothed = _smoothed(losses)
    lost = ~np.isfinite(losses).all(1)
    blown_up = (smoothed > BLOWN_UP * np.fmin.accumulate(smoothed)).any(1)
    ends = [*np.flatnonzero(lost)[:1], *np.flatnonzero(blown_up)[:1] + 1, len(losses)]
    return losses[: min(ends)], len(ends) > 1


def _smoothed(losses: Floats) -> Floats:
    """Exponentially weighted means with bias correction, as in Adam, shape as given."""
    means: Floats = pd.DataFrame(losses).ewm(alpha=1 - SMOOTHING).mean().to_numpy()
    return means


def read(sweeps: Sweeps) -> Finding:
    """The jury's reading of the sweeps' mean; while they go on, the mean alone."""
    smoothed = _smoothed(sweeps.losses)
    mean, low, high = smoothed.mean(1), smoothed.min(1), smoothed.max(1)
    readable = sweeps.done and len(mean) >= FEWEST
    suggestions = {name: rule(sweeps.rates, mean) for name, (rule, _) in JURY.items()} if readable else {}
    return Finding(sweeps.rates, mean, low, high, suggestions, _remark(sweeps))


def _remark(sweeps: Sweeps) -> str:
    S = len(sweeps.rates)
    if not sweeps.done:
        return ""
    if S < FEWEST:
        return f"It diverged after {S} steps: too few to read. Begin with a lower rate, or take more steps."
    if not sweeps.diverged:
        return "It never diverged: the best rate may lie above the range. Raise the highest rate."
    return ""


# ---------------------------------------------------------------- the jury


def steepest(rates: Floats, losses: Floats) -> float:
    """Where the loss falls fastest against the logarithm of the rate."""
    return float(rates[np.gradient(losses, np.log(rates)).argmin()])


def tenth_of_minimum(rates: Floats, losses: Floats) -> float:
    """A tenth of the rate at which the loss is lowest."""
    return float(rates[losses.argmin()] / 10)


def valley(rates: Floats, losses: Floats) -> float:
    """Half-way down the longest decreasing subsequence of losses (after fastai's rule of this name)."""
    longest = np.ones(len(losses), dtype=int)
    before = np.full(len(losses), -1)
    for i in range(1, len(losses)):
        higher = np.flatnonzero(losses[:i] > losses[i])
        if len(higher):
            before[i] = higher[longest[higher].argmax()]
            longest[i] = longest[before[i]] + 1
    path = [int(longest.argmax())]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return float(rates[path[len(path) // 2]])


def slide(rates: Floats, losses: Floats, width: int = 15, threshold: float = 0.005) -> float:
    """Walking back from the end, the rate where the slope stops changing quickly (after fastai's rule of this name)."""
    slopes = np.gradient(losses)
    right, left = len(losses) - 1, max(0, len(losses) - 1 - width)
    while left > 0 and abs(slopes[right] - slopes[left]) > threshold:
        right, left = right - 1, left - 1
    return float(rates[left])


def below_divergence(rates: Floats, losses: Floats) -> float:
    """Half of the largest rate at which the loss is still nearer to its minimum than to where it began."""
    fine = losses <= (losses[0] + losses.min()) / 2
    return float(rates[np.flatnonzero(fine)[-1]] / 2)


JURY: dict[str, tuple[Callable[[Floats, Floats], float], str]] = {
    "valley": (valley, "Half-way down the longest fall of the curve."),
    "slide": (slide, "The last rate before the slope turns quickly, seen from the end."),
    "steepest": (steepest, "Where the loss falls fastest; the boldest learner, not the safest."),
    "minimum / 10": (tenth_of_minimum, "A tenth of the rate with the lowest loss."),
    "below divergence": (below_divergence, "Half of the last rate that still does well."),
}
"""Rules by name: how each reads the curve, in code and in words. They often disagree; a race decides."""
