"""Gradient checking: explicit gradients compared with those of autograd and of central differences.

Central differences change one weight at a time. `check_gradients` does this for models made of layers,
`check_recurrent_gradients` for backpropagation through time.

Dimensions: P parameters (tensors) of a model, K probed entries of each, S step sizes, T characters of a sequence,
H hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.corpora import Corpus
from lmcore.inspection.activations import probe_rows
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.models.numpy_rnn import Ids as CharacterIds
from lmcore.nn.containers import Sequential
from lmcore.nn.losses import cross_entropy
from lmcore.training.config import RunConfig
from lmcore.training.layered import LayeredTrainer

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]
Precision = Literal["float64", "float32"]
PRECISIONS: dict[Precision, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}
MAX_PROBED = 25
"""Entries of each parameter for which central differences are computed, unless more are asked for."""

MAX_PROBED_ON_CURVE = 2
"""Entries of each parameter for which they are computed at every step size of the curve."""

STEP_SIZES: list[float] = [10.0 ** (-exponent / 2) for exponent in range(2, 23)]
"""Step sizes h of the curve, from 0.1 down to 1e-11."""


# ---------------------------------------------------------------- central differences


def probe_indices(gradient: Floats, max_entries: int | None = MAX_PROBED) -> NDArray[np.int64]:
    """Indices into a flattened gradient: its largest entry first, then others, drawn at random; all if None."""
    drawn = np.random.default_rng(0).permutation(gradient.size)
    largest = np.abs(gradient).argmax()
    return np.concatenate([[largest], drawn[drawn != largest]])[:max_entries]


def central_differences(
    loss: Callable[[], float], weights: Floats, indices: Indices, h: float, order: Literal[2, 4] = 2
) -> NDArray[np.float64]:
    """The gradient of a loss with respect to some weights, by central differences.

    The error of order 2, (f(h) - f(-h)) / 2h, falls with h² until rounding, which grows with 1/h, takes over. Order 4
    combines the differences at h and at 2h so that the error falls with h⁴; h can then be large enough to keep
    rounding away.

    Args:
        loss: evaluates the loss at the current weights.
        weights: flat array that the loss depends on; changed in place and restored.
        indices: shape (K,), of the weights to change.
        h: step size.
        order: of the error.

    Returns:
        Shape (K,).

    Source: Fornberg 1988, table 1.
    """
    estimates = np.empty(len(indices))
    for i, index in enumerate(indices):
        near = _difference(loss, weights, index, h)
        if order == 2:
            estimates[i] = near / (2 * h)
        else:
            estimates[i] = (8 * near - _difference(loss, weights, index, 2 * h)) / (12 * h)
    return estimates


def _difference(loss: Callable[[], float], weights: Floats, index: int, h: float) -> float:
    """loss(w + h) - loss(w - h), for one weight w; the weight is restored."""
    original = float(weights[index])
    weights[index] = original + h
    above = loss()
    weights[index] = original - h
    below = loss()
    weights[index] = original
    return above - below


def relative_error(actual: Floats, expected: Floats) -> float:
    """The norm of the difference, divided by the larger of the two norms.

    It is 0 where both are zero, and infinite where either is not finite.
    """
    larger = max(float(np.linalg.norm(actual)), float(np.linalg.norm(expected)))
    if larger == 0:
        return 0.0
    error = float(np.linalg.norm(actual - expected)) / larger
    return error if math.isfinite(error) else math.inf


# ---------------------------------------------------------------- models made of layers


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """The gradients of one minibatch, computed in three ways, in one precision."""

    precision: Precision
    h: float  # step size of the central differences
    names: list[str]  # (P,)
    explicit: NDArray[np.float64]  # (P,), relative error against autograd in float64, over all entries
    differences: NDArray[np.float64]  # (P,), the same of central differences, over the probed entries
    largest: list[tuple[float, float, float]]  # (P,), the largest entry: explicit, autograd, central difference
    curve: NDArray[np.float64]  # (S,), relative error of central differences over all tensors, per step size


def check_gradients(
    config: RunConfig, precision: Precision = "float64", h: float = 1e-5, corpus: Corpus | None = None
) -> GradientCheck:
    """Checks the gradients of an untrained model on one minibatch.

    Raises:
        UserError: if the text or the settings do not suit the model.
    """
    trainer: LayeredTrainer = families.make_trainer(config, corpus)
    rows = probe_rows(trainer)
    X, Y = trainer.training_examples(rows)
    model = _in_precision(trainer, PRECISIONS[precision])
    autograd = _autograd(_in_precision(trainer, np.float64), X, Y)

    # backward pass of the layers
    model.backward(cross_entropy(model.forward(X), Y).grad_logits)
    explicit = {name: gradient.astype(np.float64) for name, gradient in model.gradients.items()}

    # central differences: some entries at h, fewer at every step size of the curve
    probed = {name: probe_indices(gradient) for name, gradient in autograd.items()}
    few = {name: indices[:MAX_PROBED_ON_CURVE] for name, indices in probed.items()}
    at_h = _differences(model, X, Y, probed, h)
    at_few = _joined(autograd[name].ravel()[indices] for name, indices in few.items())
    curve = [relative_error(_joined(_differences(model, X, Y, few, step).values()), at_few) for step in STEP_SIZES]
    return GradientCheck(
        precision,
        h,
        list(autograd),
        np.array([relative_error(explicit[name], autograd[name]) for name in autograd]),
        np.array([relative_error(at_h[name], autograd[name].ravel()[probed[name]]) for name in autograd]),
        [
            (float(explicit[name].ravel()[at[0]]), float(autograd[name].ravel()[at[0]]), float(at_h[name][0]))
            for name, at in probed.items()
        ],
        np.array(curve),
    )


def _in_precision(trainer: LayeredTrainer, dtype: type[np.floating[Any]]) -> Sequential:
    """A copy of the trainer's model in another precision."""
    model: Sequential = families.build_network(trainer.config, trainer.n_classes, torch.Generator(), dtype)
    model.theta[:] = trainer.model.theta
    return model


