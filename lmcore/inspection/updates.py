"""How large gradients and updates are relative to the weights, over the steps of a run.

Dimensions: R measured steps, P weight matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmcore.training.history import History

TARGET_LOG_RATIO = -3.0
"""log10 of a healthy ratio of update to weights: about a thousandth per step (Karpathy, makemore, part 3)."""

TOLERANCE = 1.5
"""Powers of ten by which an update may differ from the target before `diagnose_updates` mentions it."""


@dataclass(frozen=True, eq=False)
class Updates:
    """Ratios of standard deviations, as base-10 logarithms; nan where undefined."""

    steps: NDArray[np.int64]  # (R,)
    names: list[str]  # (P,), of the weight matrices
    gradients: NDArray[np.float64]  # (R, P), log10(std of the gradient / std of the weights)
    updates: NDArray[np.float64]  # (R, P), log10(std of the update / std of the weights)


def updates(history: History, names: Sequence[str]) -> Updates:
    """The ratios that a run has recorded (`LayeredTrainer.pop_update_ratios`); undefined where weights were all zero.

    Args:
        history: the run's.
        names: of the weight matrices, in the order of the model.
    """
    ratios = history.ratios.reshape(-1, len(names), 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(ratios.astype(float))
    logs[~np.isfinite(logs)] = np.nan
    return Updates(history.ratio_steps, list(names), logs[:, :, 0], logs[:, :, 1])


def diagnose_updates(record: Updates, n_last: int = 10) -> list[str]:
    """Weight matrices whose latest updates are too large or too small, one sentence each.

    There is a single sentence if all are fine, or before the first step.
    """
    if not len(record.steps):
        return ["No updates yet: they are measured from the first step on."]
    problems = []
    for name, values in zip(record.names, record.updates[-n_last:].T, strict=True):
        log_ratio = float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
        if np.isnan(log_ratio):
            problems.append(f"{name} does not change at all.")
        elif log_ratio < TARGET_LOG_RATIO - TOLERANCE:
            problems.append(f"{name} barely changes: its updates are 10^{log_ratio:.1f} times the size of its weights.")
        elif log_ratio > TARGET_LOG_RATIO + TOLERANCE:
            excess = 10 ** (log_ratio - TARGET_LOG_RATIO)
            problems.append(f"{name}: the updates are {excess:.0f} times as large as they should be.")
    return problems or [
        f"The updates of every weight matrix are within a factor of {10**TOLERANCE:.0f} of a thousandth of its weights."
    ]
