"""Batch normalization taken apart: one batch, running statistics, a batch of one, a wrong axis, and folding.

What is normalized are the values of hidden units before their activation; they have no unit of measurement.
Dimensions: N batches, B examples, T positions, F units, V characters.
"""

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.data.corpora import Corpus, Split
from lmcore.errors import UserError
from lmcore.nn.layers import BatchNorm1d, Layer, Linear, Parallel, Sequential
from lmcore.training.training import EVALUATION_EXAMPLES, RunConfig, Trainer

Floats = NDArray[np.float64]
STEPS = 200  # whose batches are looked at
TIMINGS = 15  # of each net, in turn; the fastest counts


def _layer(features: int, gain: float = 1.0, bias: float = 0.0, momentum: float = 1.0) -> BatchNorm1d:
    """A layer of float64; with momentum 1 its running statistics are those of the last batch."""
    gains, biases = (torch.full((features,), value, dtype=torch.float64) for value in (gain, bias))
    return BatchNorm1d(gains, biases, momentum)


# ---------------------------------------------------------------- one batch


@dataclass(frozen=True)
class Batches:
    """One hidden unit of an untrained MLP on the batches of a run's first steps, before its normalization."""

    inputs: Floats  # (N, B)
    contexts: list[str]  # (B,), of the first batch
    mean: float  # over the whole training split, as is the variance
    variance: float


@torch.inference_mode()
def batches(config: RunConfig, unit: int, corpus: Corpus | None = None) -> Batches:
    """What one unit of a run's first hidden layer gets, the weights left as they start.

    Args:
        config: of an MLP.
        unit: index of the unit.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    trainer = Trainer(config, corpus)
    if len(trainer.X) < 2:
        raise UserError("A variance needs at least two examples, the training split has one. Take a longer text.")
    layers, weight = trainer.model.leaves, trainer.model.parameters["hidden.weight"][:, unit]

    def values(X: Tensor) -> Tensor:
        return (layers["flatten"].forward(layers["embedding"].forward(X.long())) @ weight).double()

    rows = trainer.batches(STEPS)
    everywhere = torch.cat([values(X) for X in torch.split(trainer.X, 65_536)])
    labels = trainer.corpus.vocabulary.labels
    return Batches(
        torch.stack([values(trainer.X[batch]) for batch in rows]).numpy(),
        ["".join(labels[i] for i in row) for row in trainer.X[rows[0]].tolist()],
        everywhere.mean().item(),
        everywhere.var().item(),
    )


@dataclass(frozen=True)
class OneBatch:
    """One batch through one `BatchNorm1d` in training mode, its first example moved or not."""

    before: Floats  # (B,)
    after: Floats  # (B,)
    mean: float  # of the values before; the variance too, unbiased
    variance: float
    own_before: Floats  # (B,), had no example been moved
    own_after: Floats  # (B,)

    @property
    def shifts(self) -> Floats:
        """How far the move of the first example moved each output, shape (B,)."""
        return self.after - self.own_after


def one_batch(values: Floats, gain: float = 1.0, bias: float = 0.0, moved: float | None = None) -> OneBatch:
    """Normalizes the values (B,) of one unit.

    Args:
        moved: the value that the first example gets instead of its own.
    """
    before = values.copy()
    if moved is not None:
        before[0] = moved
    layer = _layer(1, gain, bias)
    own_after, after = (layer.forward(torch.from_numpy(x[:, None])).numpy()[:, 0].copy() for x in (values, before))
    mean, variance = (layer.statistics[name].item() for name in ("mean", "variance"))
    return OneBatch(before, after, mean, variance, values, own_after)


# ---------------------------------------------------------------- running statistics


@dataclass(frozen=True)
class Running:
    """Statistics of each batch, what a `BatchNorm1d` keeps of them, and the truth; the first batch's first example."""

    batch_mean: Floats  # (N,)
    batch_deviation: Floats  # (N,)
    mean: Floats  # (N,), the running mean after each batch
    deviation: Floats  # (N,)
    true_mean: float  # over the whole training split
    true_deviation: float
    example: float  # its value before
    in_batches: Floats  # (N,), its output within each batch, in the place of that batch's first example
    in_its_batch: float  # in evaluation mode, as are the next two
    alone: float
    by_truth: float  # had the running statistics been the true ones


