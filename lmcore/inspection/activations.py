"""What goes on inside a net: outputs, gradients, saturated and dead units, sizes of updates.

Dimensions: B examples of a minibatch, F features of a layer, N rows (B, or B times the positions of a hierarchy),
R measured steps, P weight matrices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.data.corpora import Corpus
from lmcore.nn.layers import Layer, Sequential
from lmcore.training.history import WEIGHTS, History, Snapshot
from lmcore.training.training import RunConfig, Trainer, cross_entropy

Floats = NDArray[np.float32]
PROBE = 32
"""Examples of the minibatch that nets are looked at with, if theirs is not smaller."""

THRESHOLD = 0.97
"""A tanh unit above this in size counts as saturated, if nothing else is said."""

MAX_SATURATED = 0.3
"""Share of saturated outputs above which a layer of tanh is called so."""

UNEVEN = 4.0
"""Ratio of the spreads of the last and the first layer from which outputs are said to fade or grow."""

TOLERANCE = 1.5
"""Powers of ten that an update may be off before it is spoken of."""

GOOD = -3.0
"""log10 of the size of updates beside that of the weights, where training goes well (Karpathy, makemore, part 3)."""


# ---------------------------------------------------------------- one minibatch


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """A layer on a minibatch; all axes of its output but the last are one."""

    kind: str  # the class, as "Tanh"
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    parameters: int
    out: Floats  # (N, F)
    grad_out: Floats  # (N, F), of the loss
    before: Floats  # (N, F'), the output of the layer below: the pre-activations of an activation


@dataclass(frozen=True, eq=False)
class Inside:
    """A net on one minibatch, forward and backward."""

    loss: float  # nats per character
    contexts: list[str]  # (B,), what each example sees
    layers: dict[str, LayerRecord]  # every layer that computes something, by name
    weights: dict[str, Floats]  # matrices by name, flat
    weight_gradients: dict[str, Floats]

    @property
    def activations(self) -> dict[str, LayerRecord]:
        """The layers whose units can saturate or die."""
        return {name: layer for name, layer in self.layers.items() if layer.kind in ("Tanh", "ReLU")}


def look(config: RunConfig, snapshot: Snapshot | None = None, corpus: Corpus | None = None) -> Inside:
    """The net of a snapshot that keeps its weights (`can_look`), or the untrained one, on one minibatch.

    Nets with the same text, seed and context see the same minibatch, whatever their shape.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    trainer = Trainer(config, corpus)
    if snapshot is not None:
        trainer.restore_weights(snapshot.arrays)
    return on_batch(trainer, probe(trainer))


def can_look(snapshot: Snapshot) -> bool:
    """Whether a snapshot keeps the weights: those of small models do."""
    return WEIGHTS in snapshot.arrays


def probe(trainer: Trainer) -> Tensor:
    """The examples to look with, shape (B,); drawn with dice of their own, so that the run goes on as it would."""
    dice = torch.Generator().manual_seed(trainer.config.train.seed)
    return torch.randint(0, len(trainer.X), (min(PROBE, trainer.config.train.batch_size),), generator=dice)


@torch.inference_mode()
def on_batch(trainer: Trainer, rows: Tensor) -> Inside:
    """A trainer's net on some of its training examples, forward and backward; it takes no step."""
    X, Y = trainer.X[rows].long(), trainer.Y[rows].long()
    model = trainer.model
    loss = cross_entropy(model.forward(X), Y.unsqueeze(1))
    model.backward(loss.grad_logits)
    labels = trainer.corpus.vocabulary.labels
    return Inside(
        -loss.log_probabilities.mean().item(),
        ["".join(labels[i] for i in row) for row in X.tolist()],
        _records(model, X),
        {name: model.theta[where].numpy().copy() for name, where in model.matrices.items()},
        {name: model.grad[where].numpy().copy() for name, where in model.matrices.items()},
    )


def _records(model: Sequential, X: Tensor) -> dict[str, LayerRecord]:
    return {name: _record(layer, below) for name, layer, below in model.wired(X)}


