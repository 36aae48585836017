"""A GRU layer with an explicit backward pass through time, in NumPy.

    r[t] = sigmoid(W_r x[t] + b_r + U_r h[t-1] + d_r)           reset gate
    z[t] = sigmoid(W_z x[t] + b_z + U_z h[t-1] + d_z)           update gate
    n[t] = tanh(W_n x[t] + b_n + r[t] * (U_n h[t-1] + d_n))     candidate state
    h[t] = n[t] + z[t] * (h[t-1] - n[t])

Only the products with U have to wait for the previous time step. Everything else is computed for the whole sequence at
once, which is what makes it faster than the autograd of torch.nn.GRU, the oracle of the tests.

Dimensions: T sequence length, B batch size, I inputs, H hidden units. Weights are stacked in PyTorch's order r, z, n.

Source: Cho et al. 2014, in the variant of torch.nn.GRU.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.floating[Any]]


class Weights(NamedTuple):
    """The weights of a layer."""

    W: Floats  # (3H, I)
    U: Floats  # (3H, H)
    b: Floats  # (3H,)
    d: Floats  # (3H,)


class Forward(NamedTuple):
    """What the backward pass needs of the forward pass."""

    h: Floats  # (T + 1, B, H); h[0] is the state before the sequence
    rz: Floats  # (T, B, 2H), both gates
    n: Floats  # (T, B, H)
    u: Floats  # (T, B, H), U_n h[t-1] + d_n


def forward(x: Floats, h_0: Floats, weights: Weights) -> Forward:
    """The states of a sequence: inputs (T, B, I) and the state before it (B, H)."""
    (T, B, _), H = x.shape, h_0.shape[1]
    W, U, b, d = weights
    x_rows, U_T = x.reshape(T * B, -1), np.ascontiguousarray(U.T)
    minus_rz = (x_rows @ -W[: 2 * H].T).reshape(T, B, 2 * H)
    minus_rz -= (b + d)[: 2 * H]
    n = (x_rows @ W[2 * H :].T).reshape(T, B, H)
    n += b[2 * H :]
    h, u, d_n = np.empty((T + 1, B, H), x.dtype), np.empty((T, B, H), x.dtype), d[2 * H :]
    h[0] = h_0
    product, change = np.empty((B, 3 * H), x.dtype), np.empty((B, H), x.dtype)
    for h_before, h_t, rz_t, n_t, u_t in zip(h, h[1:], minus_rz, n, u, strict=False):
        np.dot(h_before, U_T, product)

        # gates: sigmoid(a) = 1 / (1 + exp(-a))
        rz_t -= product[:, : 2 * H]
        np.exp(rz_t, rz_t)
        rz_t += 1
        np.reciprocal(rz_t, rz_t)

        # candidate and next state
        np.add(product[:, 2 * H :], d_n, u_t)
        np.multiply(rz_t[:, :H], u_t, change)
        n_t += change
        np.tanh(n_t, n_t)
        np.subtract(h_before, n_t, change)
        change *= rz_t[:, H:]
        np.add(n_t, change, h_t)
    return Forward(h, minus_rz, n, u)


def backward(grad_h: Floats, x: Floats, weights: Weights, done: Forward) -> tuple[Floats, Floats, Weights]:
    """Gradients with respect to the inputs, the state before the sequence, and the weights.

    Args:
        grad_h: gradient of the loss with respect to each state of the sequence, shape (T, B, H).
        x: inputs, shape (T, B, I).
        weights: of the layer.
        done: the forward pass.
    """
    h, rz, n, u = done
    T, B, H = n.shape
    r, z = rz[:, :, :H], rz[:, :, H:]

    # the slopes that do not depend on later time steps, for the whole sequence
    slope_n, slope_r, slope_z = n * n, 1 - r, 1 - z
    np.subtract(1, slope_n, slope_n)
    slope_n *= slope_z  # (1 - n²) (1 - z)
    slope_z *= z
    slope_z *= h[:-1] - n  # z (1 - z) (h[t-1] - n)
    slope_r *= r
    slope_r *= u  # r (1 - r) u

    # from the last time step to the first: d_n, and the gradient d_a of U h[t-1] + d
    d_n, d_a = np.empty_like(n), np.empty((T, B, 3 * H), n.dtype)
    d_h = np.zeros((B, H), n.dtype)
    product = np.empty_like(d_h)
    for t in range(T - 1, -1, -1):
        d_h += grad_h[t]
        np.multiply(d_h, slope_n[t], d_n[t])
        np.multiply(d_n[t], slope_r[t], d_a[t, :, :H])
        np.multiply(d_h, slope_z[t], d_a[t, :, H : 2 * H])
        np.multiply(d_n[t], r[t], d_a[t, :, 2 * H :])
        np.dot(d_a[t], weights.U, product)
        d_h *= z[t]
        d_h += product

    # weights: sums over time of outer products; W x + b and U h + d differ in the candidate only
    d_a_rows, ones = d_a.reshape(T * B, 3 * H), np.ones(T * B, n.dtype)
    d_U, d_d = d_a_rows.T @ h[:-1].reshape(T * B, H), ones @ d_a_rows
    d_a[:, :, 2 * H :] = d_n
    d_W, d_b = d_a_rows.T @ x.reshape(T * B, -1), ones @ d_a_rows
    return (d_a_rows @ weights.W).reshape(x.shape), d_h, Weights(d_W, d_U, d_b, d_d)


class _GRUFunction(torch.autograd.Function):
    """The layer as one operation of autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, h_0: Tensor, *weights: Tensor) -> Tensor:
        x_array, h_array, *arrays = (tensor.detach().numpy() for tensor in (x, h_0, *weights))
        with np.errstate(all="ignore"):
            ctx.given = x_array, Weights(*arrays), forward(x_array, h_array, Weights(*arrays))
        return torch.from_numpy(ctx.given[-1].h[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        with np.errstate(all="ignore"):
            grad_x, grad_h_0, gradients = backward(grads[0].numpy(), *ctx.given)
        return tuple(torch.from_numpy(gradient) for gradient in (grad_x, grad_h_0, *gradients))


class GRU(nn.GRU):
    """torch.nn.GRU with one layer, computed by `forward` and `backward`."""

    def forward(self, x: Tensor, h_0: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """The states of a sequence and the last of them: (T, B, I) to (T, B, H) and (1, B, H)."""
        if h_0 is None:
            h_0 = x.new_zeros(1, x.shape[1], self.hidden_size)
        h: Tensor = _GRUFunction.apply(x, h_0[0], *self.parameters())  # type: ignore[no-untyped-call]
        return h, h[-1:]