def running(given: Batches, momentum: float) -> Running:
    """What a `BatchNorm1d` remembers of batches that it sees one after the other, and what it then does to one example.

    Alone in training mode the example has no output: the variance of one number is 0 / 0.

    Args:
        momentum: share of each batch in the running statistics.
    """
    values = torch.from_numpy(given.inputs)
    layer = _layer(1, momentum=momentum)
    kept = []
    for batch in values:
        layer.forward(batch.unsqueeze(1))
        kept.append([layer.statistics["mean"].item(), layer.statistics["variance"].item()])
    means, variances = np.array(kept).T
    layer.training = False
    example = values[0, 0].item()
    return Running(
        given.inputs.mean(1),
        given.inputs.std(1, ddof=1),
        means,
        np.sqrt(variances),
        given.mean,
        math.sqrt(given.variance),
        example,
        _in_batches(values, example),
        layer.forward(values[0].unsqueeze(1))[0].item(),
        layer.forward(values[:1, :1]).item(),
        (example - given.mean) / math.sqrt(given.variance + layer.EPS),
    )


def _in_batches(values: Tensor, example: float) -> Floats:
    """The outputs (N,) of an example that stands first in each of the batches (N, B), in training mode."""
    columns = values.t().clone()  # each batch is normalized for itself, as if it were a unit
    columns[0] = example
    outputs: Floats = _layer(len(values)).forward(columns)[0].numpy().copy()
    return outputs


# ---------------------------------------------------------------- a wrong axis


@dataclass(frozen=True)
class WrongAxis:
    """The lowest level of a WaveNet-like net, normalized over examples and positions, and over examples only."""

    before: Floats  # (B, T, F)
    right: Floats  # (B, T, F), after
    wrong: Floats  # (B, T, F), after
    right_mean: Floats  # (1, 1, F), each of B * T numbers
    wrong_mean: Floats  # (1, T, F), each of B numbers
    right_spread: float  # standard deviation of a mean from batch to batch, in those of what is averaged
    wrong_spread: float


