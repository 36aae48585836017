"""Histograms of several arrays over shared bins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Histograms:
    """The share of each array's values that falls into each bin, by the name of the array."""

    edges: NDArray[np.float64]  # (K + 1,)
    shares: dict[str, NDArray[np.float64]]  # (K,) each; values beyond the edges are not counted


def histograms(
    arrays: Mapping[str, Floats], limit: float | None = None, n_bins: int = 80, low: float | None = None
) -> Histograms:
    """Histograms over shared bins.

    Args:
        arrays: by name.
        limit: where the bins end; they begin at -limit, or at ``low``. None for the range of all values.
        n_bins: K.
        low: where the bins begin, if there is a limit.
    """
    low, high = value_range(arrays) if limit is None else (-limit if low is None else low, limit)
    edges = np.linspace(low, high, n_bins + 1)
    return Histograms(
        edges, {name: np.histogram(values, edges)[0] / max(1, values.size) for name, values in arrays.items()}
    )


def value_range(arrays: Mapping[str, Floats]) -> tuple[float, float]:
    """The smallest and the largest value of several arrays; an interval around the value if all are equal."""
    values = [array for array in arrays.values() if array.size]
    low = min((float(array.min()) for array in values), default=0.0)
    high = max((float(array.max()) for array in values), default=0.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def symmetric_limit(arrays: Mapping[str, Floats]) -> float:
    """A limit for the bins: at least 99.9 % of the absolute values of every array are below it."""
    return max((float(np.quantile(np.abs(values), 0.999)) for values in arrays.values()), default=1.0) or 1.0
