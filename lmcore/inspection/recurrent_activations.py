"""A recurrent network unrolled over some sequences: hidden states, gates, and gradients by distance back in time.

Dimensions: B sequences, T characters each, H hidden units per layer, G vectors of size H that a cell computes from its
input (`lmcore.models.recurrent.GATES`), V characters in the vocabulary.

Source: Karpathy, Johnson and Li 2015, "Visualizing and understanding recurrent networks" (saturated gates); Pascanu,
Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks" (gradients).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.corpora import Corpus
from lmcore.inspection.activations import TANH_THRESHOLD
from lmcore.models.numpy_rnn import RNN
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot
from lmcore.training.recurrent import RecurrentTrainer

if TYPE_CHECKING:
    from lmcore.models.recurrent_net import RecurrentNet

Floats = NDArray[np.float32]

SHUT, OPEN = 0.1, 0.9
"""A gate counts as shut below the one and as open above the other."""

MAX_LENGTH = 100
"""Characters of a probe sequence, at most."""

N_SEQUENCES = 32


@dataclass(frozen=True, eq=False)
class RecurrentActivations:
    """A recurrent network on the probe sequences, each read from an initial state of zeros.

    Rows are characters of all sequences, N = T * B. Names end with the number of the layer if there are several.
    """

    hidden: dict[str, Floats]  # hidden states by layer, (N, H)
    gates: dict[str, Floats]  # values from 0 to 1 by gate and layer, (N, H); empty for a vanilla RNN
    gradients: dict[str, NDArray[np.float64]]  # by state and layer, (T,); entry k is k characters before the last

    @property
    def shut(self) -> dict[str, Floats]:
        """How often each unit of a gate is shut, as a share of the characters: (H,) by gate."""
        return {name: (values < SHUT).mean(0, dtype=np.float32) for name, values in self.gates.items()}

    @property
    def open(self) -> dict[str, Floats]:
        """How often each unit of a gate is open, as a share of the characters: (H,) by gate."""
        return {name: (values > OPEN).mean(0, dtype=np.float32) for name, values in self.gates.items()}


def recurrent_activations(
    config: RunConfig, snapshot: Snapshot | None = None, corpus: Corpus | None = None
) -> RecurrentActivations:
    """The network of a snapshot, or the untrained network if there is none, on sequences of the training split.

    Gradients are those of the loss of the last character with respect to an earlier state: their norm, averaged over
    the sequences.

    Raises:
        UserError: if the text or the settings do not suit the model, or the snapshot has no weights.
    """
    trainer: RecurrentTrainer = (
        families.make_trainer(config, corpus) if snapshot is None else families.load_trainer(config, snapshot, corpus)
    )
    ids = _probe_sequences(trainer)  # (T + 1, B)
    network = _network(trainer.model)
    layers, logits = _unroll(network, ids[:-1])
    loss = torch.nn.functional.cross_entropy(logits, ids[-1], reduction="sum")
    several = len(layers) > 1
    named = [(f" {i}" if several else "", layer) for i, layer in enumerate(layers, 1)]
    return RecurrentActivations(
        {f"h{number}": _rows(layer.states["h"]) for number, layer in named},
        {f"{gate}{number}": _rows(values) for number, layer in named for gate, values in layer.gates.items()},
        {f"{state}{number}": _norms(loss, steps) for number, layer in named for state, steps in layer.states.items()},
    )


def _probe_sequences(trainer: RecurrentTrainer) -> torch.Tensor:
    """Sequences of the training split, (T + 1, B), drawn from a generator of their own."""
    stream = torch.from_numpy(np.asarray(trainer.corpus.streams["train"])).long()
    length = min(trainer.sequence_length, MAX_LENGTH, len(stream) - 1) + 1
    generator = torch.Generator().manual_seed(trainer.config.train.seed)
    starts = torch.randint(0, len(stream) - length + 1, (N_SEQUENCES,), generator=generator)  # (B,)
    return stream[starts + torch.arange(length).unsqueeze(1)]


def _rows(steps: list[torch.Tensor]) -> Floats:
    """Tensors (B, H) of all time steps as rows, (T * B, H)."""
    rows: Floats = torch.cat(steps).detach().float().numpy()
    return rows


def _norms(loss: torch.Tensor, steps: list[torch.Tensor]) -> NDArray[np.float64]:
    """The mean norm of the gradient of a loss with respect to the state (B, H) of each time step, last step first."""
    gradients = torch.autograd.grad(loss, steps[::-1], retain_graph=True)
    norms: NDArray[np.float64] = torch.stack([gradient.norm(dim=1).mean() for gradient in gradients]).numpy()
    return norms


# ---------------------------------------------------------------- the three cells


class Step(NamedTuple):
    """What a cell computes for one character."""

    states: dict[str, torch.Tensor]  # hidden state h and, of an LSTM, cell state c, (B, H)
    gates: dict[str, torch.Tensor]  # (B, H)


def rnn_step(from_input: torch.Tensor, from_hidden: torch.Tensor, states: dict[str, torch.Tensor]) -> Step:
    """A vanilla RNN: W x + b (B, H) and U h + d (B, H) to the next state."""
    return Step({"h": torch.tanh(from_input + from_hidden)}, {})


def gru_step(from_input: torch.Tensor, from_hidden: torch.Tensor, states: dict[str, torch.Tensor]) -> Step:
    """A GRU: W x + b (B, 3H) and U h + d (B, 3H) to the next state, in PyTorch's order of the gates."""
    x_reset, x_update, x_new = from_input.chunk(3, 1)
    h_reset, h_update, h_new = from_hidden.chunk(3, 1)
    reset, update = torch.sigmoid(x_reset + h_reset), torch.sigmoid(x_update + h_update)
    new = torch.tanh(x_new + reset * h_new)
    return Step({"h": (1 - update) * new + update * states["h"]}, {"reset": reset, "update": update})