@torch.inference_mode()
def wrong_axis(config: RunConfig, corpus: Corpus | None = None) -> WrongAxis:
    """The first batch of an untrained net's run normalized both ways, and how much the means of others differ.

    Statistics over the first axis alone are those of T * F features: what `BatchNorm1d` does to (B, T * F).

    Args:
        config: of a `WaveNetConfig` with batch normalization.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    trainer = Trainer(config, corpus)
    layers = [trainer.model.leaves[name] for name in ("embedding", "flatten", "hidden")]
    inputs = []
    for rows in trainer.batches(STEPS // 4):
        x = trainer.X[rows].long()
        for layer in layers:
            x = layer.forward(x)
        inputs.append(x.double())
    before = inputs[0]
    B, T, F = before.shape
    right, right_means, right_spread = _normalized(inputs)
    wrong, wrong_means, wrong_spread = _normalized([x.view(B, T * F) for x in inputs])
    return WrongAxis(
        before.numpy(),
        right.numpy(),
        wrong.view(B, T, F).numpy(),
        right_means.view(1, 1, F).numpy(),
        wrong_means.view(1, T, F).numpy(),
        right_spread,
        wrong_spread,
    )


def _normalized(inputs: list[Tensor]) -> tuple[Tensor, Tensor, float]:
    """The first batch normalized, its means, and how much means spread over all batches, in deviations."""
    layer = _layer(inputs[0].shape[-1])
    kept = []
    for x in reversed(inputs):  # the layer is left with what belongs to the first
        layer.forward(x)
        kept.append(torch.stack([layer.statistics["mean"], layer.statistics["variance"]]))
    means, variances = torch.stack(kept, 1)
    spread = (means.var(0) / (variances.mean(0) + layer.EPS)).mean().sqrt().item()
    return layer.out, means[-1], spread


# ---------------------------------------------------------------- folding


def fold(model: Sequential) -> Sequential:
    """The same net for evaluation with every `BatchNorm1d` after a `Linear` folded into its weights and bias.

    In evaluation mode it multiplies and shifts each feature by constants, which a Linear can do as well:
    weight' = weight * gain / sqrt(variance + eps), bias' = (bias - mean) * gain / sqrt(variance + eps) + shift.

    Source: Jacob et al. 2018, "Quantization and training of neural networks", section 3.2.
    """
    return Sequential(_folded(copy.deepcopy(model.layers)))


def _folded(layers: dict[str, Layer]) -> dict[str, Layer]:
    kept: dict[str, Layer] = {}
    for name, layer in layers.items():
        last = next(reversed(kept), "")
        if isinstance(layer, Parallel):
            kept[name] = Parallel({branch: _folded(inner) for branch, inner in layer.branches.items()})
        elif isinstance(layer, BatchNorm1d) and isinstance(below := kept.get(last), Linear):
            kept[last] = _merged(below, layer)
        else:
            kept[name] = layer
    return kept


def _merged(linear: Linear, norm: BatchNorm1d) -> Linear:
    factor = folding_factor(norm)
    bias = linear.parameters.get("bias", torch.zeros_like(factor))
    shift = (bias - norm.statistics["mean"]) * factor + norm.parameters["bias"]
    return Linear(linear.parameters["weight"] * factor, shift)


def folding_factor(norm: BatchNorm1d) -> Tensor:
    """What a normalization in evaluation mode multiplies each feature by, shape (F,)."""
    return norm.parameters["gain"] * torch.rsqrt(norm.statistics["variance"] + norm.EPS)


@dataclass(frozen=True)
class Folding:
    """A net in evaluation mode, and the same net folded, on examples of a split."""

    split: Split  # the training split if there are no others
    layers: list[str]  # names
    folded_layers: list[str]
    numbers: int  # weights, and running statistics too
    folded_numbers: int
    logits: NDArray[np.float32]  # (examples, V)
    folded_logits: NDArray[np.float32]
    factors: dict[str, NDArray[np.float32]]  # by folded normalization, (F,)
    seconds: float  # of a pass over these examples: the fastest of some
    folded_seconds: float

    @property
    def differences(self) -> NDArray[np.float32]:
        """Folded logits minus logits, shape (examples, V)."""
        return self.folded_logits - self.logits


@torch.inference_mode()
def folding(config: RunConfig, corpus: Corpus | None = None) -> Folding:
    """Trains a net for all its steps, folds it, and compares both on up to `EVALUATION_EXAMPLES` dev examples.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    trainer = Trainer(config, corpus)
    trainer.train(config.train.steps)
    model, folded = trainer.model, fold(trainer.model)
    split: Split = "dev" if len(trainer.corpus.windows("dev", trainer.context).X) else "train"
    X = torch.from_numpy(trainer.corpus.windows(split, trainer.context).X).long()
    X = X[torch.linspace(0, len(X) - 1, min(len(X), EVALUATION_EXAMPLES)).long()]
    with model.evaluating():
        seconds = np.min([[_seconds(net, X) for net in (model, folded)] for _ in range(TIMINGS)], axis=0)
        logits, folded_logits = (_array(net.forward(X)) for net in (model, folded))
    gone = {name: layer for name, layer in model.leaves.items() if name not in folded.leaves}
    return Folding(
        split,
        list(model.leaves),
        list(folded.leaves),
        len(model.theta) + sum(tensor.numel() for tensor in model.statistics.values()),
        len(folded.theta) + sum(tensor.numel() for tensor in folded.statistics.values()),
        logits,
        folded_logits,
        {name: _array(folding_factor(layer)) for name, layer in gone.items() if isinstance(layer, BatchNorm1d)},
        *seconds.tolist(),
    )


def _seconds(model: Sequential, X: Tensor) -> float:
    began = time.perf_counter()
    model.forward(X)
    return time.perf_counter() - began


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.numpy().copy()
    return array
