"""The recurrent network in slow motion: a sequence unrolled, gradients that fade or explode, and their check.

Dimensions: T characters of a sequence, H hidden units, K characters in the vocabulary. Losses are in nats.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.models.numpy_rnn import RNN, Floats, Ids, RNNConfig

PARAMETERS = ("W", "U", "V", "b", "c")
ENTRIES = 25  # of each parameter, the largest gradient and others, drawn


# ---------------------------------------------------------------- one step, time step by time step


@dataclass(frozen=True, eq=False)
class Unrolled:
    """One forward and one backward pass; row t of each array belongs to time step t.

    Each gradient is that of the loss summed over the sequence. The gradient of a hidden state has two sources: the
    output at its own time, and through W all that comes later.
    """

    a: Floats  # (T, H)
    h: Floats  # (T, H)
    o: Floats  # (T, K)
    p: Floats  # (T, K)
    losses: Floats  # (T,), -log p of the character that came
    d_p: Floats  # (T, K)
    d_o: Floats  # (T, K)
    d_h: Floats  # (T, H), from_output + from_later
    from_output: Floats  # (T, H)
    from_later: Floats  # (T, H), zero at the last time step
    d_a: Floats  # (T, H)
    gradients: dict[str, Floats]  # of W, U, V, b and c


def unroll(model: RNN, ids: Ids, targets: Ids, h: Floats) -> Unrolled:
    """Every tensor of a step on one sequence, without an update.

    Args:
        model: its sequence and gradient are overwritten.
        ids, targets: shape (T,), the characters that are read and those that came next.
        h: shape (H,), the state before.
    """
    model.forward(ids, targets, h)
    model.backward()
    at = np.arange(len(ids)), targets
    picked = model.p[at]
    d_p = np.zeros_like(model.p)
    d_p[at] = -1 / picked
    from_later = np.zeros_like(model.d_a)
    from_later[:-1] = model.d_a[1:] @ model.W
    return Unrolled(
        a=model.a.copy(),
        h=model.h[1:].copy(),
        o=model.o.copy(),
        p=model.p.copy(),
        losses=-np.log(picked),
        d_p=d_p,
        d_o=model.d_o.copy(),
        d_h=model.d_h.copy(),
        from_output=model.d_o @ model.V,
        from_later=from_later,
        d_a=model.d_a.copy(),
        gradients={name: gradient.copy() for name, gradient in model.gradients.items()},
    )


# ---------------------------------------------------------------- fading and exploding


@dataclass(frozen=True, eq=False)
class Fading:
    """How much the last character's loss depends on the states before it: entry k is k time steps back."""

    radius: float  # largest absolute eigenvalue of W
    norms: NDArray[np.float64]  # (T,), of the gradient of the last loss with respect to h[T - 1 - k]
    linear: NDArray[np.float64]  # (T,), the same without tanh: its slope is 1 everywhere, so that only W acts


def spectral_radius(W: Floats) -> float:
    """The largest absolute eigenvalue."""
    return float(np.abs(np.linalg.eigvals(W)).max())


def fading(model: RNN, ids: Ids, targets: Ids, h: Floats, radius: float | None = None) -> Fading:
    """Follows the gradient of the last loss back through time, with W rescaled to a spectral radius.

    Each time step multiplies it by W' diag(1 - h²). The slopes are at most 1: below a radius of 1 it fades in the
    long run, above 1 it grows only while tanh is not saturated (Pascanu, Mikolov and Bengio 2013).

    Args:
        ids, targets: shape (T,).
        h: shape (H,), the state before.
        radius: None leaves W as it is.

    Raises:
        UserError: if W has no eigenvalue but 0 and cannot be rescaled.
    """
    model = model.copy(np.float64)
    own = spectral_radius(model.W)
    if radius is not None:
        if own == 0:
            raise UserError("All eigenvalues of W are 0. Choose a starting scale above 0.")
        model.W *= radius / own
    model.forward(ids, targets, h)
    d_o = model.p[-1].copy()
    d_o[targets[-1]] -= 1
    d_h = linear = d_o @ model.V
    norms, linears = [], []
    for state in model.h[:0:-1]:
        norms.append(np.linalg.norm(d_h))
        linears.append(np.linalg.norm(linear))
        d_h, linear = (d_h * (1 - state**2)) @ model.W, linear @ model.W
    return Fading(own if radius is None else radius, np.array(norms), np.array(linears))


