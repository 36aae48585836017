"""Recurrent networks in PyTorch: plain, GRU and LSTM, of one to three layers.

Dimensions: B texts at once, T characters of a sequence, E numbers an embedding, H hidden units a layer, V characters
in the vocabulary. Their gradients are autograd's; `lmcore.models.numpy_rnn` has them by hand.
"""

import math
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lmcore.config import Config, Field
from lmcore.errors import UserError

Cell = Literal["rnn", "gru", "lstm"]
Carried = Any
"""What a layer carries on: the hidden state, shape (1, B, H); of an LSTM a pair of it and the cell's state."""

CELLS: dict[str, type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
GATES: dict[str, int] = {"rnn": 1, "gru": 3, "lstm": 4}
"""How many vectors of H numbers each layer computes for each character."""

MAX_HIDDEN = 1024


class RecurrentConfig(Config):
    """The shape of the network, and what keeps its training in order."""

    family: Literal["recurrent"] = Field("recurrent", description="Name of the model family.")
    cell: Cell = Field("lstm", description="What carries the memory on: a plain layer, one with gates, or with a cell.")
    embedding: int = Field(32, ge=1, le=512, description="Numbers that describe each character.")
    hidden: int = Field(128, ge=1, le=MAX_HIDDEN, description="Units of each layer.")
    layers: int = Field(1, ge=1, le=3, description="Layers, each of which reads what the one below remembers.")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the units above and below each layer that a step leaves out."
    )
    sequence: int = Field(64, ge=1, le=1000, description="Characters that the network is unrolled over in each step.")
    clip_at: float = Field(1.0, gt=0, le=1000, description="Largest norm of a step's whole gradient.")


class RecurrentNet(nn.Module):
    """Embedding, recurrent layers, output: (T, B) indices to (T, B, V) logits and what is carried on.

    All weights lie in one vector `theta`, their gradients in `grad`. The generator draws the embeddings as standard
    normals, then each layer's weights and biases from the bottom up and the output's weights, uniform within
    ±1/sqrt(H) as PyTorch has them; an LSTM's forget gate starts with a bias of 1 (Jozefowicz et al. 2015).

    Source: Elman 1990; Cho et al. 2014; Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    Dropout is on what goes from layer to layer, not on what is carried on (Zaremba et al. 2014).
    """

    def __init__(
        self,
        config: RecurrentConfig,
        vocabulary_size: int,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.config = config
        H, cell = config.hidden, CELLS[config.cell]
        widths = [config.embedding] + [H] * (config.layers - 1)
        self.embedding = nn.Embedding(vocabulary_size, config.embedding, dtype=dtype)
        self.layers = nn.ModuleList([cell(width, H, dtype=dtype) for width in widths])
        self.output = nn.Linear(H, vocabulary_size, dtype=dtype)
        self._draw(generator)
        self._lay_out()

    @torch.no_grad()
    def _draw(self, generator: torch.Generator) -> None:
        bound = 1 / math.sqrt(self.config.hidden)
        self.embedding.weight.normal_(generator=generator)
        for weight in self.layers.parameters():
            weight.uniform_(-bound, bound, generator=generator)
        self.output.weight.uniform_(-bound, bound, generator=generator)
        self.output.bias.zero_()
        if self.config.cell == "lstm":
            H = self.config.hidden
            for layer in self.layers:
                layer.get_parameter("bias_ih_l0")[H : 2 * H] = 1  # the gates are input, forget, cell, output
                layer.get_parameter("bias_hh_l0")[H : 2 * H] = 0

    def _lay_out(self) -> None:
        """Moves every weight and its gradient into two vectors, of which they are views."""
        weights = list(self.parameters())
        self.theta = torch.cat([weight.detach().reshape(-1) for weight in weights])
        self.grad = torch.zeros_like(self.theta)
        start = 0
        for weight in weights:
            part = slice(start, start + weight.numel())
            weight.data = self.theta[part].view(weight.shape)
            weight.grad = self.grad[part].view(weight.shape)
            start = part.stop

    @property
    def matrices(self) -> dict[str, slice]:
        """Where the weights that are not biases lie in `theta`, by name."""
        places, start = {}, 0
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                places[name] = slice(start, start + weight.numel())
            start += weight.numel()
        return places

    def forward(
        self, ids: Tensor, carried: list[Carried] | None, dice: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, list[Carried]]:
        """Reads sequences.

        Args:
            ids: shape (T, B).
            carried: what each layer carries from before; zeros if None.
            dice: of dropout, in training; None leaves nothing out.

        Returns:
            logits (T, B, V), hidden states of all layers side by side (T, B, layers × H), what is carried on.
        """
        x, states, after = self._drop(self.embedding(ids), dice), [], []
        for i, layer in enumerate(self.layers):
            x, kept = layer(x, None if carried is None else carried[i])
            states.append(x)
            after.append(kept)
            x = self._drop(x, dice)
        return self.output(x), torch.cat(states, 2), after

    def _drop(self, x: Tensor, dice: torch.Generator | None) -> Tensor:
        keep = 1 - self.config.dropout
        if dice is None or keep == 1:
            return x
        return x * torch.empty_like(x).bernoulli_(keep, generator=dice).div_(keep)

    # ------------------------------------------------------------ reading, as lmcore.generation.sampling.Remembering

    def initial(self, count: int) -> list[Carried]:
        """What is carried before any character, for so many texts: zeros."""
        zeros = torch.zeros(1, count, self.config.hidden, dtype=self.theta.dtype)
        return [(zeros, zeros) if self.config.cell == "lstm" else zeros for _ in self.layers]

    def joined(self, parts: list[Tensor]) -> list[Carried]:
        """What `flattened` took apart."""
        return list(zip(parts[::2], parts[1::2], strict=True)) if self.config.cell == "lstm" else parts

    @torch.inference_mode()
    def advance(self, ids: NDArray[np.int64], carried: list[Carried]) -> tuple[Tensor, list[Carried]]:
        """Reads one character of each text: (B,) indices to (B, V) logits, and what is carried on."""
        logits, _, after = self.forward(torch.as_tensor(ids, dtype=torch.int64).unsqueeze(0), carried)
        return logits[0], after

    @torch.inference_mode()
    def read(
        self, ids: NDArray[Any], carried: list[Carried]
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]], list[Carried]]:
        """What the network expects, and its states, after each character of one text.

        Args:
            ids: shape (T,).
            carried: that of one text.

        Returns:
            log-probabilities of the next character (T, V), hidden states of all layers side by side
            (T, layers × H), and what is carried on.
        """
        logits, states, after = self.forward(torch.as_tensor(ids, dtype=torch.int64).unsqueeze(1), carried)
        return torch.log_softmax(logits[:, 0], 1).numpy(), states[:, 0].numpy(), after


