"""The network of `lmcore.models.recurrent`, in PyTorch.

Its gradients come from autograd; `lmcore.models.numpy_rnn` computes them explicitly, as `lmcore.models.gru` does for
the layers of a GRU. For those of an LSTM PyTorch has fused operations, which are hard to beat.

Dimensions: B batch size, T sequence length, V vocabulary size, E embedding dimension, H hidden units per layer.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lmcore.models.gru import GRU
from lmcore.models.recurrent import RecurrentConfig, State

Floats = NDArray[np.floating[Any]]

LAYERS: dict[str, type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]] = {"rnn": nn.RNN, "gru": GRU, "lstm": nn.LSTM}
"""The layer of each cell."""


class RecurrentNet(nn.Module):
    """Embedding, recurrent layers, linear output: (T, B) character indices to (T, B, V) logits.

    The generator draws the embeddings as standard normals, then weights and biases of each layer from the bottom up and
    the output weights, uniform on ±1/sqrt(H) as in PyTorch. The output bias is zero. The forget gate of an LSTM is
    initialized with a bias of 1 (Jozefowicz et al. 2015). Dropout applies between layers, not to the recurrent
    connections (Zaremba et al. 2014).

    Args:
        config: architecture.
        vocabulary_size: V.
        generator: source of the initial weights.
        dtype: floating-point precision.

    Attributes:
        theta, grad: all parameters and their gradients in one vector each, shape (P,), of which ``parameters()`` are
            views.

    Source: Elman 1990 (RNN); Cho et al. 2014 (GRU); Hochreiter and Schmidhuber 1997, and Gers et al. 2000 for the
    forget gate (LSTM).
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
        H, layer = config.hidden, LAYERS[config.cell]
        widths = [config.embedding] + [H] * (config.layers - 1)
        self.embedding = nn.Embedding(vocabulary_size, config.embedding, dtype=dtype)
        self.layers = nn.ModuleList([layer(width, H, dtype=dtype) for width in widths])
        self.output = nn.Linear(H, vocabulary_size, dtype=dtype)
        self._initialize(generator)
        self._flatten_parameters()

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        H = self.config.hidden
        bound = 1 / math.sqrt(H)
        self.embedding.weight.normal_(generator=generator)
        for weight in self.layers.parameters():
            weight.uniform_(-bound, bound, generator=generator)
        self.output.weight.uniform_(-bound, bound, generator=generator)
        self.output.bias.zero_()
        if self.config.cell == "lstm":
            for layer in self.layers:  # PyTorch orders the gates: input, forget, cell, output
                layer.get_parameter("bias_ih_l0")[H : 2 * H] = 1
                layer.get_parameter("bias_hh_l0")[H : 2 * H] = 0

    def _flatten_parameters(self) -> None:
        """Moves all parameters and gradients into ``theta`` and ``grad``, and replaces them by views."""
        weights = list(self.parameters())
        self.theta = torch.cat([weight.detach().reshape(-1) for weight in weights])
        self.grad = torch.zeros_like(self.theta)
        start = 0
        for weight in weights:
            part = slice(start, start + weight.numel())
            weight.data = self.theta[part].view(weight.shape)
            weight.grad = self.grad[part].view(weight.shape)
            start = part.stop

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has a vector of its own, of which its parameters are views."""
        return _with_weights, (self.config, self.embedding.num_embeddings, self.theta)

    def forward(
        self, ids: Tensor, state: State | None, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """Logits and hidden states for a batch of sequences.

        Args:
            ids: character indices, shape (T, B).
            state: state before the sequences; zeros if None.
            generator: source of the dropout masks, in training; no dropout if None.

        Returns:
            Logits (T, B, V), hidden states of all layers concatenated (T, B, layers * H), and the state after the
            sequences.
        """
        x = self._dropout(self.embedding(ids), generator)  # (T, B, E)
        hidden_states, state_after = [], []
        for i, layer in enumerate(self.layers):
            x, layer_state = layer(x, None if state is None else state[i])  # (T, B, H)
            hidden_states.append(x)
            state_after.append(layer_state)
            x = self._dropout(x, generator)
        return self.output(x), torch.cat(hidden_states, 2), state_after

    def _dropout(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Zeroes each component with the dropout probability and scales up the others, so that the mean is kept."""
        keep = 1 - self.config.dropout
        if generator is None or keep == 1:
            return x
        return x * torch.empty_like(x).bernoulli_(keep, generator=generator).div_(keep)

    # ------------------------------------------------------------ reading text

    def initial_state(self, n: int) -> State:
        """State of ``n`` texts before their first character: zeros."""
        zeros = torch.zeros(1, n, self.config.hidden, dtype=self.theta.dtype)
        return [(zeros, zeros) if self.config.cell == "lstm" else zeros for _ in self.layers]

    def unflatten_state(self, tensors: list[Tensor]) -> State:
        """The inverse of `flatten_state`."""
        return list(zip(tensors[::2], tensors[1::2], strict=True)) if self.config.cell == "lstm" else tensors

    @torch.inference_mode()
    def step(self, ids: NDArray[np.int64], state: State) -> tuple[Tensor, State]:
        """One character of each text: indices (B,) and state to logits (B, V) and the next state."""
        logits, _, state = self.forward(torch.as_tensor(ids, dtype=torch.int64).unsqueeze(0), state)
        return logits[0], state

    @torch.inference_mode()
    def read(self, ids: NDArray[Any], state: State) -> tuple[Floats, Floats, State]:
        """Reads one text of any length.

        Args:
            ids: character indices, shape (T,).
            state: state before the text, with B = 1.

        Returns:
            Log-probabilities of the next character after each one (T, V), hidden states of all layers concatenated
            (T, layers * H), and the next state.
        """
        logits, hidden_states, state = self.forward(torch.as_tensor(ids, dtype=torch.int64).unsqueeze(1), state)
        return torch.log_softmax(logits[:, 0], 1).numpy(), hidden_states[:, 0].numpy(), state


def _with_weights(config: RecurrentConfig, vocabulary_size: int, theta: Tensor) -> RecurrentNet:
    """A network with all its weights."""
    net = RecurrentNet(config, vocabulary_size, torch.Generator(), theta.dtype)
    net.theta.copy_(theta)
    return net
