"""The learning-rate range test (Smith 2017): grow the rate at every step, watch the loss, let a jury read the curve.

Losses are in nats per character. Dimensions: S steps taken, K seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.corpora import Corpus
from lmcore.errors import UserError
from lmcore.training import DivergedError, RunConfig, Trainer

Floats = NDArray[np.float64]
FEWEST = 20  # steps from which a curve can be read
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
class Sweep:
    """One sweep, up to where it diverged."""

    rates: Floats  # (S,)
    losses: Floats  # (S,)
    smoothed: Floats  # (S,)
    diverged: bool


@dataclass(frozen=True, eq=False)
class Finding:
    """Several sweeps, and what each rule reads from their mean."""

    sweeps: list[Sweep]  # (K,)
    rates: Floats  # (S,), up to the shortest sweep
    mean: Floats  # (S,), of the smoothed losses
    low: Floats  # (S,)
    high: Floats  # (S,)
    suggestions: dict[str, float]  # rule -> rate; empty where the curve cannot be read
    remark: str  # what to know or to change; empty if all is well


def sweep(config: RunConfig, settings: SweepConfig, seed: int, corpus: Corpus | None = None) -> Sweep:
    """One pass over the rates with a fresh copy of the model; it ends where the loss blows up.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    grow = np.geomspace if settings.growth == "exponential" else np.linspace
    rates = grow(settings.lowest, settings.highest, settings.sweep_steps)
    plain = {"seed": seed, "schedule": "constant", "warm_up": 0}
    trainer = Trainer(config.model_copy(update={"train": config.train.model_copy(update=plain)}), corpus)
    losses: list[float] = []
    mean, lowest, diverged = 0.0, np.inf, False
    for step, rate in enumerate(rates.tolist()):
        train = trainer.config.train.model_copy(update={"learning_rate": rate})
        trainer.config = trainer.config.model_copy(update={"train": train})
        try:
            losses.append(float(trainer.train(1)[0]))
        except DivergedError:
            diverged = True
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * losses[-1]
        smoothed = mean / (1 - SMOOTHING ** (step + 1))  # bias-corrected, as in Adam
        lowest = min(lowest, smoothed)
        if smoothed > BLOWN_UP * lowest:
            diverged = True
            break
    curve = pd.Series(losses, dtype=float).ewm(alpha=1 - SMOOTHING).mean().to_numpy()
    return Sweep(rates[: len(losses)], np.array(losses), curve, diverged)


def find(config: RunConfig, settings: SweepConfig, corpus: Corpus | None = None) -> Finding:
    """Sweeps from several seeds, and the jury's reading of their mean.

    Raises:
        UserError: if the range is empty, or the text or the settings do not allow the run.
    """
    if settings.lowest >= settings.highest:
        raise UserError("The lowest rate must be below the highest.")
    sweeps = [sweep(config, settings, config.train.seed + i, corpus) for i in range(settings.seeds)]
    S = min(len(one.losses) for one in sweeps)
    together = np.array([one.smoothed[:S] for one in sweeps])
    rates = sweeps[0].rates[:S]
    mean = together.mean(0) if S else np.zeros(0)
    suggestions = {name: rule(rates, mean) for name, (rule, _) in JURY.items()} if S >= FEWEST else {}
    low, high = (together.min(0), together.max(0)) if S else (mean, mean)
    return Finding(sweeps, rates, mean, low, high, suggestions, _remark(sweeps, S))


def _remark(sweeps: list[Sweep], shortest: int) -> str:
    if shortest < FEWEST:
        return f"It diverged after {shortest} steps: too few to read. Begin with a lower rate, or take more steps."
    if not any(one.diverged for one in sweeps):
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
