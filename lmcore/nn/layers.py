"""Layers with explicit forward and backward passes.

Each layer keeps its last output (``out``) and the gradient of the loss with respect to it (``grad_out``), so that both
can be inspected. Layers work in place over preallocated buffers. `Sequential` stores all parameters in one flat vector
``theta`` and all gradients in ``grad``, of which the layers hold views. An SGD update is then one line:
``theta -= learning_rate * grad``.

``functional_forward`` computes the same function from given parameters with ordinary torch operations, so that autograd
can serve as the oracle of every explicit backward pass.

Dimensions: B batch size, T context length (or groups of characters), V vocabulary size, E embedding dimension,
F features.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Layer(ABC):
    """Base class of all layers: ``forward`` keeps what ``backward`` needs.

    A subclass puts its weights into ``parameters``. `Sequential` replaces these tensors by views of ``theta`` and adds
    the matching views of ``grad`` as ``gradients``.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self.statistics: dict[str, Tensor] = {}  # saved with the parameters, but not trained
        self.training = True
        self.out = torch.empty(0)
        self.grad_out = torch.empty(0)
        self._buffers: dict[str, Tensor] = {}

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Output of the layer for a batch."""

    @abstractmethod
    def backward(self, grad_out: Tensor) -> Tensor:
        """Gradient of the loss with respect to the input, given that of the output; also fills ``gradients``."""

    @abstractmethod
    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        """Output for given parameters, differentiable by autograd; leaves the layer unchanged."""

    def _buffer(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Uninitialized memory, reused at every step; reallocated when the batch size changes."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self._buffers[name] = like.new_empty(shape)
        return buffer


class Embedding(Layer):
    """Lookup table: the row of ``weight`` (V, E) for each index, (B, T) to (B, T, E).

    Source: Bengio et al. 2003, "A neural probabilistic language model", the matrix C.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (V, E)

    def forward(self, ids: Tensor) -> Tensor:
        weight = self.parameters["weight"]
        self.ids = ids.reshape(-1)  # (B * T,)
        (B, T), E = ids.shape, weight.shape[1]
        rows = self._buffer("rows", weight, B * T, E)
        torch.index_select(weight, 0, self.ids, out=rows)
        self.out = rows.view(B, T, E)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        gradient = self.gradients["weight"]
        gradient.zero_()
        gradient.index_add_(0, self.ids, grad_out.view(-1, gradient.shape[1]))  # repeated characters accumulate
        return grad_out  # indices have no gradient, and there is no layer below

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        return parameters["weight"][x]


class FlattenConsecutive(Layer):
    """Concatenates each group of ``size`` neighbors: (B, T, F) to (B, T/size, F*size), or (B, F*size) for one group.

    Source: van den Oord et al. 2016, "WaveNet": the receptive field grows by a factor of ``size`` per level.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        self.out = self.functional_forward(x, {})
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        return grad_out.view(self.shape)

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        B, T, F = x.shape
        return x.view(B, T * F) if self.size == T else x.view(B, T // self.size, F * self.size)


class Linear(Layer):
    """``x @ weight + bias``, with an optional bias: (..., F_in) to (..., F_out)."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (F_in, F_out)
        if bias is not None:
            self.parameters["bias"] = bias  # (F_out,)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.parameters["weight"], self.parameters.get("bias")
        self.shape = x.shape
        self.x = x = _rows(x)  # (N, F_in)
        out = self._buffer("out", x, x.shape[0], weight.shape[1])
        if bias is None:
            torch.mm(x, weight, out=out)
        else:
            torch.addmm(bias, x, weight, out=out)
        self.out = out if len(self.shape) == 2 else out.view(*self.shape[:-1], -1)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        rows = _rows(grad_out)  # (N, F_out)

        # parameters: dW = x' d_out, db = sum of d_out over the batch
        torch.mm(self.x.t(), rows, out=self.gradients["weight"])
        if "bias" in self.parameters:
            torch.sum(rows, 0, out=self.gradients["bias"])

        # input: dx = d_out W'
        grad_x = torch.mm(rows, self.parameters["weight"].t(), out=self._buffer("grad_x", rows, *self.x.shape))
        return grad_x if len(self.shape) == 2 else grad_x.view(self.shape)

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        out = x @ parameters["weight"]
        return out + parameters["bias"] if "bias" in parameters else out


