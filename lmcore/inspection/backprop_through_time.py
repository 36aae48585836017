"""A recurrent network unrolled over a sequence: every tensor with its gradient, and gradients that vanish or explode.

Dimensions: T characters of a sequence, H hidden units, K characters in the vocabulary. Losses are in nats.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.models.numpy_rnn import RNN, Ids

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class UnrolledPass:
    """One forward and one backward pass; row t of each array belongs to time step t.

    Gradients are those of the loss summed over the sequence. The gradient of a hidden state has two parts: one from the
    output of its own time step, and one that comes through W from all later time steps.
    """

    a: Floats  # (T, H)
    h: Floats  # (T, H)
    o: Floats  # (T, K)
    p: Floats  # (T, K)
    losses: Floats  # (T,), -log p of the next character
    d_p: Floats  # (T, K)
    d_o: Floats  # (T, K)
    d_h: Floats  # (T, H), d_h_from_output + d_h_from_later
    d_h_from_output: Floats  # (T, H)
    d_h_from_later: Floats  # (T, H), zero at the last time step
    d_a: Floats  # (T, H)
    gradients: dict[str, Floats]  # of W, U, V, b and c


def unrolled_pass(model: RNN, ids: Ids, targets: Ids, h: Floats) -> UnrolledPass:
    """A forward and a backward pass on one sequence; the weights are not updated.

    Args:
        model: its buffers and gradients are overwritten.
        ids: shape (T,), the characters that are read.
        targets: shape (T,), the characters that follow.
        h: shape (H,), hidden state before the first character.
    """
    model.forward(ids, targets, h)
    model.backward()

    # the loss depends on p only through the targets: d(-log p) / dp = -1/p
    at_targets = np.arange(len(ids)), targets
    p_targets = model.p[at_targets]  # (T,)
    d_p = np.zeros_like(model.p)
    d_p[at_targets] = -1 / p_targets

    d_h_from_later = np.zeros_like(model.d_a)
    d_h_from_later[:-1] = model.d_a[1:] @ model.W
    return UnrolledPass(
        a=model.a.copy(),
        h=model.h[1:].copy(),
        o=model.o.copy(),
        p=model.p.copy(),
        losses=-np.log(p_targets),
        d_p=d_p,
        d_o=model.d_o.copy(),
        d_h=model.d_h.copy(),
        d_h_from_output=model.d_o @ model.V,
        d_h_from_later=d_h_from_later,
        d_a=model.d_a.copy(),
        gradients={name: gradient.copy() for name, gradient in model.gradients.items()},
    )


# ---------------------------------------------------------------- vanishing and exploding gradients


@dataclass(frozen=True, eq=False)
class GradientThroughTime:
    """How strongly the last loss depends on earlier hidden states; entry k is k time steps back."""

    spectral_radius: float  # of W
    norms: NDArray[np.float64]  # (T,), norm of the gradient of the last loss with respect to h[T - 1 - k]
    linear_norms: NDArray[np.float64]  # (T,), the same if tanh had slope 1 everywhere, so that only W matters


def spectral_radius(W: Floats) -> float:
    """The largest absolute eigenvalue of a matrix."""
    return float(np.abs(np.linalg.eigvals(W)).max())


def gradient_through_time(
    model: RNN, ids: Ids, targets: Ids, h: Floats, radius: float | None = None
) -> GradientThroughTime:
    """Follows the gradient of the last loss back through time, in a copy whose W may have another spectral radius.

    Each time step multiplies the gradient by W' diag(1 - h²). All slopes are at most 1, so with a radius below 1 the
    gradient eventually vanishes; with a radius above 1 it can explode as long as tanh is not saturated.

    Args:
        model: the network.
        ids: shape (T,), the characters that are read.
        targets: shape (T,), the characters that follow.
        h: shape (H,), hidden state before the first character.
        radius: spectral radius to rescale W to; None keeps W.

    Raises:
        UserError: if all eigenvalues of W are zero, so that it cannot be rescaled.

    Source: Pascanu, Mikolov and Bengio 2013.
    """
    model = model.copy(np.float64)
    own_radius = spectral_radius(model.W)
    if radius is not None:
        if own_radius == 0:
            raise UserError("W cannot be rescaled: all its eigenvalues are 0. Choose an initialization scale above 0.")
        model.W *= radius / own_radius
    model.forward(ids, targets, h)

    # gradient at the last time step: through the softmax and V
    d_o = model.p[-1].copy()
    d_o[targets[-1]] -= 1
    d_h = linear = d_o @ model.V  # (H,)

    # back through time: through tanh and W at each step
    norms, linear_norms = [], []
    for state in model.h[:0:-1]:
        norms.append(np.linalg.norm(d_h))
        linear_norms.append(np.linalg.norm(linear))
        d_h, linear = (d_h * (1 - state**2)) @ model.W, linear @ model.W
    return GradientThroughTime(own_radius if radius is None else radius, np.array(norms), np.array(linear_norms))
