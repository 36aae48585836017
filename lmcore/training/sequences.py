"""Minibatches of consecutive sequences, for truncated backpropagation through time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.errors import UserError

Ids = NDArray[np.integer[Any]]


class SequenceBatches:
    """A text cut into B equal lanes that are read side by side, T characters per step.

    The hidden state of one step carries over to the next. When no whole sequence is left, the next epoch begins at the
    start of every lane, and `starts_epoch` says that the hidden state must be reset to zeros.

    Args:
        ids: the text, shape (N,).
        batch_size: B, lanes.
        length: T, characters per sequence.

    Raises:
        UserError: if the text is too short.
    """

    def __init__(self, ids: Ids, batch_size: int, length: int) -> None:
        needed = batch_size * (length + 1)
        if len(ids) < needed:
            raise UserError(
                f"The text is too short: its train split has {len(ids):,} characters, but a batch of {batch_size:,} "
                f"with sequences of {length:,} needs {needed:,}. "
                "Choose a smaller batch, shorter sequences or a longer text."
            )
        lane = len(ids) // batch_size
        self.ids = np.ascontiguousarray(ids[: batch_size * lane].reshape(batch_size, lane).T)  # (N / B, B)
        self.batch_size, self.length = batch_size, length
        self.position, self.epoch = 0, 0
        self.starts_epoch = True

    def next(self) -> tuple[Ids, Ids]:
        """The next sequences and the characters that follow each of theirs, shape (T, B) both."""
        if self.position + self.length >= len(self.ids):
            self.position, self.epoch = 0, self.epoch + 1
        self.starts_epoch = self.position == 0
        begin, end = self.position, self.position + self.length
        self.position = end
        return self.ids[begin:end], self.ids[begin + 1 : end + 1]

    @property
    def epochs(self) -> float:
        """How many times the text has been read."""
        return self.epoch + self.position / len(self.ids)

    def state_dict(self) -> NDArray[np.int64]:
        """Lanes, position and epoch, shape (3,)."""
        return np.array([self.batch_size, self.position, self.epoch])

    @classmethod
    def from_state(cls, ids: Ids, length: int, state: NDArray[np.int64]) -> "SequenceBatches":
        """Continue where `state_dict` was taken."""
        batch_size, position, epoch = (int(number) for number in state)
        batches = cls(ids, batch_size, length)
        batches.position, batches.epoch = position, epoch
        return batches