def _autograd(model: Sequential, X: CharacterIds, Y: CharacterIds) -> dict[str, NDArray[np.float64]]:
    """The gradient of each parameter by autograd."""
    parameters = {name: torch.tensor(weights, requires_grad=True) for name, weights in model.parameters.items()}
    logits = model.functional_forward(torch.from_numpy(X), parameters)
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(Y))
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    return {name: gradient.numpy() for name, gradient in zip(parameters, gradients, strict=True)}


def _differences(
    model: Sequential, X: CharacterIds, Y: CharacterIds, probed: Mapping[str, Indices], h: float
) -> dict[str, NDArray[np.float64]]:
    """Central differences of the probed entries of each parameter, shape (K,)."""

    def loss() -> float:
        return -float(cross_entropy(model.forward(X), Y).log_probabilities.mean())

    return {
        name: central_differences(loss, model.parameters[name].reshape(-1), indices, h)
        for name, indices in probed.items()
    }


def _joined(pieces: Iterable[Floats]) -> Floats:
    return np.concatenate(list(pieces))


def as_json(record: GradientCheck) -> dict[str, Any]:
    """A gradient check as plain data."""
    return {
        "precision": record.precision,
        "h": record.h,
        "tensors": {
            name: {"explicit": float(explicit), "central differences": float(differences)}
            for name, explicit, differences in zip(record.names, record.explicit, record.differences, strict=True)
        },
    }


# ---------------------------------------------------------------- backpropagation through time


@dataclass(frozen=True, eq=False)
class RecurrentGradientCheck:
    """Relative errors of the gradients of one sequence, computed by backpropagation through time in float64."""

    h: float  # step size of the central differences
    names: tuple[str, ...]  # (5,), the parameters
    differences: NDArray[np.float64]  # (5,), against central differences, over the probed entries
    autograd: NDArray[np.float64]  # (5,), against PyTorch's autograd, over all entries


@dataclass(frozen=True, eq=False)
class CharacterSequence:
    """A sequence of characters for a recurrent network to learn from."""

    ids: CharacterIds  # (T,), the characters that are read
    targets: CharacterIds  # (T,), the characters that follow
    state: Floats  # (H,), hidden state before the first character


Arrays = dict[str, NDArray[Any]]
Gradients = Callable[[RNNConfig, Floats, CharacterSequence], tuple[Arrays, Arrays]]
"""Computes gradients, as `recurrent_gradients` does."""