# ---------------------------------------------------------------- gradient check


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """Relative errors of the gradients of one sequence in float64: norm of the difference beside the larger norm."""

    h: float  # step of the central differences
    names: tuple[str, ...]  # (5,), the parameters
    differences: NDArray[np.float64]  # (5,), against central differences, over the probed entries
    autograd: NDArray[np.float64]  # (5,), against PyTorch, over all entries


def check(
    model: RNN,
    ids: Ids,
    targets: Ids,
    state: Floats,
    h: float = 3e-4,
    entries: int | None = ENTRIES,
    differences: "Differences | None" = None,
) -> GradientCheck:
    """Compares backpropagation through time with central differences and with PyTorch's autograd.

    Args:
        ids, targets: shape (T,).
        state: shape (H,), the state before.
        h: step of the central differences.
        entries: most entries of each parameter for which differences are taken; all if None.
        differences: takes them instead of `central_differences`, such as in a worker.
    """
    differences = differences or central_differences
    model, state = model.copy(np.float64), state.astype(np.float64)
    model.forward(ids, targets, state)
    model.backward()
    found = {name: gradient.copy() for name, gradient in model.gradients.items()}
    oracle = autograd(model, ids, targets, state)
    errors = []
    for name, gradient in found.items():
        probed = _probed(gradient, entries)
        numerical = differences(model, name, probed, ids, targets, state, h)
        errors.append(relative_error(gradient.ravel()[probed], numerical))
    return GradientCheck(
        h, PARAMETERS, np.array(errors), np.array([relative_error(found[name], oracle[name]) for name in PARAMETERS])
    )


def _probed(gradient: Floats, entries: int | None) -> NDArray[np.int64]:
    """Indices into the flat gradient: the largest entry first, then others, drawn."""
    drawn = np.random.default_rng(0).permutation(gradient.size)
    largest = np.abs(gradient).argmax()
    return np.concatenate([[largest], drawn[drawn != largest]])[:entries]


def central_differences(
    model: RNN, name: str, indices: NDArray[np.int64], ids: Ids, targets: Ids, state: Floats, h: float
) -> NDArray[np.float64]:
    """Central differences for some entries of one parameter, by their indices in the flat array.

    Two pairs of losses, at ±h and ±2h, cancel the error that grows with h² and leave one that grows with h⁴, so that
    h can be large enough to keep rounding away (Fornberg 1988, table 1).
    """
    flat = model.parameters[name].reshape(-1)
    values = np.empty(len(indices))

    def loss(index: np.int64, value: float) -> float:
        flat[index] = value
        return model.forward(ids, targets, state)

    for i, index in enumerate(indices):
        before = flat[index]
        near = loss(index, before + h) - loss(index, before - h)
        far = loss(index, before + 2 * h) - loss(index, before - 2 * h)
        values[i] = (8 * near - far) / (12 * h)
        flat[index] = before
    return values


Differences = Callable[[RNN, str, NDArray[np.int64], Ids, Ids, Floats, float], NDArray[np.float64]]
"""As `central_differences`."""


def differences_of(
    config: RNNConfig,
    theta: Floats,
    name: str,
    indices: NDArray[np.int64],
    ids: Ids,
    targets: Ids,
    state: Floats,
    h: float,
) -> NDArray[np.float64]:
    """`central_differences` of the network with the weights ``theta``, which can travel to a worker."""
    H = config.hidden
    vocabulary_size = (len(theta) - H * H - H) // (2 * H + 1)
    model = RNN(config, vocabulary_size, np.random.default_rng(0), np.float64)
    model.theta[:] = theta
    return central_differences(model, name, indices, ids, targets, state, h)


def autograd(model: RNN, ids: Ids, targets: Ids, state: Floats) -> dict[str, NDArray[np.float64]]:
    """The gradients by PyTorch, from the equations alone."""
    W, U, V, b, c = leaves = [torch.tensor(model.parameters[name], requires_grad=True) for name in PARAMETERS]
    h, loss = torch.tensor(state), torch.zeros(())
    for x, y in zip(ids.tolist(), targets.tolist(), strict=True):
        h = torch.tanh(W @ h + U[:, x] + b)
        loss = loss - torch.log_softmax(V @ h + c, 0)[y]
    gradients = torch.autograd.grad(loss, leaves)
    return {name: gradient.numpy() for name, gradient in zip(PARAMETERS, gradients, strict=True)}


def relative_error(found: Floats, expected: Floats) -> float:
    """The norm of the difference beside the larger of the norms; 0 where both are zero."""
    larger = max(np.linalg.norm(found), np.linalg.norm(expected))
    return float(np.linalg.norm(found - expected) / larger) if larger else 0.0
