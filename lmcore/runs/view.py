"""What a page sees of a run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmcore.families import AnyRunConfig
from lmcore.runs.run import Fork, Status, fork_steps
from lmcore.training.config import BaseTrainConfig
from lmcore.training.history import Change, History, Snapshot, TestEvaluation


@dataclass(frozen=True)
class RunView:
    """A run at one moment, for a page to draw. Nothing in it changes any more."""

    id: str
    status: Status
    pausing: bool  # it pauses as soon as the slice in flight is over
    message: str
    warning: str
    config: AnyRunConfig  # with all changes applied
    step: int
    n_parameters: int
    wall_seconds: float  # of training
    steps_per_second: float
    queue_position: int  # from 1; 0 if not queued
    history: History
    snapshots: tuple[Snapshot, ...]
    changes: tuple[Change, ...]
    diverged_losses: NDArray[np.float32]  # of the slice that diverged
    test_evaluations: tuple[TestEvaluation, ...]
    initial_train: BaseTrainConfig  # the training settings of the first step
    origin: Fork | None = None

    @property
    def fork_steps(self) -> list[int]:
        """Steps where a fork can begin (`Run.fork`)."""
        return fork_steps(self.step, self.snapshots)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last step at the present speed; None while the speed is unknown."""
        left = self.config.train.steps - self.step
        return left / self.steps_per_second if self.steps_per_second > 0 else None