def size(config: RecurrentConfig, vocabulary_size: int) -> int:
    """Numbers that are trained in the network that a config describes."""
    E, H, V, gates = config.embedding, config.hidden, vocabulary_size, GATES[config.cell]
    inputs = E + (config.layers - 1) * H
    return V * E + gates * H * (inputs + config.layers * (H + 2)) + (H + 1) * V


def rival(config: RecurrentConfig, cell: Cell, vocabulary_size: int) -> RecurrentConfig:
    """The same network with another cell, and so many hidden units that it has about as many parameters."""
    wanted = size(config, vocabulary_size)
    candidates = (config.model_copy(update={"cell": cell, "hidden": hidden}) for hidden in range(1, MAX_HIDDEN + 1))
    return min(candidates, key=lambda candidate: abs(size(candidate, vocabulary_size) - wanted))


def flattened(carried: list[Carried]) -> list[Tensor]:
    """The tensors of what is carried on, layer after layer."""
    return [part for one in carried for part in (one if isinstance(one, tuple) else (one,))]


def detached(carried: list[Carried]) -> list[Carried]:
    """What is carried on, cut off from the sequence it comes from: gradients end there."""
    return [tuple(part.detach() for part in one) if isinstance(one, tuple) else one.detach() for one in carried]


class Lanes:
    """A text cut into equal lanes that are read side by side, sequence after sequence.

    Where no whole sequence is left, the next epoch begins at the start of every lane, with states of zeros.

    Args:
        ids: the text, shape (N,).
        count: B, lanes.
        length: T, characters of a sequence.

    Raises:
        UserError: if the text is too short.
    """

    def __init__(self, ids: NDArray[np.int32], count: int, length: int) -> None:
        if len(ids) < count * (length + 1):
            raise UserError(
                f"The text is too short: its training part has {len(ids):,} characters, a batch of {count:,} with "
                f"sequences of {length:,} needs {count * (length + 1):,}. "
                "Choose a smaller batch, shorter sequences or a longer text."
            )
        each = len(ids) // count
        self.ids = torch.from_numpy(ids[: count * each]).view(count, each).t().contiguous()  # (N / B, B)
        self.length, self.position, self.epoch = length, 0, 0
        self.carried: list[Carried] | None = None

    def next(self) -> tuple[Tensor, Tensor]:
        """The next sequences and the characters that follow each of their own, shape (T, B) both."""
        if self.position + self.length >= len(self.ids):
            self.position, self.epoch, self.carried = 0, self.epoch + 1, None
        begin, end = self.position, self.position + self.length
        self.position = end
        return self.ids[begin:end].long(), self.ids[begin + 1 : end + 1].long()

    @property
    def epochs(self) -> float:
        """How often the text has been read."""
        return self.epoch + self.position / len(self.ids)
