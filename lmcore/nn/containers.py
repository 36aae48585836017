"""Containers of layers: one after another, or side by side.

`Sequential` stores all parameters in one flat vector ``theta`` and all gradients in ``grad``, of which the layers hold
views. An SGD update is then one line: ``theta -= learning_rate * grad``.

Dimensions: B batch size, T context length, V vocabulary size, P parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lmcore.nn.layers import BatchNorm1d, Floats, Layer


class Parallel(Layer):
    """Branches of layers that share one input; their outputs are added."""

    def __init__(self, branches: dict[str, dict[str, Layer]]) -> None:
        super().__init__()
        self.branches = branches

    def forward(self, x: Floats) -> Floats:
        self.out = self._sum("out", [_forward(branch, x) for branch in self.branches.values()])
        return self.out

    def backward(self, grad_out: Floats) -> Floats:
        self.grad_out = grad_out
        return self._sum("grad_x", [_backward(branch, grad_out) for branch in self.branches.values()])

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        outputs = [_functional_forward(branch, x, parameters) for branch in self.branches.values()]
        return torch.stack(outputs).sum(0)

    def _sum(self, name: str, arrays: list[Floats]) -> Floats:
        total = self._buffer(name, arrays[0], *arrays[0].shape)
        total[:] = arrays[0]
        for array in arrays[1:]:
            total += array
        return total


class Sequential:
    """Layers applied one after another.

    Parameters are named ``<layer>.<parameter>``, for example "hidden.weight". Layers inside a `Parallel` keep their own
    names, which must be unique within the model.

    Attributes:
        theta: all parameters in one vector, shape (P,).
        grad: all gradients in one vector, shape (P,).
        parameters, gradients: views of these vectors, by name.
        matrices: the slice of ``theta`` that each two-dimensional parameter occupies, by name.
        statistics: running statistics that belong to the parameters but are not trained, by name.
        leaves: all layers except `Parallel`, by name.
    """

    def __init__(self, layers: dict[str, Layer]) -> None:
        self.layers = layers
        self.leaves = dict(_leaves(layers))
        self.statistics = {
            f"{name}.{kind}": array for name, layer in self.leaves.items() for kind, array in layer.statistics.items()
        }
        self.parameters: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}
        self.matrices: dict[str, slice] = {}
        self._flatten_parameters()

    def _flatten_parameters(self) -> None:
        """Moves all parameters and gradients into ``theta`` and ``grad``, and gives the layers views of them."""
        owners = [(name, layer, kind) for name, layer in self.leaves.items() for kind in layer.parameters]
        arrays = [layer.parameters[kind] for _, layer, kind in owners]
        self.theta: Floats = np.concatenate([array.reshape(-1) for array in arrays])
        self.grad = np.zeros_like(self.theta)

        begin = 0
        for (name, layer, kind), array in zip(owners, arrays, strict=True):
            where = slice(begin, begin + array.size)
            layer.parameters[kind] = self.parameters[f"{name}.{kind}"] = self.theta[where].reshape(array.shape)
            layer.gradients[kind] = self.gradients[f"{name}.{kind}"] = self.grad[where].reshape(array.shape)
            if array.ndim == 2:
                self.matrices[f"{name}.{kind}"] = where
            begin = where.stop

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has vectors of its own, of which its layers hold views."""
        return Sequential, (self.layers,)

    def forward(self, x: Any) -> Floats:
        """Output of the last layer; for a language model, indices (B, T) to logits (B, V)."""
        return _forward(self.layers, x)

    def backward(self, grad_out: Floats) -> None:
        """Fills ``grad``, given the gradient of the loss with respect to the output."""
        _backward(self.layers, grad_out)

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Output for given parameters (by name), differentiable by autograd; leaves the model unchanged."""
        return _functional_forward(self.layers, x, parameters)

    def layer_inputs(self, x: Any) -> Iterator[tuple[str, Layer, Any]]:
        """Name, layer and input of each leaf, in order. Call it after ``forward(x)``."""
        return _layer_inputs(self.layers, x)

    @property
    def has_batch_norm(self) -> bool:
        """Whether the examples of a batch depend on one another in training mode."""
        return any(isinstance(layer, BatchNorm1d) for layer in self.leaves.values())

    @contextmanager
    def evaluation_mode(self) -> Iterator[None]:
        """Context in which batch normalization uses its running statistics and does not update them."""
        before = {name: layer.training for name, layer in self.leaves.items()}
        for layer in self.leaves.values():
            layer.training = False
        try:
            yield
        finally:
            for name, layer in self.leaves.items():
                layer.training = before[name]


def _leaves(layers: dict[str, Layer]) -> Iterator[tuple[str, Layer]]:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            for branch in layer.branches.values():
                yield from _leaves(branch)
        else:
            yield name, layer


def _layer_inputs(layers: dict[str, Layer], x: Any) -> Iterator[tuple[str, Layer, Any]]:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            for branch in layer.branches.values():
                yield from _layer_inputs(branch, x)
        else:
            yield name, layer, x
        x = layer.out


def _forward(layers: dict[str, Layer], x: Any) -> Floats:
    out: Floats = x
    for layer in layers.values():
        out = layer.forward(out)
    return out


def _backward(layers: dict[str, Layer], grad_out: Floats) -> Floats:
    for layer in reversed(layers.values()):
        grad_out = layer.backward(grad_out)
    return grad_out


def _functional_forward(
    layers: dict[str, Layer], x: torch.Tensor, parameters: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    for name, layer in layers.items():
        own = {kind: parameters[f"{name}.{kind}"] for kind in layer.parameters}
        x = layer.functional_forward(x, parameters if isinstance(layer, Parallel) else own)
    return x
