"""The learning-rate range test (Smith 2017): raise the learning rate at every step, watch the loss, read the curve.

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
from lmcore.families import make_trainer
from lmcore.training.config import RunConfig
from lmcore.training.language_model import LanguageModelTrainer
from lmcore.training.trainer import DivergedError

Floats = NDArray[np.float64]
MIN_STEPS = 20  # a shorter curve cannot be read
BLOCK = 10  # steps between two checks for divergence
SMOOTHING = 0.95  # of the exponentially weighted mean
MAX_RISE = 4.0  # a smoothed loss above this multiple of its minimum has diverged


class SweepConfig(Config):
    """Which learning rates are tried."""

    lowest: float = Field(1e-4, gt=0, le=100, description="Learning rate of the first step.")
    highest: float = Field(20.0, gt=0, le=1000, description="Learning rate of the last step.")
    sweep_steps: int = Field(300, ge=MIN_STEPS, le=2000, description="Steps per sweep.")
    growth: Literal["exponential", "linear"] = Field(
        "exponential", description="Growth of the learning rate from step to step."
    )
    seeds: int = Field(3, ge=1, le=8, description="Sweeps, each with its own initial weights and minibatches.")


@dataclass(frozen=True, eq=False)
class Sweeps:
    """Sweeps from several seeds, side by side, as far as they have come."""

    rates: Floats  # (S,)
    losses: Floats  # (S, K)
    done: bool
    diverged: bool
    states: tuple[dict[str, NDArray[Any]], ...]  # (K,), state dicts to continue from; none when done


@dataclass(frozen=True, eq=False)
class Finding:
    """What each rule reads from the mean of several sweeps."""

    rates: Floats  # (S,)
    mean: Floats  # (S,), of the smoothed losses
    low: Floats  # (S,)
    high: Floats  # (S,)
    suggestions: dict[str, float]  # learning rate by rule; empty while the sweeps are running or unreadable
    remark: str  # what to know or to change; empty if all is well


def run_sweeps(
    config: RunConfig,
    settings: SweepConfig,
    sweeps: Sweeps | None = None,
    seconds: float = math.inf,
    corpus: Corpus | None = None,
) -> Sweeps:
    """Continue sweeps for some seconds; begin them if there are none yet.

    All of them end where the first one diverges. The numbers do not depend on how time is cut.

    Args:
        config: the model, the text, and the seed of the first sweep.
        settings: the learning rates.
        sweeps: to continue.
        seconds: to run for; at least one block of steps is taken.
        corpus: loaded as the config says if None.

    Raises:
        UserError: if the range is empty, or the text or the settings do not allow the run.
    """
    if settings.lowest >= settings.highest:
        raise UserError("The lowest learning rate must be below the highest.")
    grow = np.geomspace if settings.growth == "exponential" else np.linspace
    rates = grow(settings.lowest, settings.highest, settings.sweep_steps)
    losses = sweeps.losses if sweeps else np.zeros((0, settings.seeds))
    trainers = _trainers(config, settings, sweeps, corpus)
    began, diverged = time.perf_counter(), False
    while len(losses) < len(rates) and not diverged:
        block = rates[len(losses) : len(losses) + BLOCK].tolist()
        new = np.stack([_losses(trainer, block) for trainer in trainers], axis=1)
        losses, diverged = _until_divergence(np.concatenate([losses, new]))
        if time.perf_counter() - began > seconds:
            break
    S = len(losses)
    done = diverged or len(rates) == S
    states = () if done else tuple(trainer.state_dict() for trainer in trainers)
    return Sweeps(rates[:S], losses, done, diverged, states)


def _trainers(
    config: RunConfig, settings: SweepConfig, sweeps: Sweeps | None, corpus: Corpus | None
) -> list[LanguageModelTrainer]:
    trainers = []
    for i in range(settings.seeds):
        train = config.train.model_copy(update={"seed": config.train.seed + i})
        trainers.append(make_trainer(config.model_copy(update={"train": train}), corpus))
        if sweeps:
            trainers[-1].load_state_dict(sweeps.states[i])
    return trainers


def _losses(trainer: LanguageModelTrainer, rates: list[float]) -> Floats:
    """The loss of each step; nan from where it diverged."""
    try:
        return trainer.train_with(rates).astype(float)
    except DivergedError as error:
        return np.append(error.losses[:-1].astype(float), np.nan)


def _until_divergence(losses: Floats) -> tuple[Floats, bool]:
    """The steps before a loss is lost or rises far above its minimum, and whether that happened."""
    smoothed = _smoothed(losses)
    lost = ~np.isfinite(losses).all(1)
    risen = (smoothed > MAX_RISE * np.fmin.accumulate(smoothed)).any(1)
    ends = [*np.flatnonzero(lost)[:1], *np.flatnonzero(risen)[:1] + 1, len(losses)]
    return losses[: min(ends)], len(ends) > 1


def _smoothed(losses: Floats) -> Floats:
    """Exponentially weighted means with bias correction, as in Adam, shape as given."""
    means: Floats = pd.DataFrame(losses).ewm(alpha=1 - SMOOTHING).mean().to_numpy()
    return means


def read_sweeps(sweeps: Sweeps) -> Finding:
    """What every rule reads from the mean of the sweeps; while they are running, the mean alone."""
    smoothed = _smoothed(sweeps.losses)
    mean, low, high = smoothed.mean(1), smoothed.min(1), smoothed.max(1)
    readable = sweeps.done and len(mean) >= MIN_STEPS
    suggestions = {name: rule(sweeps.rates, mean) for name, (rule, _) in RULES.items()} if readable else {}
    return Finding(sweeps.rates, mean, low, high, suggestions, _remark(sweeps))


def _remark(sweeps: Sweeps) -> str:
    S = len(sweeps.rates)
    if not sweeps.done:
        return ""
    if S < MIN_STEPS:
        return (
            f"Training diverged after {S} steps: too few to read. Begin with a lower learning rate, or take more steps."
        )
    if not sweeps.diverged:
        return "Training never diverged: the best learning rate may lie above the range. Raise the highest one."
    return ""


# ---------------------------------------------------------------- rules


def steepest(rates: Floats, losses: Floats) -> float:
    """Where the loss falls fastest against the logarithm of the rate."""
    return float(rates[np.gradient(losses, np.log(rates)).argmin()])


def tenth_of_minimum(rates: Floats, losses: Floats) -> float:
    """A tenth of the learning rate at which the loss is lowest."""
    return float(rates[losses.argmin()] / 10)


def valley(rates: Floats, losses: Floats) -> float:
    """Halfway down the longest decreasing subsequence of losses (after fastai's rule of this name)."""
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
    """Going back from the end, where the slope stops changing quickly (after fastai's rule of this name)."""
    slopes = np.gradient(losses)
    right, left = len(losses) - 1, max(0, len(losses) - 1 - width)
    while left > 0 and abs(slopes[right] - slopes[left]) > threshold:
        right, left = right - 1, left - 1
    return float(rates[left])


def below_divergence(rates: Floats, losses: Floats) -> float:
    """Half of the largest learning rate at which the loss is still closer to its minimum than to its start."""
    fine = losses <= (losses[0] + losses.min()) / 2
    return float(rates[np.flatnonzero(fine)[-1]] / 2)


RULES: dict[str, tuple[Callable[[Floats, Floats], float], str]] = {
    "valley": (valley, "Halfway down the longest descent of the curve."),
    "slide": (slide, "The last learning rate before the slope changes quickly, seen from the end."),
    "steepest": (steepest, "Where the loss falls fastest: bold, not safe."),
    "minimum / 10": (tenth_of_minimum, "A tenth of the learning rate with the lowest loss."),
    "below divergence": (below_divergence, "Half of the largest learning rate that still trains well."),
}
"""How each rule reads the curve: the function, and one sentence. They often disagree; a race decides."""