def lstm_step(from_input: torch.Tensor, from_hidden: torch.Tensor, states: dict[str, torch.Tensor]) -> Step:
    """An LSTM: W x + b (B, 4H) and U h + d (B, 4H) to the next states, in PyTorch's order of the gates."""
    a_input, a_forget, a_new, a_output = (from_input + from_hidden).chunk(4, 1)
    gates = {"input": torch.sigmoid(a_input), "forget": torch.sigmoid(a_forget), "output": torch.sigmoid(a_output)}
    c = gates["forget"] * states["c"] + gates["input"] * torch.tanh(a_new)
    return Step({"h": gates["output"] * torch.tanh(c), "c": c}, gates)


CELL_STEPS: dict[str, Callable[[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]], Step]] = {
    "rnn": rnn_step, "gru": gru_step, "lstm": lstm_step
}  # fmt: skip


# ---------------------------------------------------------------- unrolling


class _Layer(NamedTuple):
    W: torch.Tensor  # (G * H, inputs)
    b: torch.Tensor  # (G * H,)
    U: torch.Tensor  # (G * H, H)
    d: torch.Tensor  # (G * H,)


class _Network(NamedTuple):
    """The weights of a recurrent network in float64."""

    cell: str
    embedding: torch.Tensor  # (V, inputs)
    layers: list[_Layer]
    output: tuple[torch.Tensor, torch.Tensor]  # (V, H) and (V,)


class _UnrolledLayer(NamedTuple):
    states: dict[str, list[torch.Tensor]]  # by name, (B, H) for each time step
    gates: dict[str, list[torch.Tensor]]


def _network(model: RNN | RecurrentNet) -> _Network:
    """The weights of either kind of network. That in NumPy reads one-hot vectors."""
    if isinstance(model, RNN):
        W, U, V, b, c = (torch.from_numpy(part).double() for part in (model.W, model.U, model.V, model.b, model.c))
        return _Network("rnn", torch.eye(len(c), dtype=torch.float64), [_Layer(U, b, W, 0 * b)], (V, c))
    names = ("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0")
    layers = [_Layer(*(layer.get_parameter(name).detach().double() for name in names)) for layer in model.layers]
    embedding, V, c = (p.detach().double() for p in (model.embedding.weight, *model.output.parameters()))
    return _Network(model.config.cell, embedding, layers, (V, c))


def _unroll(network: _Network, ids: torch.Tensor) -> tuple[list[_UnrolledLayer], torch.Tensor]:
    """All layers, and the logits (B, V) after the last character of the sequences (T, B)."""
    x = list(network.embedding[ids])  # (B, inputs) for each time step
    unrolled = []
    for layer in network.layers:
        unrolled.append(_unroll_layer(network.cell, layer, x))
        x = unrolled[-1].states["h"]
    V, c = network.output
    return unrolled, x[-1] @ V.T + c


def _unroll_layer(cell: str, layer: _Layer, x: list[torch.Tensor]) -> _UnrolledLayer:
    zeros = torch.zeros(len(x[0]), layer.U.shape[1], dtype=x[0].dtype, requires_grad=True)  # autograd follows it
    states, steps = {"h": zeros, "c": zeros}, []
    for x_t in x:
        steps.append(CELL_STEPS[cell](x_t @ layer.W.T + layer.b, states["h"] @ layer.U.T + layer.d, states))
        states = steps[-1].states
    return _UnrolledLayer(
        {name: [step.states[name] for step in steps] for name in states},
        {name: [step.gates[name] for step in steps] for name in steps[-1].gates},
    )


# ---------------------------------------------------------------- numbers


def gate_table(record: RecurrentActivations) -> pd.DataFrame:
    """One row per gate: its mean, and the shares of its values that are shut and open."""
    rows = [
        {
            "gate": name,
            "mean": float(values.mean()),
            "shut": float((values < SHUT).mean()),
            "open": float((values > OPEN).mean()),
        }
        for name, values in record.gates.items()
    ]
    return pd.DataFrame(rows, columns=["gate", "mean", "shut", "open"])


def saturated(record: RecurrentActivations) -> float:
    """The share of hidden states beyond ±`TANH_THRESHOLD`."""
    return float(np.mean([np.mean(np.abs(values) > TANH_THRESHOLD) for values in record.hidden.values()]))
