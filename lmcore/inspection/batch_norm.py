"""Batch normalization in detail: one batch, running statistics, the wrong axis, and folding into linear layers.

The values that are normalized are the pre-activations of hidden units; they have no unit of measurement.
Dimensions: N batches, B examples, T positions, F units, V characters.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.corpora import Corpus, Split
from lmcore.errors import UserError
from lmcore.nn.containers import Parallel, Sequential
from lmcore.nn.layers import BatchNorm1d, Layer, Linear
from lmcore.training.config import RunConfig
from lmcore.training.layered import LayeredTrainer
from lmcore.training.trainer import MAX_EVALUATION_EXAMPLES

Floats = NDArray[np.float64]
N_BATCHES = 200
"""Batches that one unit is observed on: those of the first steps of a run."""

N_TIMINGS = 15
"""Forward passes of each model that are timed, in turn; the fastest counts."""


def _batch_norm(
    n_features: int, gain: float = 1.0, bias: float = 0.0, momentum: float = 1.0, positions: int = 1
) -> BatchNorm1d:
    """A layer in float64; with momentum 1 its running statistics are those of the last batch."""
    return BatchNorm1d(np.full(n_features, gain), np.full(n_features, bias), momentum, positions)


# ---------------------------------------------------------------- one batch


@dataclass(frozen=True)
class UnitBatches:
    """The pre-activations of one hidden unit of an untrained MLP, on the batches of the first steps of a run."""

    values: Floats  # (N, B)
    contexts: list[str]  # (B,), of the first batch
    mean: float  # over the whole training split
    variance: float  # over the whole training split


def unit_batches(config: RunConfig, unit: int, corpus: Corpus | None = None) -> UnitBatches:
    """The inputs of BatchNorm for one unit of the first hidden layer, with the initial weights throughout.

    Args:
        config: of an MLP.
        unit: index of the unit.
        corpus: the text; loaded if None.

    Raises:
        UserError: if the text or the settings do not suit the model.
    """
    trainer: LayeredTrainer = families.make_trainer(config, corpus)
    if len(trainer.X) < 2:
        raise UserError("A variance needs at least two examples, but the training split has one. Use a longer text.")
    layers, weight = trainer.model.leaves, trainer.model.parameters["hidden.weight"][:, unit]  # (T * E,)

    def pre_activations(rows: NDArray[np.int64]) -> Floats:
        X, _ = trainer.training_examples(rows)
        values: Floats = (layers["flatten"].forward(layers["embedding"].forward(X)) @ weight).astype(np.float64)
        return values

    rows, N = trainer.draw_batches(N_BATCHES), len(trainer.X)  # (N_BATCHES, B)
    parts = (np.arange(begin, min(begin + 65_536, N)) for begin in range(0, N, 65_536))
    whole_split = np.concatenate([pre_activations(part) for part in parts])
    return UnitBatches(
        np.stack([pre_activations(batch) for batch in rows]),
        [trainer.corpus.vocabulary.show(context) for context in trainer.training_examples(rows[0])[0].tolist()],
        float(whole_split.mean()),
        float(whole_split.var(ddof=1)),
    )


@dataclass(frozen=True)
class NormalizedBatch:
    """One batch before and after BatchNorm in training mode; its first example may have been moved."""

    before: Floats  # (B,)
    after: Floats  # (B,)
    mean: float  # of the values before
    variance: float  # of the values before, unbiased
    original_before: Floats  # (B,), with the first example where it was
    original_after: Floats  # (B,)

    @property
    def shifts(self) -> Floats:
        """How far each output moved because the first example was moved, shape (B,)."""
        return self.after - self.original_after


def normalize_batch(
    values: Floats, gain: float = 1.0, bias: float = 0.0, first_value: float | None = None
) -> NormalizedBatch:
    """Applies BatchNorm to the values (B,) of one unit.

    Args:
        values: shape (B,).
        gain: of the layer.
        bias: of the layer.
        first_value: replaces the value of the first example; None keeps it.
    """
    before = values.copy()
    if first_value is not None:
        before[0] = first_value
    layer = _batch_norm(1, gain, bias)
    original_after, after = (layer.forward(x[:, None])[:, 0].astype(np.float64) for x in (values, before))
    mean, variance = (layer.statistics[name].item() for name in ("mean", "variance"))
    return NormalizedBatch(before, after, mean, variance, values, original_after)


# ---------------------------------------------------------------- running statistics


@dataclass(frozen=True)
class RunningStatistics:
    """Statistics of each batch, the running ones, and the true ones; and the outputs of one example.

    The example is the first one of the first batch.
    """

    batch_means: Floats  # (N,)
    batch_stds: Floats  # (N,)
    means: Floats  # (N,), running mean after each batch
    stds: Floats  # (N,), running standard deviation after each batch
    true_mean: float  # over the whole training split
    true_std: float
    example: float  # value of the example before BatchNorm
    in_batches: Floats  # (N,), its output in training mode if it replaced the first example of each batch
    in_own_batch: float  # its output in evaluation mode, within its own batch
    alone: float  # its output in evaluation mode, as a batch of one
    with_true_statistics: float  # its output if the running statistics were the true ones


def running_statistics(given: UnitBatches, momentum: float) -> RunningStatistics:
    """The running statistics that BatchNorm collects batch by batch, and what they do to one example.

    As a batch of one in training mode, the example has no output: the variance of a single number is 0 / 0.

    Args:
        given: the batches of one unit.
        momentum: weight of each new batch in the running statistics.
    """
    values = given.values
    layer = _batch_norm(1, momentum=momentum)
    collected = []
    for batch in values:
        layer.forward(batch[:, None])
        collected.append([layer.statistics["mean"].item(), layer.statistics["variance"].item()])
    means, variances = np.array(collected).T
    layer.training = False
    example = float(values[0, 0])
    return RunningStatistics(
        given.values.mean(1),
        given.values.std(1, ddof=1),
        means,
        np.sqrt(variances),
        given.mean,
        math.sqrt(given.variance),
        example,
        _outputs_in_batches(values, example),
        layer.forward(values[0][:, None])[0].item(),
        layer.forward(values[:1, :1]).item(),
        (example - given.mean) / math.sqrt(given.variance + layer.EPS),
    )


def _outputs_in_batches(values: Floats, example: float) -> Floats:
    """The outputs (N,) of an example that replaces the first one of each of the batches (N, B), in training mode."""
    columns = values.T.copy()  # (B, N): each batch is normalized on its own, as if it were a unit
    columns[0] = example
    outputs: Floats = _batch_norm(len(values)).forward(columns)[0].copy()
    return outputs


# ---------------------------------------------------------------- the wrong axis


@dataclass(frozen=True)
class WrongAxis:
    """The lowest level of a WaveNet, normalized over examples and positions, and, wrongly, over examples only."""

    before: Floats  # (B, T, F)
    right: Floats  # (B, T, F), after normalization
    wrong: Floats  # (B, T, F), after normalization
    right_mean: Floats  # (1, 1, F), each over B * T values
    wrong_mean: Floats  # (1, T, F), each over B values
    right_spread: float  # standard deviation of a mean between batches, relative to that of the values
    wrong_spread: float


def wrong_axis(config: RunConfig, corpus: Corpus | None = None) -> WrongAxis:
    """The first batch of an untrained model normalized both ways, and how much the means vary between batches.

    Statistics over the first axis alone are those of T * F features.

    Args:
        config: of a WaveNet with batch normalization.
        corpus: the text; loaded if None.

    Raises:
        UserError: if the text or the settings do not suit the model.
    """
    trainer: LayeredTrainer = families.make_trainer(config, corpus)
    layers = [trainer.model.leaves[name] for name in ("embedding", "flatten", "hidden")]
    inputs = []
    for rows in trainer.draw_batches(N_BATCHES // 4):
        x: NDArray[Any] = trainer.training_examples(rows)[0]
        for layer in layers:
            x = layer.forward(x)
        inputs.append(x.astype(np.float64))  # (B, T, F)
    T, F = inputs[0].shape[1:]
    right, right_mean, right_spread = _normalize_first(inputs)
    wrong, wrong_mean, wrong_spread = _normalize_first(inputs, positions=T)
    return WrongAxis(
        inputs[0],
        right,
        wrong,
        right_mean.reshape(1, 1, F),
        wrong_mean.reshape(1, T, F),
        right_spread,
        wrong_spread,
    )


def _normalize_first(batches: Sequence[Floats], positions: int = 1) -> tuple[Floats, Floats, float]:
    """The first batch normalized, its means, and the relative spread of the means over all batches."""
    layer = _batch_norm(batches[0].shape[-1], positions=positions)
    collected = []
    for x in reversed(batches):  # so that the layer ends with the output of the first batch
        layer.forward(x)
        collected.append([layer.statistics["mean"].copy(), layer.statistics["variance"].copy()])
    means, variances = np.array(collected).transpose(1, 0, 2)  # (N, F) each
    spread = math.sqrt((means.var(0, ddof=1) / (variances.mean(0) + layer.EPS)).mean())
    return layer.out.astype(np.float64), means[-1], spread


# ---------------------------------------------------------------- folding


def fold(model: Sequential) -> Sequential:
    """The same model for evaluation, with every BatchNorm that follows a Linear folded into its weights and bias.

    In evaluation mode BatchNorm multiplies and shifts each feature by constants, which a Linear can do as well:
    weight' = weight * gain / sqrt(variance + eps), bias' = (bias - mean) * gain / sqrt(variance + eps) + norm_bias.

    Source: Jacob et al. 2018, "Quantization and training of neural networks", section 3.2.
    """
    folded = Sequential(_fold_layers(copy.deepcopy(model.layers)))
    for layer in folded.leaves.values():
        layer.training = False
    return folded


def _fold_layers(layers: dict[str, Layer]) -> dict[str, Layer]:
    folded: dict[str, Layer] = {}
    for name, layer in layers.items():
        last = next(reversed(folded), "")
        if isinstance(layer, Parallel):
            folded[name] = Parallel({branch: _fold_layers(inner) for branch, inner in layer.branches.items()})
        elif _is_foldable(layer) and isinstance(linear := folded.get(last), Linear):
            folded[last] = _merge(linear, layer)
        else:
            folded[name] = layer
    return folded


def _is_foldable(layer: Layer) -> TypeGuard[BatchNorm1d]:
    """Whether a layer is a BatchNorm with the same factors at every position, as a Linear has."""
    return isinstance(layer, BatchNorm1d) and layer.positions == 1


def _merge(linear: Linear, norm: BatchNorm1d) -> Linear:
    factor = folding_factor(norm)
    bias = linear.parameters.get("bias", np.zeros_like(factor))
    new_bias = (bias - norm.statistics["mean"]) * factor + norm.parameters["bias"]
    return Linear(linear.parameters["weight"] * factor, new_bias)


def folding_factor(norm: BatchNorm1d) -> NDArray[np.floating[Any]]:
    """The factor by which BatchNorm in evaluation mode multiplies each feature, shape (F,)."""
    factor: NDArray[np.floating[Any]] = norm.parameters["gain"] / np.sqrt(norm.statistics["variance"] + norm.EPS)
    return factor


@dataclass(frozen=True)
class Folding:
    """A trained model in evaluation mode and its folded version, on examples of one split."""

    split: Split  # the training split if there is no dev split
    layers: list[str]  # names
    folded_layers: list[str]
    n_numbers: int  # weights, biases and running statistics
    folded_n_numbers: int
    logits: NDArray[np.float32]  # (examples, V)
    folded_logits: NDArray[np.float32]
    factors: dict[str, NDArray[np.float32]]  # by folded BatchNorm, (F,)
    seconds: float  # of a forward pass over these examples
    folded_seconds: float

    @property
    def differences(self) -> NDArray[np.float32]:
        """Folded logits minus logits, shape (examples, V)."""
        return self.folded_logits - self.logits


def folding(config: RunConfig, corpus: Corpus | None = None) -> Folding:
    """Trains a model, folds it, and compares both on at most `MAX_EVALUATION_EXAMPLES` examples of the dev split.

    Raises:
        UserError: if the text or the settings do not suit the model.
    """
    trainer: LayeredTrainer = families.make_trainer(config, corpus)
    trainer.train(config.train.steps)
    model, folded = trainer.model, fold(trainer.model)
    split, X = _comparison_examples(trainer)
    with model.evaluation_mode():
        seconds = np.min([[_forward_seconds(one, X) for one in (model, folded)] for _ in range(N_TIMINGS)], axis=0)
        logits, folded_logits = (one.forward(X).copy() for one in (model, folded))
    removed = {name: layer for name, layer in model.leaves.items() if name not in folded.leaves}
    return Folding(
        split,
        list(model.leaves),
        list(folded.leaves),
        _count_numbers(model),
        _count_numbers(folded),
        logits,
        folded_logits,
        {name: folding_factor(layer) for name, layer in removed.items() if isinstance(layer, BatchNorm1d)},
        *seconds.tolist(),
    )


def _comparison_examples(trainer: LayeredTrainer) -> tuple[Split, NDArray[np.int64]]:
    """Evenly spaced examples of the dev split, or of the training split if it is empty: (examples, T)."""
    split: Split = "dev" if len(trainer.corpus.windows("dev", trainer.context).X) else "train"
    X = trainer.corpus.windows(split, trainer.context).X
    rows = torch.linspace(0, len(X) - 1, min(len(X), MAX_EVALUATION_EXAMPLES)).long().numpy()
    return split, X[rows].astype(np.int64)


def _count_numbers(model: Sequential) -> int:
    return len(model.theta) + sum(array.size for array in model.statistics.values())


def _forward_seconds(model: Sequential, X: NDArray[np.int64]) -> float:
    started = time.perf_counter()
    model.forward(X)
    return time.perf_counter() - started
