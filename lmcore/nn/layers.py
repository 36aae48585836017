"""Layers with the forward and the backward pass in plain sight.

A layer keeps its last output (``out``) and the gradient of the loss with respect to it (``grad_out``), so that
both can be looked at. `Sequential` lays all parameters into one flat vector ``theta`` and all gradients into
``grad``; the layers hold views. An update is then one line: ``theta -= learning_rate * grad``.

Dimensions: B examples, T characters of context (or groups of them), E embedding, F features.
Each layer also says in ``plain`` what it computes, as one would write it for autograd: the oracle of its backward.
"""

from collections.abc import Iterator
from contextlib import contextmanager

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
        self.statistics: dict[str, Tensor] = {}  # kept with the weights, but not trained
        self.training = True
        self.out = torch.empty(0)
        self.grad_out = torch.empty(0)
        self._buffers: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output for a batch."""
        raise NotImplementedError

    def backward(self, grad_out: Tensor) -> Tensor:
        """The loss gradient of the input, from that of the output; writes those of the parameters."""
        raise NotImplementedError

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        """The same as ``forward``, with other parameters, in words that autograd can follow; nothing is kept."""
        raise NotImplementedError

    def _buffer(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Memory that is reused from step to step, made anew when the batch changes its size."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self._buffers[name] = like.new_empty(shape)
        return buffer


class Embedding(Layer):
    """A row of ``weight`` for each character: (B, T) indices to (B, T, E).

    Source: Bengio et al. 2003, "A neural probabilistic language model", the matrix C.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (V, E)

    def forward(self, ids: Tensor) -> Tensor:
        weight = self.parameters["weight"]
        self.ids = ids.reshape(-1)
        (B, T), E = ids.shape, weight.shape[1]
        rows = self._buffer("rows", weight, B * T, E)
        torch.index_select(weight, 0, self.ids, out=rows)
        self.out = rows.view(B, T, E)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        gradient = self.gradients["weight"]
        gradient.zero_()  # a character's gradients add up, however often it stands in the batch
        gradient.index_add_(0, self.ids, grad_out.view(-1, gradient.shape[1]))
        return grad_out  # indices have no gradient; nothing lies below

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        return parameters["weight"][x]


class FlattenConsecutive(Layer):
    """Every ``size`` neighbors side by side: (B, T, F) to (B, T/size, F*size), or (B, F*size) if one group is left.

    Source: van den Oord et al. 2016, "WaveNet"; each level sees ``size`` times as far as the one below.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        self.out = self.plain(x, {})
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        return grad_out.view(self.shape)

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        B, T, F = x.shape
        return x.view(B, T * F) if self.size == T else x.view(B, T // self.size, F * self.size)


class Linear(Layer):
    """``x @ weight + bias``, or without a bias: (..., F_in) to (..., F_out)."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (F_in, F_out)
        if bias is not None:
            self.parameters["bias"] = bias  # (F_out,)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.parameters["weight"], self.parameters.get("bias")
        self.shape = x.shape
        self.x = x = _rows(x)
        out = self._buffer("out", x, x.shape[0], weight.shape[1])
        if bias is None:
            torch.mm(x, weight, out=out)
        else:
            torch.addmm(bias, x, weight, out=out)
        self.out = out if len(self.shape) == 2 else out.view(*self.shape[:-1], -1)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        rows = _rows(grad_out)
        torch.mm(self.x.t(), rows, out=self.gradients["weight"])
        if "bias" in self.parameters:
            torch.sum(rows, 0, out=self.gradients["bias"])
        grad_x = torch.mm(rows, self.parameters["weight"].t(), out=self._buffer("grad_x", rows, *self.x.shape))
        return grad_x if len(self.shape) == 2 else grad_x.view(self.shape)

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        out = x @ parameters["weight"]
        return out + parameters["bias"] if "bias" in parameters else out


