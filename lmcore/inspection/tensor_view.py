"""A tensor with its gradient, as a table with labeled rows and columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TensorView:
    """One tensor of a forward pass as a matrix with at least one row and one column."""

    name: str
    code: str  # the expression that computes it
    value: Floats
    gradient: Floats  # of the loss with respect to the tensor
    rows: list[str]  # row labels
    columns: list[str]  # column labels

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self.value.shape