def _record(layer: Layer, below: Tensor) -> LayerRecord:
    return LayerRecord(
        type(layer).__name__,
        tuple(below.shape),
        tuple(layer.out.shape),
        sum(tensor.numel() for tensor in layer.parameters.values()),
        _rows(layer.out),
        _rows(layer.grad_out),
        _rows(below),
    )


def _rows(tensor: Tensor) -> Floats:
    values: Floats = tensor.reshape(-1, tensor.shape[-1]).float().numpy().copy()
    return values


def summary(inside: Inside, threshold: float = THRESHOLD) -> pd.DataFrame:
    """A line for each layer: shapes, parameters, mean and deviation of its output, its gradient, share saturated."""
    lines = []
    for name, layer in inside.layers.items():
        lines.append(
            {
                "layer": name,
                "kind": layer.kind,
                "input": " × ".join(map(str, layer.shape_in)),
                "output": " × ".join(map(str, layer.shape_out)),
                "parameters": layer.parameters,
                "mean": float(layer.out.mean()),
                "deviation": float(layer.out.std()),
                "gradient's deviation": float(layer.grad_out.std()),
                "saturated": float(stuck(layer.kind, layer.out, threshold).mean())
                if name in inside.activations
                else np.nan,
            }
        )
    return pd.DataFrame(lines)


@dataclass(frozen=True, eq=False)
class Level:
    """The layers of a model that have the same positions, and what each position sees."""

    names: list[str]
    shapes: list[tuple[int, ...]]  # of their outputs, for the minibatch
    spans: list[tuple[int, int]]  # of the context's characters, first and one after the last


def levels(inside: Inside, context: int) -> list[Level]:
    """The model as a tree, from the characters up: a hierarchy has half as many positions from level to level.

    Args:
        context: number of characters at the bottom.
    """
    found: list[Level] = []
    for name, layer in inside.layers.items():
        positions = layer.shape_out[1] if len(layer.shape_out) == 3 else 1
        if not found or len(found[-1].spans) != positions:
            width = context // positions
            found.append(Level([], [], [(i * width, (i + 1) * width) for i in range(positions)]))
        found[-1].names.append(name)
        found[-1].shapes.append(layer.shape_out)
    return found


# ---------------------------------------------------------------- histograms


@dataclass(frozen=True, eq=False)
class Histograms:
    """Shares of values by name, over the same bins."""

    edges: NDArray[np.float64]  # (K + 1,)
    shares: dict[str, NDArray[np.float64]]  # (K,) each; what lies beyond the edges is left out


def limit_of(groups: Mapping[str, Floats]) -> float:
    """The size that 999 of 1,000 values of each group stay below: a picture's edge."""
    return max((float(np.quantile(np.abs(values), 0.999)) for values in groups.values()), default=1.0) or 1.0


def histograms(groups: Mapping[str, Floats], limit: float, bins: int = 80) -> Histograms:
    """Histograms over bins from -limit to limit."""
    edges = np.linspace(-limit, limit, bins + 1)
    return Histograms(
        edges, {name: np.histogram(values, edges)[0] / max(1, values.size) for name, values in groups.items()}
    )


# ---------------------------------------------------------------- units


def stuck(kind: str, out: Floats, threshold: float) -> NDArray[np.bool_]:
    """Where a unit passes next to no gradient, shape as given: a tanh above the threshold in size, a ReLU at zero."""
    return np.abs(out) > threshold if kind == "Tanh" else out <= 0


@dataclass(frozen=True, eq=False)
class Saturation:
    """Units against examples."""

    board: NDArray[np.bool_]  # (N, F), true where saturated
    dead: list[int]  # units that are saturated for every example
    share: float


def saturation(layer: LayerRecord, threshold: float = THRESHOLD) -> Saturation:
    """Which unit is saturated for which example."""
    board = stuck(layer.kind, layer.out, threshold)
    return Saturation(board, np.flatnonzero(board.all(0)).tolist(), float(board.mean()))


