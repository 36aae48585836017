"""A reader is a language model as generation sees it: logits of the next character, and a state.

Dimensions: B texts read side by side, L characters of one text, T characters of context, H hidden units,
V characters in the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

MAX_WINDOWS = 4096
"""Windows that `WindowReader.logits` feeds to its model at once."""


class Reader(Protocol):
    """A language model that reads texts character by character. It holds no state, so threads can share it."""

    @property
    def has_window(self) -> bool:
        """Whether it sees a window of the text, zeros before its beginning, and not all that it has read."""
        ...

    def start(self, n: int) -> tuple[torch.Tensor, Any]:
        """Logits of the first character of ``n`` texts, shape (n, V), and the state before it."""
        ...

    def step(self, ids: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Read one character of each text: indices (B,) and a state to logits (B, V) of the next one and its state."""
        ...

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits before each character of one text and after its last: indices (L,) to logits (L + 1, V)."""
        ...


# ---------------------------------------------------------------- models with a fixed context


class WindowModel(Protocol):
    """A model that predicts the next character from the last T ones."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of the next character: indices (B, T) to logits (B, V)."""
        ...


@dataclass(frozen=True)
class WindowReader:
    """The reader of a model that sees the last ``context`` characters; index 0 stands for those before the text.

    Its state is the window, shape (B, T).
    """

    model: WindowModel
    context: int  # T
    has_window = True

    def start(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Reader.start`."""
        window = torch.zeros((n, self.context), dtype=torch.int64)  # (B, T)
        return self.model.forward(window), window

    def step(self, ids: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Reader.step`."""
        window = torch.cat([state, ids.unsqueeze(1)], dim=1)[:, 1:] if self.context else state  # (B, T)
        return self.model.forward(window), window

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        """See `Reader.logits`."""
        padded = torch.cat([torch.zeros(self.context, dtype=torch.int64), ids])  # (T + L,)
        windows = padded.unfold(0, self.context, 1) if self.context else padded.new_zeros((len(ids) + 1, 0))
        return torch.cat([self.model.forward(part) for part in torch.split(windows, MAX_WINDOWS)])  # (L + 1, V)


# ---------------------------------------------------------------- recurrent models


class RecurrentModel(Protocol):
    """A recurrent network. Its arrays are NumPy's or torch's, and so is its state."""

    @property
    def theta(self) -> Any:
        """All weights in one vector."""
        ...

    def initial_state(self, n: int) -> Any:
        """The hidden state of ``n`` texts before their first character."""
        ...

    def step(self, ids: NDArray[np.int64], state: Any) -> tuple[Any, Any]:
        """Read one character of each text: indices (B,) and a state to logits (B, V) and the next state."""
        ...

    def read(self, ids: NDArray[Any], state: Any) -> tuple[Any, Any, Any]:
        """Read one text: indices (L,) to log-probabilities (L, V), hidden states (L, H) and the last state."""
        ...


@dataclass(frozen=True)
class RecurrentReader:
    """The reader of a recurrent network. Its state is that of the network.

    Before each text it reads the characters ``opening``, shape (L,), such as `Corpus.opening`. A network that carries
    its hidden state through training hardly ever meets a state of zeros there, and may do anything after one.
    """

    model: RecurrentModel
    opening: tuple[int, ...]
    has_window = False

    def start(self, n: int) -> tuple[torch.Tensor, Any]:
        """See `Reader.start`."""
        state = self.model.initial_state(n)
        for i in self.opening:
            logits, state = self.model.step(np.full(n, i), state)
        return torch.as_tensor(logits), state

    def step(self, ids: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """See `Reader.step`."""
        logits, state = self.model.step(ids.numpy(), state)
        return torch.as_tensor(logits), state

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        """See `Reader.logits`; log-probabilities, which are logits as well."""
        log_p, _, _ = self.model.read(np.append(self.opening, ids.numpy()), self.model.initial_state(1))
        return torch.as_tensor(log_p[len(self.opening) - 1 :])
