"""Layers with the forward and the backward pass in plain sight.

A layer keeps its last output (``out``) and the gradient of the loss with respect to it (``grad_out``), so that
both can be looked at. `Sequential` lays all parameters into one flat vector ``theta`` and all gradients into
``grad``; the layers hold views. An update is then one line: ``theta -= learning_rate * grad``.

Dimensions: B examples, T characters of context, E embedding, F features.
Each backward is checked against autograd and central differences in the tests.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


class Layer:
    """One differentiable step: ``forward`` keeps what ``backward`` needs.

    Subclasses name their weights in ``parameters``; `Sequential` replaces those tensors by views
    and gives a view for the gradient of each in ``gradients``.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self.out = torch.empty(0)
        self.grad_out = torch.empty(0)
        self._buffers: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output for a batch."""
        raise NotImplementedError

    def backward(self, grad_out: Tensor) -> Tensor:
        """The loss gradient of the input, from that of the output; writes those of the parameters."""
        raise NotImplementedError

    def _buffer(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Memory that is reused from step to step, made anew when the batch changes its size."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self._buffers[name] = like.new_empty(shape)
        return buffer


class Embedding(Layer):
    """A row of ``weight`` for each character: (B, T) indices to (B, T*E), side by side.

    Source: Bengio et al. 2003, "A neural probabilistic language model", the matrix C.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (V, E)

    def forward(self, ids: Tensor) -> Tensor:
        weight = self.parameters["weight"]
        self.ids = ids.reshape(-1)
        rows = self._buffer("rows", weight, len(self.ids), weight.shape[1])
        torch.index_select(weight, 0, self.ids, out=rows)  # (B*T, E)
        self.out = rows.view(len(ids), -1)  # (B, T*E)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        gradient = self.gradients["weight"]
        gradient.zero_()  # a character's gradients add up, however often it stands in the batch
        gradient.index_add_(0, self.ids, grad_out.view(-1, gradient.shape[1]))
        return grad_out  # indices have no gradient; nothing lies below


class Linear(Layer):
    """``x @ weight + bias``, or without a bias: (B, F_in) to (B, F_out)."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (F_in, F_out)
        if bias is not None:
            self.parameters["bias"] = bias  # (F_out,)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.parameters["weight"], self.parameters.get("bias")
        self.x = x
        self.out = self._buffer("out", x, len(x), weight.shape[1])
        if bias is None:
            return torch.mm(x, weight, out=self.out)
        return torch.addmm(bias, x, weight, out=self.out)

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        weight = self.parameters["weight"]
        torch.mm(self.x.t(), grad_out, out=self.gradients["weight"])
        if "bias" in self.parameters:
            torch.sum(grad_out, 0, out=self.gradients["bias"])
        return torch.mm(grad_out, weight.t(), out=self._buffer("grad_x", grad_out, *self.x.shape))


class Tanh(Layer):
    """``tanh(x)``; its slope is ``1 - out**2``, so a saturated unit (out near ±1) passes no gradient."""

    def forward(self, x: Tensor) -> Tensor:
        self.out = self._buffer("out", x, *x.shape)
        return torch.tanh(x, out=self.out)

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        slope = self._buffer("slope", grad_out, *grad_out.shape)
        torch.mul(self.out, self.out, out=slope)
        return torch.addcmul(grad_out, slope, grad_out, value=-1, out=slope)  # grad_out * (1 - out**2)


class ReLU(Layer):
    """``max(x, 0)``; a unit that is below zero for every example passes no gradient: it is dead."""

    def forward(self, x: Tensor) -> Tensor:
        self.out = self._buffer("out", x, *x.shape)
        return torch.clamp(x, min=0, out=self.out)

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        passed = self._buffer("passed", grad_out, *grad_out.shape)
        return torch.mul(grad_out, self.out > 0, out=passed)


class Parallel(Layer):
    """Branches of layers that see the same input; their outputs add up."""

    def __init__(self, branches: dict[str, dict[str, Layer]]) -> None:
        super().__init__()
        self.branches = branches

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for branch in self.branches.values():
            out = x
            for layer in branch.values():
                out = layer.forward(out)
            outputs.append(out)
        self.out = self._sum("out", outputs)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        gradients = []
        for branch in self.branches.values():
            gradient = grad_out
            for layer in reversed(branch.values()):
                gradient = layer.backward(gradient)
            gradients.append(gradient)
        return self._sum("grad_x", gradients)

    def _sum(self, name: str, tensors: list[Tensor]) -> Tensor:
        total = self._buffer(name, tensors[0], *tensors[0].shape).copy_(tensors[0])
        for tensor in tensors[1:]:
            total.add_(tensor)
        return total


class Sequential:
    """Layers one after the other; parameters are named ``<layer>.<parameter>``, as in "hidden.weight".

    Layers within the branches of a `Parallel` keep their own names, which must be unique in the model.
    """

    def __init__(self, layers: dict[str, Layer]) -> None:
        self.layers = layers
        self.leaves = dict(_leaves(layers))  # every layer that computes something itself, by name
        tensors = [tensor for _, _, tensor in self._walk()]
        self.theta = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self.grad = torch.zeros_like(self.theta)
        sizes = [tensor.numel() for tensor in tensors]
        self.parameters: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        for (prefix, name, tensor), values, grads in zip(
            list(self._walk()), torch.split(self.theta, sizes), torch.split(self.grad, sizes), strict=True
        ):
            layer = self.leaves[prefix]
            layer.parameters[name] = self.parameters[f"{prefix}.{name}"] = values.view(tensor.shape)
            layer.gradients[name] = self.gradients[f"{prefix}.{name}"] = grads.view(tensor.shape)

    def _walk(self) -> Iterator[tuple[str, str, Tensor]]:
        for prefix, layer in self.leaves.items():
            for name, tensor in layer.parameters.items():
                yield prefix, name, tensor

    def forward(self, x: Tensor) -> Tensor:
        """The output of the last layer, here the logits, shape (B, V)."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def backward(self, grad_out: Tensor) -> None:
        """Fills ``grad`` from the loss gradient of the output."""
        for layer in reversed(self.layers.values()):
            grad_out = layer.backward(grad_out)


def _leaves(layers: dict[str, Layer]) -> Iterator[tuple[str, Layer]]:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            for branch in layer.branches.values():
                yield from _leaves(branch)
        else:
            yield name, layer
