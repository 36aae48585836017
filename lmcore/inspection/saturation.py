"""Saturated and dead units: which units pass almost no gradient, and for which examples.

Dimensions: N examples (or rows, one per position of a hierarchical model), F units of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lmcore.data.corpora import Corpus, Vocabulary
from lmcore.data.datasets import Dataset
from lmcore.inspection.activations import (
    TANH_THRESHOLD,
    Activations,
    Floats,
    LayerRecord,
    as_rows,
    is_saturated,
    trainer_at,
)
from lmcore.models.numpy_mlp import MLPClassifier
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot

MAX_SATURATED = 0.3
"""A tanh layer counts as saturated if a larger share of its outputs is."""

MAX_SPREAD_RATIO = 4.0
"""Outputs count as vanishing or exploding if the spreads of the last and the first layer differ by a larger factor."""


# ---------------------------------------------------------------- one layer


@dataclass(frozen=True, eq=False)
class Saturation:
    """Which unit of a layer is saturated for which example."""

    mask: NDArray[np.bool_]  # (N, F)
    dead: list[int]  # units that are saturated for every example
    share: float  # of saturated outputs
    positions: int = 1  # rows that belong to each example: places in its context


def saturation(layer: LayerRecord, threshold: float = TANH_THRESHOLD) -> Saturation:
    """The saturation of one layer on a minibatch."""
    mask = is_saturated(layer.kind, layer.output, threshold)
    positions = math.prod(layer.output_shape[1:-1])
    return Saturation(mask, np.flatnonzero(mask.all(0)).tolist(), float(mask.mean()), positions)


def revive_table(layer: LayerRecord, dead: Sequence[int], threshold: float = TANH_THRESHOLD) -> pd.DataFrame:
    """For each dead unit, the smallest change of its bias that would give some example a gradient again.

    The example is the one whose pre-activation is closest to zero.
    """
    edge = float(np.arctanh(threshold)) if layer.kind == "Tanh" else 0.0
    rows = []
    for unit in dead:
        z = layer.input[:, unit]  # (N,)
        closest = float(z[np.abs(z).argmin()])
        change = np.sign(closest) * edge - closest
        rows.append({"unit": unit, "pre-activation closest to 0": closest, "bias change": change})
    return pd.DataFrame(rows, columns=["unit", "pre-activation closest to 0", "bias change"])


def diagnose(record: Activations, threshold: float = TANH_THRESHOLD) -> list[str]:
    """Problems of the layers on this minibatch, one sentence each; a single sentence if there are none."""
    layers = record.nonlinear_layers
    problems = []
    for name, layer in layers.items():
        found = saturation(layer, threshold)
        if found.dead:
            problems.append(f"{name}: {len(found.dead)} of {layer.output.shape[1]} units are dead on this minibatch.")
        if layer.kind == "Tanh" and found.share > MAX_SATURATED:
            problems.append(f"{name}: {found.share:.0%} of the outputs are saturated. Lower the gain, or normalize.")
    spreads = [float(layer.output.std()) for layer in layers.values()]
    if len(spreads) > 1 and not 1 / MAX_SPREAD_RATIO < spreads[-1] / max(spreads[0], 1e-30) < MAX_SPREAD_RATIO:
        trend, remedy = ("shrink", "Raise") if spreads[-1] < spreads[0] else ("grow", "Lower")
        problems.append(
            f"The outputs {trend} from layer to layer: their standard deviation goes from {spreads[0]:.2g} to "
            f"{spreads[-1]:.2g}. {remedy} the gain, or normalize."
        )
    return problems or ["All layers keep their spread, few units are saturated, and none is dead."]


# ---------------------------------------------------------------- one unit


@dataclass(frozen=True, eq=False)
class UnitResponse:
    """One unit over many training examples, in evaluation mode."""

    kind: str  # "Tanh" or "ReLU"
    pre_activations: Floats  # (N,)
    outputs: Floats  # (N,)
    saturated: float  # share of the examples
    lowest: pd.DataFrame  # the texts with the lowest pre-activations
    highest: pd.DataFrame  # the texts with the highest pre-activations


def unit_response(
    config: RunConfig,
    snapshot: Snapshot | None,
    layer: str,
    unit: int,
    threshold: float = TANH_THRESHOLD,
    max_examples: int = 2000,
    corpus: Corpus | None = None,
) -> UnitResponse:
    """One unit of a nonlinear layer over evenly spaced training examples.

    Args:
        config: the run's.
        snapshot: has the weights; the untrained model if None.
        layer: name of the layer.
        unit: index of the unit.
        threshold: above which a tanh unit is saturated, in absolute value.
        max_examples: to evaluate.
        corpus: the text; loaded if None.

    Raises:
        UserError: if the text or the settings do not suit the model, or the snapshot has no weights.
    """
    trainer = trainer_at(config, snapshot, corpus)
    rows = torch.linspace(0, len(trainer.X) - 1, min(max_examples, len(trainer.X))).long().numpy()
    X, _ = trainer.training_examples(rows)
    with trainer.model.evaluation_mode():
        trainer.model.forward(X)
    found, layer_input = next((one, given) for name, one, given in trainer.model.layer_inputs(X) if name == layer)
    z, output, kind = as_rows(layer_input)[:, unit], as_rows(found.out)[:, unit], type(found).__name__
    texts = _receptive_texts(X, len(z) // len(X), trainer.corpus.vocabulary)
    order = np.argsort(z, kind="stable")
    share = float(is_saturated(kind, output, threshold).mean())
    return UnitResponse(kind, z, output, share, _first_texts(order, z, texts), _first_texts(order[::-1], z, texts))


def _receptive_texts(X: NDArray[np.int64], n_positions: int, vocabulary: Vocabulary) -> list[str]:
    """The characters that each row of a layer sees; a hierarchical model has several positions per example."""
    pieces = X.reshape(len(X) * n_positions, -1).tolist()
    return [vocabulary.show(piece) for piece in pieces]


def _first_texts(order: NDArray[np.int64], z: Floats, texts: Sequence[str], n_texts: int = 8) -> pd.DataFrame:
    """The first distinct texts in this order; equal texts have equal pre-activations."""
    distinct = dict.fromkeys(texts[i] for i in order)
    values = dict(zip(texts, z.tolist(), strict=True))
    return pd.DataFrame([{"text": text, "pre-activation": values[text]} for text in list(distinct)[:n_texts]])


# ---------------------------------------------------------------- classifiers


@dataclass(frozen=True)
class UnitActivity:
    """How often each hidden unit is active (ReLU: above zero) or saturated (tanh: beyond ±0.97)."""

    shares: tuple[NDArray[np.float64], ...]  # one array per layer, (F,): share of the training examples
    kind: Literal["relu", "tanh"]

    @property
    def n_dead(self) -> tuple[int, ...]:
        """Units of each layer that are never active (ReLU) or always saturated (tanh)."""
        limit = 0.0 if self.kind == "relu" else 1.0
        return tuple(int((share == limit).sum()) for share in self.shares)


def unit_activity(model: MLPClassifier, data: Dataset, max_examples: int = 5000) -> UnitActivity:
    """The activity of each hidden unit of a classifier over its first training examples."""
    kind = model.config.activation
    hidden = model.forward(data.X_train[:max_examples])[1:-1]
    active = [h > 0 if kind == "relu" else np.abs(h) > TANH_THRESHOLD for h in hidden]
    return UnitActivity(tuple(layer.mean(0) for layer in active), kind)
