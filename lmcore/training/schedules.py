"""Learning-rate schedules, and the patience counter behind plateaus and early stopping."""

import math
from dataclasses import dataclass

import numpy as np

from lmcore.training.config import ClassifierTrainConfig, TrainConfig


def learning_rates(config: TrainConfig, first: int, count: int) -> list[float]:
    """The learning rates of ``count`` steps starting with step ``first`` (the very first step is 0).

    Warmup multiplies by (step + 1) / (warmup + 1). The exponential and cosine schedules reach learning rate × factor at
    the last step.

    Source: cosine annealing without restarts, Loshchilov and Hutter 2017, equation 5.
    """
    steps = np.arange(first, first + count, dtype=np.float64)
    if config.schedule == "constant" and first >= config.warmup:
        return [config.learning_rate] * count
    progress = np.minimum(steps / max(1, config.steps - 1), 1.0)
    match config.schedule:
        case "constant":
            factors = np.ones(count)
        case "step":
            factors = np.where(steps < config.decay_at, 1.0, config.factor)
        case "exponential":
            factors = config.factor**progress
        case "cosine":
            factors = config.factor + (1 - config.factor) * (1 + np.cos(np.pi * progress)) / 2
    warmup = np.minimum((steps + 1) / (config.warmup + 1), 1.0)
    rates: list[float] = (config.learning_rate * factors * warmup).tolist()
    return rates


def epoch_learning_rate(config: ClassifierTrainConfig, epoch: int, plateau_decay: float) -> float:
    """The learning rate of a classifier during an epoch.

    Args:
        epoch: epochs completed before it.
        plateau_decay: product of the decays of the plateau schedule so far.
    """
    match config.schedule:
        case "step":
            return config.learning_rate * config.factor ** (epoch // config.decay_every)
        case "plateau":
            return config.learning_rate * plateau_decay
    return config.learning_rate


@dataclass
class Patience:
    """Counts epochs without improvement."""

    best: float = math.inf
    waited: int = 0

    def update(self, loss: float, min_change: float) -> None:
        """Take in the loss of an epoch; an improvement of more than ``min_change`` resets the counter."""
        if loss < self.best - min_change:
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