Differences = Callable[[RNN, str, Indices, CharacterSequence, float], NDArray[np.float64]]
"""Computes central differences, as `recurrent_differences` does."""


def check_recurrent_gradients(
    model: RNN,
    sequence: CharacterSequence,
    h: float = 3e-4,
    max_entries: int | None = MAX_PROBED,
    gradients: Gradients | None = None,
    differences: Differences | None = None,
) -> RecurrentGradientCheck:
    """Compares backpropagation through time with central differences of order 4 and with autograd.

    Args:
        model: the network.
        sequence: what it reads.
        h: step size of the central differences.
        max_entries: of each parameter, for which differences are computed; all if None.
        gradients: computes them, for example in a worker; `recurrent_gradients` if None.
        differences: the same for the central differences; `recurrent_differences` if None.
    """
    differences = differences or recurrent_differences
    model = model.copy(np.float64)
    sequence = CharacterSequence(sequence.ids, sequence.targets, sequence.state.astype(np.float64))
    explicit, autograd = (gradients or recurrent_gradients)(model.config, model.theta, sequence)
    errors = []
    for name, gradient in explicit.items():
        probed = probe_indices(gradient, max_entries)
        estimates = differences(model, name, probed, sequence, h)
        errors.append(relative_error(gradient.ravel()[probed], estimates))
    names = tuple(explicit)
    against_autograd = [relative_error(explicit[name], autograd[name]) for name in names]
    return RecurrentGradientCheck(h, names, np.array(errors), np.array(against_autograd))


def recurrent_gradients(config: RNNConfig, theta: Floats, sequence: CharacterSequence) -> tuple[Arrays, Arrays]:
    """The gradients of the network with the weights ``theta``, by parameter: explicit ones, and those of autograd."""
    model = _network(config, theta)
    model.forward(sequence.ids, sequence.targets, sequence.state)
    model.backward()
    return {name: gradient.copy() for name, gradient in model.gradients.items()}, _recurrent_autograd(model, sequence)


def recurrent_differences(
    model: RNN, name: str, indices: Indices, sequence: CharacterSequence, h: float
) -> NDArray[np.float64]:
    """Central differences of order 4 for some entries of one parameter, by their indices in the flat array."""

    def loss() -> float:
        return model.forward(sequence.ids, sequence.targets, sequence.state)

    return central_differences(loss, model.parameters[name].reshape(-1), indices, h, order=4)


def recurrent_differences_of_weights(
    config: RNNConfig, theta: Floats, name: str, indices: Indices, sequence: CharacterSequence, h: float
) -> NDArray[np.float64]:
    """`recurrent_differences` of the network with the weights ``theta``, which can be sent to a worker."""
    return recurrent_differences(_network(config, theta), name, indices, sequence, h)


def check_recurrent_gradients_of_weights(
    config: RNNConfig, theta: Floats, sequence: CharacterSequence
) -> RecurrentGradientCheck:
    """`check_recurrent_gradients` of the network with the weights ``theta``, which can be sent to a worker."""
    return check_recurrent_gradients(_network(config, theta), sequence)


def _network(config: RNNConfig, theta: Floats) -> RNN:
    H = config.hidden
    vocabulary_size = (len(theta) - H * H - H) // (2 * H + 1)
    model = RNN(config, vocabulary_size, np.random.default_rng(0), np.float64)
    model.theta[:] = theta
    return model


def _recurrent_autograd(model: RNN, sequence: CharacterSequence) -> dict[str, NDArray[np.float64]]:
    """The gradients by autograd, from the equations alone."""
    leaves = {name: torch.tensor(weights, requires_grad=True) for name, weights in model.parameters.items()}
    W, U, V, b, c = leaves.values()
    h, loss = torch.tensor(sequence.state), torch.zeros(())
    for x, y in zip(sequence.ids.tolist(), sequence.targets.tolist(), strict=True):
        h = torch.tanh(W @ h + U[:, x] + b)
        loss = loss - torch.log_softmax(V @ h + c, 0)[y]
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return {name: gradient.numpy() for name, gradient in zip(leaves, gradients, strict=True)}