class BatchNorm1d(Layer):
    """``gain * (x - mean) / sqrt(variance + eps) + bias`` for each feature: (B, F) or (B, T, F), shape preserved.

    In training mode, mean and variance are those of the batch (over all axes but the last), and both update the running
    statistics with ``momentum``. In evaluation mode the running statistics are used instead, so that an example does
    not depend on the rest of its batch. Unlike PyTorch, which normalizes by the biased variance, this layer uses the
    unbiased one, as the makemore lectures do.

    With ``positions`` = T each of T positions has statistics of its own, over the batch alone: what a mean over the
    first axis of (B, T, F) computes. All positions share gain and bias.

    Source: Ioffe and Szegedy 2015, "Batch normalization", algorithm 1.
    """

    EPS = 1e-5

    def __init__(self, gain: Tensor, bias: Tensor, momentum: float = 0.1, positions: int = 1) -> None:
        super().__init__()
        self.parameters = {"gain": gain, "bias": bias}  # (F,) each
        ones = torch.ones_like(gain).repeat(positions)  # (positions * F,)
        self.statistics = {"mean": torch.zeros_like(ones), "variance": ones}
        self.momentum, self.positions = momentum, positions

    @classmethod
    def initialized(
        cls, n_features: int, gain: float, momentum: float, dtype: torch.dtype, positions: int = 1
    ) -> "BatchNorm1d":
        """A new layer with the same ``gain`` for every feature and zero bias."""
        gains, biases = torch.full((n_features,), gain, dtype=dtype), torch.zeros(n_features, dtype=dtype)
        return cls(gains, biases, momentum, positions)

    def _per_statistic(self, name: str, parameters: dict[str, Tensor]) -> Tensor:
        """Gain or bias, repeated for each position: (positions * F,)."""
        return parameters[name] if self.positions == 1 else parameters[name].repeat(self.positions)

    def _add_positions(self, name: str, sums: Tensor) -> None:
        """The gradient of gain or bias: sums (positions * F,) to (F,)."""
        torch.sum(sums.view(self.positions, -1), 0, out=self.gradients[name])

    def forward(self, x: Tensor) -> Tensor:
        # statistics of the batch, or the running ones
        rows = x.view(-1, len(self.statistics["mean"]))  # (N, F)
        if self.training:
            variance, mean = torch.var_mean(rows, 0)  # (F,), unbiased
            self.statistics["mean"].lerp_(mean, self.momentum)
            self.statistics["variance"].lerp_(variance, self.momentum)
        else:
            mean, variance = self.statistics["mean"], self.statistics["variance"]

        # normalize
        self.inverse_deviation = (variance + self.EPS).rsqrt_()
        self.normalized = torch.sub(rows, mean, out=self._buffer("normalized", x, *rows.shape))
        self.normalized.mul_(self.inverse_deviation)

        # scale and shift
        out = self._buffer("out", x, *rows.shape)
        gain, bias = (self._per_statistic(name, self.parameters) for name in ("gain", "bias"))
        torch.addcmul(bias, self.normalized, gain, out=out)
        self.out = out.view(x.shape)
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        rows, n = grad_out.view(self.normalized.shape), self.normalized.shape[0]

        # parameters: d_gain = sum of d_out * normalized, d_bias = sum of d_out
        grad_x = torch.mul(rows, self.normalized, out=self._buffer("grad_x", rows, *rows.shape))
        d_gain, d_bias = grad_x.sum(0), rows.sum(0)
        self._add_positions("gain", d_gain)
        self._add_positions("bias", d_bias)

        # input with fixed statistics: d_x = d_out * gain / deviation
        slope = self._per_statistic("gain", self.parameters) * self.inverse_deviation
        if not self.training:
            return torch.mul(rows, slope, out=grad_x).view(grad_out.shape)

        # every example also shifts the mean and the variance, and through them all other outputs
        torch.mul(self.normalized, d_gain / (n - 1), out=grad_x).add_(d_bias, alpha=1 / n)
        torch.sub(rows, grad_x, out=grad_x)
        return grad_x.mul_(slope).view(grad_out.shape)

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        rows = x.view(-1, len(self.statistics["mean"]))
        if self.training:
            mean, variance = rows.mean(0), rows.var(0)
        else:
            mean, variance = self.statistics["mean"], self.statistics["variance"]
        normalized = (rows - mean) / torch.sqrt(variance + self.EPS)
        gain, bias = (self._per_statistic(name, parameters) for name in ("gain", "bias"))
        return (gain * normalized + bias).view(x.shape)


class Tanh(Layer):
    """``tanh(x)``. Its slope is ``1 - out**2``, so a saturated unit (``out`` near ±1) passes almost no gradient."""

    def forward(self, x: Tensor) -> Tensor:
        self.out = self._buffer("out", x, *x.shape)
        return torch.tanh(x, out=self.out)

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        slope = self._buffer("slope", grad_out, *grad_out.shape)
        torch.mul(self.out, self.out, out=slope)
        return torch.addcmul(grad_out, slope, grad_out, value=-1, out=slope)  # grad_out * (1 - out**2)

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        return torch.tanh(x)


