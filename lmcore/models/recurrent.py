"""Recurrent language models: vanilla RNN, GRU and LSTM with one to three layers; their network is `recurrent_net`.

Dimensions: B batch size, T sequence length, V vocabulary size, E embedding dimension, H hidden units per layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from lmcore.config import Config, Field

if TYPE_CHECKING:
    from torch import Tensor

Cell = Literal["rnn", "gru", "lstm"]
CELLS: tuple[Cell, ...] = get_args(Cell)
State = list[Any]
"""One entry per layer: the hidden state, shape (1, B, H); for an LSTM the tuple (hidden state, cell state)."""

GATES: dict[str, int] = {"rnn": 1, "gru": 3, "lstm": 4}
"""Number of vectors of size H that a layer computes per character: gates and candidate state."""

MAX_HIDDEN = 1024


class RecurrentConfig(Config):
    """Architecture of the recurrent network."""

    family: Literal["recurrent"] = Field("recurrent", description="Name of the model family.")
    cell: Cell = Field("lstm", description="Type of the recurrent layers: vanilla RNN, GRU, or LSTM.")
    embedding: int = Field(32, ge=1, le=512, description="Dimension of the character embeddings.")
    hidden: int = Field(128, ge=1, le=MAX_HIDDEN, description="Number of hidden units in each layer.")
    layers: int = Field(
        1, ge=1, le=3, description="Number of stacked recurrent layers; each reads the hidden states of the one below."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Dropout probability of the inputs and outputs of each layer, during training."
    )
    sequence: int = Field(
        64, ge=1, le=1000, description="Sequence length: number of characters per step of backpropagation through time."
    )


def flatten_state(state: State) -> list[Tensor]:
    """The tensors of a state in one list, layer after layer."""
    return [part for layer in state for part in (layer if isinstance(layer, tuple) else (layer,))]


def detach(state: State) -> State:
    """The state without its history: gradients do not flow back into the sequence that it comes from."""
    return [tuple(part.detach() for part in layer) if isinstance(layer, tuple) else layer.detach() for layer in state]


def count_parameters(config: RecurrentConfig, vocabulary_size: int) -> int:
    """Number of trainable parameters."""
    E, H, V, gates = config.embedding, config.hidden, vocabulary_size, GATES[config.cell]
    n_inputs = E + (config.layers - 1) * H  # of all layers together
    return V * E + gates * H * (n_inputs + config.layers * (H + 2)) + (H + 1) * V


def parameter_matched(config: RecurrentConfig, cell: Cell, vocabulary_size: int) -> RecurrentConfig:
    """The network with another cell whose number of hidden units makes its parameter count closest to the given one."""
    target = count_parameters(config, vocabulary_size)
    candidates = (config.model_copy(update={"cell": cell, "hidden": hidden}) for hidden in range(1, MAX_HIDDEN + 1))
    return min(candidates, key=lambda candidate: abs(count_parameters(candidate, vocabulary_size) - target))
