"""What an expression may use: tensor functions, operators and attributes, each with a bound on its size.

`expression_interpreter` looks names up in the tables at the end of this module; nothing else can be called.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import numpy as np
import torch

from lmcore.errors import UserError

MAX_NUMBER = 1e9  # absolute value of a plain number
MAX_DIMENSIONS = 6
MAX_ELEMENTS = 500_000  # per tensor, intermediate results included: 4 MB


class Extremes(NamedTuple):
    """The largest values along a dimension, and their indices."""

    values: torch.Tensor
    indices: torch.Tensor


Value: TypeAlias = "torch.Tensor | float | slice | tuple[Value, ...] | None"  # an int or a bool is a float to mypy


# ---------------------------------------------------------------- values


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a plain int or float, not a bool."""
    return type(value) in (int, float)


def is_index_tensor(value: Value) -> bool:
    """Whether a value is a tensor of integers."""
    return isinstance(value, torch.Tensor) and value.dtype == torch.int64


def to_double(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in double precision."""
    return tensor.double()


def checked_number(value: Any) -> float:
    """A plain number, if it is real and at most `MAX_NUMBER` in absolute value."""
    if is_number(value) and abs(value) <= MAX_NUMBER:
        return value
    raise UserError(f"A plain number must be real and at most {MAX_NUMBER:,.0f} in absolute value.")


def checked_size(shape: Iterable[int]) -> int:
    """The number of elements of a tensor of this shape, if such a tensor is allowed."""
    shape = tuple(shape)
    if len(shape) > MAX_DIMENSIONS or math.prod(shape) > MAX_ELEMENTS:
        raise UserError(
            f"A tensor of shape {shape} would be too large: at most {MAX_ELEMENTS:,} elements "
            f"in {MAX_DIMENSIONS} dimensions are allowed."
        )
    return math.prod(shape)


def broadcast_shape(operation: str, shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The shape that tensors of these shapes broadcast to."""
    try:
        return np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        listed = " and ".join(str(tuple(shape)) for shape in shapes)
        raise UserError(f"The shapes {listed} cannot be broadcast together for {operation}.") from None


def describe(value: Value) -> str:
    """What a value is, as a noun phrase for error messages."""
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Extremes):
        return "values and indices (add .values or .indices)"
    if value is None or isinstance(value, bool):
        return str(value)
    return {tuple: "a tuple", slice: "a slice"}.get(type(value), "a plain number")


# ---------------------------------------------------------------- functions with arguments of their own


def _shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one, or as one tuple."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple):
        sizes = sizes[0]
    if not all(type(size) is int for size in sizes):
        raise TypeError
    return sizes


def _torch(name: str) -> Callable[..., torch.Tensor]:
    """The function of torch with this name."""
    return lambda *args, **kwargs: getattr(torch, name)(*args, **kwargs)


def _numeric(name: str) -> Callable[..., torch.Tensor]:
    """The same for a tensor in double precision."""
    return lambda x, *args, **kwargs: getattr(torch, name)(to_double(x), *args, **kwargs)


def _max(x: torch.Tensor, dim: int | None = None, keepdim: bool = False) -> torch.Tensor | Extremes:
    if dim is None:
        return x.max()
    if type(dim) is not int:
        raise TypeError
    return Extremes(*x.max(dim, keepdim))


def _one_hot(x: torch.Tensor, num_classes: int | None = None) -> torch.Tensor:
    classes = int(x.max()) + 1 if num_classes in (None, -1) else num_classes
    checked_size((*x.shape, *_shape((classes,))))
    return to_double(torch.nn.functional.one_hot(x, classes))


def _filled(name: str) -> Callable[..., torch.Tensor]:
    def fill(*sizes: Any) -> torch.Tensor:
        shape = _shape(sizes)
        checked_size(shape)
        return _torch(name)(shape, dtype=torch.float64)

    return fill


def _range(stop: int) -> torch.Tensor:
    checked_size(_shape((stop,)))
    return torch.arange(stop)


# ---------------------------------------------------------------- tables


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
KEYWORDS: dict[str, str] = {
    "dim": "dim",
    "axis": "dim",
    "keepdim": "keepdim",
    "keepdims": "keepdim",
    "num_classes": "num_classes",
}
ATTRIBUTES: dict[str, Callable[[torch.Tensor], Value]] = {"T": _torch("t"), "shape": lambda x: tuple(x.shape)}
FACTORIES: dict[str, Callable[..., Value]] = {  # make a tensor from sizes
    "range": _range,
    "arange": _range,
    "zeros": _filled("zeros"),
    "ones": _filled("ones"),
}
METHODS: dict[str, Callable[..., Value]] = {  # of a tensor; x.sum(0) and torch.sum(x, 0) are the same
    "sum": _numeric("sum"),
    "mean": _numeric("mean"),
    "exp": _numeric("exp"),
    "log": _numeric("log"),
    "tanh": _numeric("tanh"),
    "sqrt": _numeric("sqrt"),
    "rsqrt": _numeric("rsqrt"),
    "square": _numeric("square"),
    "pow": _numeric("pow"),
    "softmax": _numeric("softmax"),
    "log_softmax": _numeric("log_softmax"),
    "float": to_double,
    "double": to_double,
    "zeros_like": _numeric("zeros_like"),
    "ones_like": _numeric("ones_like"),
    "index_add": _torch("index_add"),
    "one_hot": _one_hot,
    "max": _max,
    "argmax": _torch("argmax"),
    "clone": _torch("clone"),
    "t": _torch("t"),
    "transpose": _torch("transpose"),
    "permute": lambda x, *dims: x.permute(_shape(dims)),
    "unsqueeze": _torch("unsqueeze"),
    "squeeze": _torch("squeeze"),
    "flatten": _torch("flatten"),
    "view": lambda x, *sizes: x.view(_shape(sizes)),
    "reshape": lambda x, *sizes: x.reshape(_shape(sizes)),
    "expand": lambda x, *sizes: x.expand(_shape(sizes)),
    "size": lambda x, dim: x.size(dim),
}
FUNCTION_NAMES = sorted({*FACTORIES, *METHODS} - {"arange", "double"})
"""Every function and method an expression may call, without aliases."""