class BatchNorm1d(Layer):
    """``gain * (x - mean) / sqrt(variance + eps) + bias`` for each feature: (B, F) or (B, T, F), shape kept.

    In training, mean and variance are those of the batch (over all axes but the last), and each moves the running
    statistics by ``momentum``; in evaluation the running statistics stand for them, so that an example no longer
    depends on its neighbors. The variance is unbiased, as in the published lectures; PyTorch normalizes by the
    biased one.

    Source: Ioffe and Szegedy 2015, "Batch normalization", algorithm 1.
    """

    EPS = 1e-5

    def __init__(self, gain: Tensor, bias: Tensor, momentum: float = 0.1) -> None:
        super().__init__()
        self.parameters = {"gain": gain, "bias": bias}  # (F,) each
        self.statistics = {"mean": torch.zeros_like(gain), "variance": torch.ones_like(gain)}
        self.momentum = momentum

    def forward(self, x: Tensor) -> Tensor:
        rows = _rows(x)
        if self.training:
            variance, mean = torch.var_mean(rows, 0)
            self.statistics["mean"].lerp_(mean, self.momentum)
            self.statistics["variance"].lerp_(variance, self.momentum)
        else:
            mean, variance = self.statistics["mean"], self.statistics["variance"]
        self.inverse_deviation = (variance + self.EPS).rsqrt_()
        self.normalized = torch.sub(rows, mean, out=self._buffer("normalized", x, *rows.shape))
        self.normalized.mul_(self.inverse_deviation)
        out = self._buffer("out", x, *rows.shape)
        torch.addcmul(self.parameters["bias"], self.normalized, self.parameters["gain"], out=out)
        self.out = out.view(x.shape)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        rows, n = _rows(grad_out), self.normalized.shape[0]
        gain, bias = self.gradients["gain"], self.gradients["bias"]
        grad_x = torch.mul(rows, self.normalized, out=self._buffer("grad_x", rows, *rows.shape))
        torch.sum(grad_x, 0, out=gain)
        torch.sum(rows, 0, out=bias)
        slope = self.parameters["gain"] * self.inverse_deviation
        if not self.training:
            return torch.mul(rows, slope, out=grad_x).view(grad_out.shape)
        # every example moved the mean and the variance, and through them all the others
        torch.mul(self.normalized, gain / (n - 1), out=grad_x).add_(bias, alpha=1 / n)
        torch.sub(rows, grad_x, out=grad_x)
        return grad_x.mul_(slope).view(grad_out.shape)

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        rows = _rows(x)
        if self.training:
            mean, variance = rows.mean(0), rows.var(0)
        else:
            mean, variance = self.statistics["mean"], self.statistics["variance"]
        normalized = (rows - mean) / torch.sqrt(variance + self.EPS)
        return (parameters["gain"] * normalized + parameters["bias"]).view(x.shape)


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

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        return torch.tanh(x)


class ReLU(Layer):
    """``max(x, 0)``; a unit that is below zero for every example passes no gradient: it is dead."""

    def forward(self, x: Tensor) -> Tensor:
        self.out = self._buffer("out", x, *x.shape)
        return torch.clamp(x, min=0, out=self.out)

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        passed = self._buffer("passed", grad_out, *grad_out.shape)
        return torch.mul(grad_out, self.out > 0, out=passed)

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        return torch.relu(x)


def _rows(x: Tensor) -> Tensor:
    """All axes but the last as one."""
    return x if x.ndim == 2 else x.view(-1, x.shape[-1])


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
        self.statistics = {
            f"{name}.{kind}": tensor for name, layer in self.leaves.items() for kind, tensor in layer.statistics.items()
        }
        tensors = [tensor for _, _, tensor in self._walk()]
        self.theta = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self.grad = torch.zeros_like(self.theta)
        sizes = [tensor.numel() for tensor in tensors]
        self.parameters: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self.matrices: dict[str, slice] = {}  # where in theta each one lies; vectors, as biases are, left out
        begin = 0
        for (prefix, name, tensor), values, grads in zip(
            list(self._walk()), torch.split(self.theta, sizes), torch.split(self.grad, sizes), strict=True
        ):
            layer = self.leaves[prefix]
            layer.parameters[name] = self.parameters[f"{prefix}.{name}"] = values.view(tensor.shape)
            layer.gradients[name] = self.gradients[f"{prefix}.{name}"] = grads.view(tensor.shape)
            if tensor.dim() == 2:
                self.matrices[f"{prefix}.{name}"] = slice(begin, begin + tensor.numel())
            begin += tensor.numel()

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

    def plain(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        """The same as ``forward``, with other parameters, in words that autograd can follow."""
        return _plain(self.layers, x, parameters)

    def wired(self, x: Tensor) -> Iterator[tuple[str, Layer, Tensor]]:
        """After ``forward(x)``: every layer that computes something, with its name and what it was given."""
        return _wired(self.layers, x)

    @property
    def normalizes(self) -> bool:
        """Whether examples of a batch depend on each other while it trains."""
        return any(isinstance(layer, BatchNorm1d) for layer in self.leaves.values())

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """In evaluation mode for a while: batch normalization takes its running statistics, and keeps them."""
        before = {name: layer.training for name, layer in self.leaves.items()}
        for layer in self.leaves.values():
            layer.training = False
        try:
            yield
        finally:
            for name, layer in self.leaves.items():
                layer.training = before[name]


def _wired(layers: dict[str, Layer], x: Tensor) -> Iterator[tuple[str, Layer, Tensor]]:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            for branch in layer.branches.values():
                yield from _wired(branch, x)
        else:
            yield name, layer, x
        x = layer.out


def _plain(layers: dict[str, Layer], x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            x = torch.stack([_plain(branch, x, parameters) for branch in layer.branches.values()]).sum(0)
        else:
            x = layer.plain(x, {kind: parameters[f"{name}.{kind}"] for kind in layer.parameters})
    return x


def _leaves(layers: dict[str, Layer]) -> Iterator[tuple[str, Layer]]:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            for branch in layer.branches.values():
                yield from _leaves(branch)
        else:
            yield name, layer