class ReLU(Layer):
    """``max(x, 0)``. A unit that is negative for every example passes no gradient: it is a dead unit."""

    def forward(self, x: Tensor) -> Tensor:
        self.out = self._buffer("out", x, *x.shape)
        return torch.clamp(x, min=0, out=self.out)

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        passed = self._buffer("passed", grad_out, *grad_out.shape)
        return torch.mul(grad_out, self.out > 0, out=passed)

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        return torch.relu(x)


class Parallel(Layer):
    """Branches of layers that share one input; their outputs are added."""

    def __init__(self, branches: dict[str, dict[str, Layer]]) -> None:
        super().__init__()
        self.branches = branches

    def forward(self, x: Tensor) -> Tensor:
        self.out = self._sum("out", [_forward(branch, x) for branch in self.branches.values()])
        return self.out

    def backward(self, grad_out: Tensor) -> Tensor:
        self.grad_out = grad_out
        return self._sum("grad_x", [_backward(branch, grad_out) for branch in self.branches.values()])

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        outputs = [_functional_forward(branch, x, parameters) for branch in self.branches.values()]
        return torch.stack(outputs).sum(0)

    def _sum(self, name: str, tensors: list[Tensor]) -> Tensor:
        total = self._buffer(name, tensors[0], *tensors[0].shape).copy_(tensors[0])
        for tensor in tensors[1:]:
            total.add_(tensor)
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
            f"{name}.{kind}": tensor for name, layer in self.leaves.items() for kind, tensor in layer.statistics.items()
        }
        self.parameters: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self.matrices: dict[str, slice] = {}
        self._flatten_parameters()

    def _flatten_parameters(self) -> None:
        """Moves all parameters and gradients into ``theta`` and ``grad``, and gives the layers views of them."""
        owners = [(name, layer, kind) for name, layer in self.leaves.items() for kind in layer.parameters]
        tensors = [layer.parameters[kind] for _, layer, kind in owners]
        self.theta = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self.grad = torch.zeros_like(self.theta)

        begin = 0
        for (name, layer, kind), tensor in zip(owners, tensors, strict=True):
            where = slice(begin, begin + tensor.numel())
            layer.parameters[kind] = self.parameters[f"{name}.{kind}"] = self.theta[where].view(tensor.shape)
            layer.gradients[kind] = self.gradients[f"{name}.{kind}"] = self.grad[where].view(tensor.shape)
            if tensor.dim() == 2:
                self.matrices[f"{name}.{kind}"] = where
            begin = where.stop

    def forward(self, x: Tensor) -> Tensor:
        """Output of the last layer; for a language model the logits, shape (B, V)."""
        return _forward(self.layers, x)

    def backward(self, grad_out: Tensor) -> None:
        """Fills ``grad``, given the gradient of the loss with respect to the output."""
        _backward(self.layers, grad_out)

    def functional_forward(self, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        """Output for given parameters (by name), differentiable by autograd; leaves the model unchanged."""
        return _functional_forward(self.layers, x, parameters)

    def layer_inputs(self, x: Tensor) -> Iterator[tuple[str, Layer, Tensor]]:
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


def _rows(x: Tensor) -> Tensor:
    """All axes but the last merged into one: (..., F) to (N, F)."""
    return x if x.ndim == 2 else x.view(-1, x.shape[-1])


def _leaves(layers: dict[str, Layer]) -> Iterator[tuple[str, Layer]]:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            for branch in layer.branches.values():
                yield from _leaves(branch)
        else:
            yield name, layer


def _layer_inputs(layers: dict[str, Layer], x: Tensor) -> Iterator[tuple[str, Layer, Tensor]]:
    for name, layer in layers.items():
        if isinstance(layer, Parallel):
            for branch in layer.branches.values():
                yield from _layer_inputs(branch, x)
        else:
            yield name, layer, x
        x = layer.out


def _forward(layers: dict[str, Layer], x: Tensor) -> Tensor:
    for layer in layers.values():
        x = layer.forward(x)
    return x


def _backward(layers: dict[str, Layer], grad_out: Tensor) -> Tensor:
    for layer in reversed(layers.values()):
        grad_out = layer.backward(grad_out)
    return grad_out


def _functional_forward(layers: dict[str, Layer], x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    for name, layer in layers.items():
        own = {kind: parameters[f"{name}.{kind}"] for kind in layer.parameters}
        x = layer.functional_forward(x, parameters if isinstance(layer, Parallel) else own)
    return x
