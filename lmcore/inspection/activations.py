"""A model on one minibatch: the output of every layer, and the gradient of the loss with respect to it.

Dimensions: B examples of a minibatch, F features of a layer, N rows (B, or B times the positions of a hierarchical
model).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.corpora import Corpus
from lmcore.nn.containers import Sequential
from lmcore.nn.layers import Layer
from lmcore.nn.losses import cross_entropy
from lmcore.training.checkpoint import WEIGHTS
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot
from lmcore.training.layered import LayeredTrainer
from lmcore.training.optimizers import l2_penalty

Floats = NDArray[np.float32]

MAX_PROBE_EXAMPLES = 32
"""Size of the probe batch, unless the run's minibatches are smaller."""

TANH_THRESHOLD = 0.97
"""A tanh unit counts as saturated where its output exceeds this in absolute value."""


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """One layer on a minibatch; all axes but the last are merged into one."""

    kind: str  # class of the layer, such as "Tanh"
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    n_parameters: int
    output: Floats  # (N, F)
    output_gradient: Floats  # (N, F), of the loss
    input: Floats  # (N, F'); of an activation function, the pre-activations


@dataclass(frozen=True, eq=False)
class Activations:
    """A model on one minibatch, after a forward and a backward pass."""

    loss: float  # nats per character
    contexts: list[str]  # (B,), the characters that each example sees
    layers: dict[str, LayerRecord]  # all layers, by name
    weights: dict[str, Floats]  # weight matrices by name, flattened
    weight_gradients: dict[str, Floats]

    @property
    def nonlinear_layers(self) -> dict[str, LayerRecord]:
        """The layers whose units can saturate or die."""
        return {name: layer for name, layer in self.layers.items() if layer.kind in ("Tanh", "ReLU")}


def activations(config: RunConfig, snapshot: Snapshot | None = None, corpus: Corpus | None = None) -> Activations:
    """The model of a snapshot, or the untrained model if there is none, on the probe batch.

    Runs with the same text, seed and context length have the same probe batch, whatever their model.

    Raises:
        UserError: if the text or the settings do not suit the model, or the snapshot has no weights (`has_weights`).
    """
    trainer = trainer_at(config, snapshot, corpus)
    return batch_activations(trainer, probe_rows(trainer))


def has_weights(snapshot: Snapshot) -> bool:
    """Whether a snapshot contains the model's weights: those of small models do."""
    return WEIGHTS in snapshot.arrays


def trainer_at(config: RunConfig, snapshot: Snapshot | None = None, corpus: Corpus | None = None) -> LayeredTrainer:
    """The trainer of a run with the weights of a snapshot, or with the initial weights."""
    trainer: LayeredTrainer = (
        families.make_trainer(config, corpus) if snapshot is None else families.load_trainer(config, snapshot, corpus)
    )
    return trainer


def penalty(config: RunConfig, snapshot: Snapshot) -> float:
    """The L2 penalty of a snapshot's weights under the settings of a config, in nats.

    Raises:
        UserError: if the snapshot has no weights.
    """
    return l2_penalty(config.train, trainer_at(config, snapshot).model)


def probe_rows(trainer: LayeredTrainer) -> NDArray[np.int64]:
    """The training examples of the probe batch, shape (B,).

    They are drawn from a generator of their own, so that training is unaffected.
    """
    generator = torch.Generator().manual_seed(trainer.config.train.seed)
    n_examples = min(MAX_PROBE_EXAMPLES, trainer.config.train.batch_size)
    return torch.randint(0, len(trainer.X), (n_examples,), generator=generator).numpy()


@np.errstate(all="ignore")
def batch_activations(trainer: LayeredTrainer, rows: NDArray[np.int64]) -> Activations:
    """A trainer's model on some of its training examples; no step is taken.

    Args:
        trainer: has the model and the examples.
        rows: shape (B,), indices of the examples.
    """
    X, Y = trainer.training_examples(rows)  # (B, T), (B,)
    model = trainer.model

    # forward and backward; the layers keep their outputs and gradients
    loss = cross_entropy(model.forward(X), Y)
    model.backward(loss.grad_logits)

    return Activations(
        -float(loss.log_probabilities.mean()),
        [trainer.corpus.vocabulary.show(context) for context in X.tolist()],
        _layer_records(model, X),
        {name: model.theta[where].copy() for name, where in model.matrices.items()},
        {name: model.grad[where].copy() for name, where in model.matrices.items()},
    )


def _layer_records(model: Sequential, X: NDArray[np.int64]) -> dict[str, LayerRecord]:
    return {name: _layer_record(layer, layer_input) for name, layer, layer_input in model.layer_inputs(X)}


def _layer_record(layer: Layer, layer_input: NDArray[Any]) -> LayerRecord:
    return LayerRecord(
        type(layer).__name__,
        tuple(layer_input.shape),
        tuple(layer.out.shape),
        sum(array.size for array in layer.parameters.values()),
        as_rows(layer.out),
        as_rows(layer.grad_out),
        as_rows(layer_input),
    )


def as_rows(array: NDArray[Any]) -> Floats:
    """A copy with all axes but the last merged into one: (..., F) to (N, F)."""
    return array.reshape(-1, array.shape[-1]).astype(np.float32)


def is_saturated(kind: str, output: Floats, threshold: float = TANH_THRESHOLD) -> NDArray[np.bool_]:
    """Where units pass almost no gradient: tanh beyond ±threshold, ReLU at zero. Same shape as the output."""
    return np.abs(output) > threshold if kind == "Tanh" else output <= 0


def layer_table(record: Activations, threshold: float = TANH_THRESHOLD) -> pd.DataFrame:
    """One row per layer: shapes, parameters, mean and standard deviation of its output, and its saturation.

    The column "saturated" is the share of saturated outputs, nan for layers without a nonlinearity.
    """
    return pd.DataFrame([_layer_row(name, layer, threshold) for name, layer in record.layers.items()])


def _layer_row(name: str, layer: LayerRecord, threshold: float) -> dict[str, Any]:
    can_saturate = layer.kind in ("Tanh", "ReLU")
    return {
        "layer": name,
        "kind": layer.kind,
        "input": " × ".join(map(str, layer.input_shape)),
        "output": " × ".join(map(str, layer.output_shape)),
        "parameters": layer.n_parameters,
        "mean": float(layer.output.mean()),
        "std": float(layer.output.std()),
        "gradient std": float(layer.output_gradient.std()),
        "saturated": float(is_saturated(layer.kind, layer.output, threshold).mean()) if can_saturate else math.nan,
    }