def revival(layer: LayerRecord, dead: Sequence[int], threshold: float = THRESHOLD) -> pd.DataFrame:
    """What it would take for dead units to learn again: the change of bias that wakes each for its nearest example."""
    edge = float(np.arctanh(threshold)) if layer.kind == "Tanh" else 0.0
    lines = []
    for unit in dead:
        z = layer.before[:, unit]
        nearest = float(z[np.abs(z).argmin()])
        lines.append({"unit": unit, "nearest to 0": nearest, "bias must move by": np.sign(nearest) * edge - nearest})
    return pd.DataFrame(lines, columns=["unit", "nearest to 0", "bias must move by"])


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit over many training examples, in evaluation mode."""

    kind: str
    pre_activations: Floats  # (N,)
    outputs: Floats  # (N,)
    stuck: float  # share of examples for which it passes next to no gradient
    lowest: pd.DataFrame  # the texts that drive it lowest, with their pre-activations
    highest: pd.DataFrame


@torch.inference_mode()
def unit(
    config: RunConfig,
    snapshot: Snapshot | None,
    layer: str,
    index: int,
    threshold: float = THRESHOLD,
    examples: int = 2000,
    corpus: Corpus | None = None,
) -> Unit:
    """One unit of an activation layer over evenly spaced training examples."""
    trainer = Trainer(config, corpus)
    if snapshot is not None:
        trainer.restore_weights(snapshot.arrays)
    rows = torch.linspace(0, len(trainer.X) - 1, min(examples, len(trainer.X))).long()
    X = trainer.X[rows].long()
    with trainer.model.evaluating():
        trainer.model.forward(X)
    made, below = next((made, below) for name, made, below in trainer.model.wired(X) if name == layer)
    z, out, kind = _rows(below)[:, index], _rows(made.out)[:, index], type(made).__name__
    seen = _seen(X, len(z) // len(X), trainer.corpus.vocabulary.labels)
    order = np.argsort(z, kind="stable")
    share = float(stuck(kind, out, threshold).mean())
    return Unit(kind, z, out, share, _drivers(order, z, seen), _drivers(order[::-1], z, seen))


def _seen(X: Tensor, positions: int, labels: Sequence[str]) -> list[str]:
    """The characters that each row of a layer sees; a hierarchy has several positions for each example."""
    pieces = X.reshape(len(X) * positions, -1).tolist()
    return ["".join(labels[i] for i in piece) for piece in pieces]


def _drivers(order: NDArray[np.int64], z: Floats, seen: Sequence[str], most: int = 8) -> pd.DataFrame:
    """The first texts in this order, each once; the same text always has the same pre-activation."""
    firsts = dict.fromkeys(seen[i] for i in order)
    values = dict(zip(seen, z.tolist(), strict=True))
    return pd.DataFrame([{"text": text, "pre-activation": values[text]} for text in list(firsts)[:most]])


# ---------------------------------------------------------------- updates


@dataclass(frozen=True, eq=False)
class Updates:
    """How large gradients and updates are beside the weights, as ratios of standard deviations, over the steps."""

    steps: NDArray[np.int64]  # (R,)
    names: list[str]  # (P,)
    gradients: NDArray[np.float64]  # (R, P), log10 of gradient : data
    updates: NDArray[np.float64]  # (R, P), log10 of update : data


def updates(history: History, names: Sequence[str]) -> Updates:
    """The ratios that a run has kept (`Trainer.take_ratios`); not finite where weights were all zero."""
    ratios = history.ratios.reshape(-1, len(names), 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(ratios.astype(float))
    logs[~np.isfinite(logs)] = np.nan
    return Updates(history.ratio_steps, list(names), logs[:, :, 0], logs[:, :, 1])


def verdicts(record: Updates, last: int = 10) -> list[str]:
    """In words, how large the latest updates are, by matrix; one sentence if all are as they should be."""
    if not len(record.steps):
        return []
    sentences = []
    for name, values in zip(record.names, record.updates[-last:].T, strict=True):
        value = float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
        if np.isnan(value):
            sentences.append(f"{name} does not move at all.")
        elif value < GOOD - TOLERANCE:
            sentences.append(f"{name} barely moves: by 10^{value:.1f} of its size a step.")
        elif value > GOOD + TOLERANCE:
            sentences.append(f"{name} moves {10 ** (value - GOOD):.0f} times as far as it should.")
    return sentences or ["Every matrix moves by roughly a thousandth of its size a step, as it should."]


def findings(inside: Inside, threshold: float = THRESHOLD) -> list[str]:
    """What a doctor would say of the layers on this minibatch; one sentence if they are well."""
    layers = inside.activations
    sentences = []
    for name, layer in layers.items():
        record = saturation(layer, threshold)
        if record.dead:
            sentences.append(f"{name}: {len(record.dead)} of {layer.out.shape[1]} units are dead on this minibatch.")
        if layer.kind == "Tanh" and record.share > MAX_SATURATED:
            sentences.append(f"{name} is saturated by {record.share:.0%}: lower the gain, or normalize.")
    spreads = [float(layer.out.std()) for layer in layers.values()]
    if len(spreads) > 1 and not 1 / UNEVEN < spreads[-1] / max(spreads[0], 1e-30) < UNEVEN:
        word, cure = ("fade", "raise") if spreads[-1] < spreads[0] else ("grow", "lower")
        path = f"from {spreads[0]:.2g} to {spreads[-1]:.2g}"
        sentences.append(f"Outputs {word} {path} on their way up: {cure} the gain, or normalize.")
    return sentences or ["All layers keep their spread; few units are saturated, none is dead."]


# ---------------------------------------------------------------- treatments and cases


TREATMENTS: dict[str, dict[str, Any]] = {
    "a tenth of the output layer": {"output_scale": 0.1},
    "Kaiming weights": {"hidden_scheme": "kaiming", "hidden_scale": 1.0},
    "gain 1": {"hidden_scheme": "kaiming", "hidden_scale": 0.6},
    "BatchNorm": {"batch_norm": "hidden"},
    "a tenth of the rate": {"learning_rate": 0.1},
    "ten times the rate": {"learning_rate": 10.0},
}
FACTORS = {"output_scale", "learning_rate"}
"""Changes of a net or its training by name; those in FACTORS are multiplied by."""


def treated(config: RunConfig, treatment: str) -> RunConfig:
    """A copy of a config with a treatment; what the model has no setting for stays as it is."""
    values = config.model_dump()
    for name, value in TREATMENTS[treatment].items():
        for part in (values["model"], values["train"]):
            if name in FACTORS and name in part:
                part[name] *= value
            elif name in part:
                part[name] = isinstance(part[name], bool) or value
    return RunConfig.parse(values)


def after(config: RunConfig, steps: int) -> Inside:
    """A fresh net after so many steps, on the minibatch that `look` takes.

    Raises:
        UserError: if the text or the settings do not allow the run.
        DivergedError: if the training diverges.
    """
    trainer = Trainer(config)
    if steps:
        trainer.train(steps)
    return on_batch(trainer, probe(trainer))


HEALTHY: dict[str, Any] = {
    "hidden_layers": 5,
    "hidden": 100,
    "activation": "tanh",
    "gain": 5 / 3,
    "batch_norm": "none",
    "hidden_scheme": "kaiming",
    "hidden_bias_scale": 0.01,
    "output_scale": 0.01,
    "learning_rate": 0.1,
    "optimizer": "sgd",
    "batch_size": 32,
}
CASES: dict[str, dict[str, Any]] = {
    "healthy": HEALTHY,
    "vanishing": HEALTHY | {"gain": 0.5},
    "saturated": HEALTHY | {"gain": 3.0},
    "exploding": HEALTHY | {"gain": 3.0, "activation": "relu", "learning_rate": 0.0001},
    "dead units": HEALTHY | {"hidden_scheme": "normal", "hidden_layers": 1, "hidden_bias_scale": 15.0},
    "rescued by BatchNorm": HEALTHY | {"gain": 3.0, "batch_norm": "hidden"},
}
"""Settings of deep nets that show one thing each, by name; "gain" is that of the hidden weights."""
