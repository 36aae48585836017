"""Expressions in the words of PyTorch, worked out by a small interpreter that knows nothing else.

What was typed is parsed into a syntax tree; each node is looked up in a table, and Python never runs any of it.
Sizes are checked before anything is computed. All arithmetic is in double precision; integers count and index.
"""

import ast
import difflib
import math
import operator
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lmcore.errors import UserError

LONGEST = 500  # characters of an expression
MAX_NODES = 250  # of its syntax tree
DEEPEST = 40  # operations inside one another
MAX_BRACKETS = 20  # open at once
LARGEST = 1e9  # plain number
LARGEST_EXPONENT = 16
MAX_DIMENSIONS = 6
MAX_ELEMENTS = 500_000  # of any tensor on the way: 4 MB
MAX_WORK = 2_000_000  # elements computed or read altogether
PRODUCTS = 16  # multiplications inside a matrix product that take as long as computing one element


class Extremes(NamedTuple):
    """The largest values along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


Value: TypeAlias = "Tensor | float | slice | tuple[Value, ...] | None"  # an int or a bool is a float to mypy

PARSING = threading.Lock()
"""Held by whoever parses Python: version 3.11 cannot do so in two threads at once."""


def evaluate(source: str, names: Mapping[str, Tensor | int]) -> Tensor:
    """The tensor that an expression describes, in double precision.

    Args:
        source: such as ``(bnraw * dhpreact).sum(0, keepdim=True)``.
        names: what it may name.

    Raises:
        UserError: says what is wrong, too large or not allowed.
    """
    value = Interpreter(names).value(_parse(source))
    if not isinstance(value, Tensor):
        raise UserError(f"The expression gives {_kind(value)}, not a tensor.")
    if not torch.isfinite(value).all():
        raise UserError("The result holds infinite or undefined numbers; look for a division by zero.")
    return _floats(value)


# ---------------------------------------------------------------- parsing


def _parse(source: str) -> ast.expr:
    """The syntax tree of a source that is small enough to work on."""
    source = source.strip()
    if not source:
        raise UserError("Type an expression, such as (a * b).sum(0).")
    if len(source) > LONGEST:
        raise UserError(f"The expression has {len(source):,} characters; write one with at most {LONGEST}.")
    if strange := re.search(r"[^A-Za-z0-9_ \t\n.,:()\[\]+\-*/@=]", source):
        raise UserError(
            f"The character {strange[0]!a} is not allowed; use letters, digits and . , : ( ) [ ] + - * / @ =."
        )
    _check_brackets(source)
    try:
        with PARSING:
            tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise UserError(f"This is not one whole expression: {error.msg} (character {error.offset}).") from None
    except (ValueError, MemoryError, RecursionError):
        raise UserError("The expression is too large or too deeply nested; write it more simply.") from None
    _check_size(tree)
    return tree


def _check_brackets(source: str) -> None:
    """Python's parser takes long over many open brackets."""
    opened = 0
    for character in source:
        opened += (character in "([") - (character in ")]")
        if opened > MAX_BRACKETS:
            raise UserError(f"More than {MAX_BRACKETS} brackets are open at once; write the expression more simply.")


def _check_size(tree: ast.expr) -> None:
    """Level by level, without recursion: afterwards the interpreter may recurse."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MAX_NODES or depth > DEEPEST:
            raise UserError("The expression has too many parts, or too many inside one another; write a shorter one.")
        level = [child for node in level for child in ast.iter_child_nodes(node)]


# ---------------------------------------------------------------- the interpreter


class Interpreter:
    """Works out one expression, and keeps count of the work."""

    def __init__(self, names: Mapping[str, Tensor | int]) -> None:
        self.names = names
        self.work = 0

    def value(self, node: ast.expr) -> Value:
        """What a part of the syntax tree stands for; a part that no case names is refused."""
        match node:
            case ast.Constant(value=bool() | None as constant):
                return constant
            case ast.Constant(value=int() | float() as constant):
                return _number(constant)
            case ast.Name(id=name):
                return self.names[name] if name in self.names else _unknown(f"The name {name}", name, self.names)
            case ast.Tuple(elts=elements):
                return tuple(self.value(element) for element in elements)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.arithmetic("*", -1, self.value(operand))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGNS:
                return self.operation(_SIGNS[type(sign)], self.value(left), self.value(right))
            case ast.Subscript(value=of, slice=index):
                return self.item(self.value(of), self.value(index))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if bound is None else self.value(bound) for bound in (lower, upper, step)))
            case ast.Attribute(value=of, attr=name):
                return _attribute(self.value(of), name)
            case ast.Call():
                return self.call(node)
        raise UserError(
            f"{type(node).__name__} is not allowed; use names, numbers, + - * / ** @, indices and the listed functions."
        )

    def spend(self, elements: int) -> None:
        """Counts work that is about to be done."""
        self.work += elements
        if self.work > MAX_WORK:
            raise UserError("The expression computes too much; write one that needs fewer or smaller tensors.")

    def operation(self, sign: str, left: Value, right: Value) -> Value:
        """One of + - * / ** @, between what stands left and right of it."""
        if sign == "@":
            return self.matrix_product(left, right)
        if sign == "**" and not (_is_number(right) and abs(right) <= LARGEST_EXPONENT):
            raise UserError(f"An exponent must be a number from -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}.")
        return self.arithmetic(sign, left, right)

    def arithmetic(self, sign: str, left: Value, right: Value) -> Value:
        """Number by number, broadcast; a plain number stays a plain number, so that n - 1 can be a size."""
        operands = [side for side in (left, right) if isinstance(side, Tensor) or _is_number(side)]
        if len(operands) < 2:
            wrong = right if operands and operands[0] is left else left
            raise UserError(f"'{sign}' needs a tensor or a number on both sides, not {_kind(wrong)}.")
        tensors = [side for side in operands if isinstance(side, Tensor)]
        if not tensors:
            return _number(_attempt(f"'{sign}'", _ARITHMETIC[sign], *operands))
        self.spend(_size(_broadcast(f"'{sign}'", [side.shape for side in tensors])))
        floats = [_floats(side) if isinstance(side, Tensor) else side for side in operands]
        result: Tensor = _ARITHMETIC[sign](*floats)
        return result

    def matrix_product(self, left: Value, right: Value) -> Tensor:
        """left @ right, of shapes (…, m, k) and (…, k, n), or (k,)."""
        if not (isinstance(left, Tensor) and isinstance(right, Tensor)):
            wrong = right if isinstance(left, Tensor) else left
            raise UserError(f"'@' needs a tensor on both sides, not {_kind(wrong)}.")
        if not (left.dim() and right.dim()) or left.shape[-1] != right.shape[-2:][0]:
            raise UserError(
                f"The shapes {tuple(left.shape)} and {tuple(right.shape)} do not fit together for '@': "
                "the columns on the left must be as many as the rows on the right."
            )
        stacked = _broadcast("'@'", [left.shape[:-2], right.shape[:-2]])
        rows, columns = left.shape[-2:-1], right.shape[-1:] if right.dim() > 1 else ()
        elements = _size((*stacked, *rows, *columns))
        self.spend(elements + elements * left.shape[-1] // PRODUCTS)
        return _floats(left) @ _floats(right)

    def item(self, of: Value, index: Value) -> Value:
        """of[index], of a tensor, or of a tuple such as a shape."""
        if isinstance(of, tuple) and type(index) is int:
            entry: Value = _attempt("This index", operator.getitem, of, index)
            return entry
        if not isinstance(of, Tensor):
            raise UserError(f"Only a tensor has items, not {_kind(of)}.")
        items = index if isinstance(index, tuple) else (index,)
        for item in items:
            if not (item is None or isinstance(item, slice) or type(item) is int or _is_index(item)):
                raise UserError(f"An index is an integer, a slice, None or a tensor of integers, not {_kind(item)}.")
        self.spend(_size(_picked(of, items)))
        picked: Tensor = _attempt("This index", operator.getitem, of, items)
        return picked

    def call(self, node: ast.Call) -> Value:
        """A function or a method of the tables below."""
        given: list[Value] = []
        match node.func:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="torch" | "F"), attr=name):
                function = (
                    _FUNCTIONS.get(name)
                    or _METHODS.get(name)
                    or _unknown(f"The function {name}", name, [*_FUNCTIONS, *_METHODS])
                )
            case ast.Attribute(value=of, attr=name):
                function = _METHODS.get(name) or _unknown(f"The method .{name}()", name, _METHODS)
                given.append(self.value(of))
            case _:
                raise UserError("Only a function or a method by its name can be called.")
        given += [self.value(argument) for argument in node.args]
        named = {_keyword(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        if name not in _FUNCTIONS and not (given and isinstance(given[0], Tensor)):
            raise UserError(f"{name} is a function of a tensor, not of {_kind(given[0]) if given else 'nothing'}.")
        if name == "pow" and len(given) == 2:
            return self.operation("**", *given)
        self.spend(sum(_size(argument.shape) for argument in given if isinstance(argument, Tensor)))
        result: Value = _attempt(name, function, *given, **named)
        if isinstance(result, Tensor):
            self.spend(_size(result.shape))
        return result


def _attempt(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Calls a function of the tables; what PyTorch has to say against it is told in one line."""
    try:
        return function(*given, **named)
    except TypeError:
        raise UserError(f"{name} does not take these arguments.") from None
    except (RuntimeError, IndexError, ValueError, ArithmeticError) as error:
        said = str(error).splitlines()[0][:200].rstrip(".")
        raise UserError(f"{name} does not work here: {said}.") from None


def _unknown(what: str, name: str, known: Iterable[str]) -> NoReturn:
    near = difflib.get_close_matches(name, list(known), n=3)
    raise UserError(f"{what} is not known here" + (f"; did you mean {' or '.join(near)}?" if near else "."))


def _attribute(owner: Value, name: str) -> Value:
    if isinstance(owner, Extremes) and name in Extremes._fields:
        return owner.values if name == "values" else owner.indices
    if isinstance(owner, Tensor) and name in _ATTRIBUTES:
        value: Value = _attempt(f".{name}", _ATTRIBUTES[name], owner)
        return value
    if name in _METHODS:
        raise UserError(f".{name} is a method: write .{name}(…).")
    return _unknown(f"The attribute .{name}", name, [*_ATTRIBUTES, *_METHODS])


def _keyword(name: str | None) -> str:
    if name is None or name not in _KEYWORDS:
        raise UserError(f"The keyword {name or '**'} is not allowed; use {', '.join(_KEYWORDS)}.")
    return _KEYWORDS[name]


def _number(value: Any) -> float:
    """A plain number that is small enough."""
    if _is_number(value) and abs(value) <= LARGEST:
        return value
    raise UserError(f"A plain number must be real and at most {LARGEST:,.0f} in size.")


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) in (int, float)


def _is_index(value: Value) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.int64


def _size(shape: Iterable[int]) -> int:
    """The elements of a tensor of this shape, if it may be made."""
    shape = tuple(shape)
    if len(shape) > MAX_DIMENSIONS or math.prod(shape) > MAX_ELEMENTS:
        raise UserError(
            f"A tensor of shape {shape} would be too large: at most {MAX_ELEMENTS:,} elements "
            f"in {MAX_DIMENSIONS} dimensions are allowed."
        )
    return math.prod(shape)


def _broadcast(what: str, shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The shape that tensors of these shapes have together."""
    try:
        return np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        listed = " and ".join(str(tuple(shape)) for shape in shapes)
        raise UserError(f"The shapes {listed} do not fit together for {what}.") from None


def _picked(of: Tensor, items: tuple[Any, ...]) -> list[int]:
    """A shape that holds at least as many elements as ``of[items]``, and as many dimensions."""
    places = [item for item in items if item is not None]
    if len(places) > of.dim():
        raise UserError(f"A tensor of shape {tuple(of.shape)} cannot have {len(places)} indices.")
    tensors = [place.shape for place in places if isinstance(place, Tensor)]
    shape = [*_broadcast("an index", tensors)] if tensors else []
    places += [slice(None)] * (of.dim() - len(places))
    shape += [size for size, place in zip(of.shape, places, strict=True) if isinstance(place, slice)]
    return shape + [1] * (len(items) - len([item for item in items if item is not None]))


def _floats(tensor: Tensor) -> Tensor:
    return tensor.double()


def _kind(value: Value) -> str:
    """What a value is, in words."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Extremes):
        return "values and indices (add .values or .indices)"
    if value is None or isinstance(value, bool):
        return str(value)
    return {tuple: "a tuple", slice: "a slice"}.get(type(value), "a plain number")


# ---------------------------------------------------------------- what may be used


def _shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one, or as one tuple."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple):
        sizes = sizes[0]
    if not all(type(size) is int for size in sizes):
        raise TypeError
    return sizes


def _numeric(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, *given, **named: function(_floats(x), *given, **named)


def _max(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | Extremes:
    if dim is None:
        return x.max()
    if type(dim) is not int:
        raise TypeError
    return Extremes(*x.max(dim, keepdim))


def _one_hot(x: Tensor, num_classes: int | None = None) -> Tensor:
    classes = int(x.max()) + 1 if num_classes in (None, -1) else num_classes
    _size((*x.shape, *_shape((classes,))))
    return _floats(functional.one_hot(x, classes))


def _filled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def fill(*sizes: Any) -> Tensor:
        shape = _shape(sizes)
        _size(shape)
        return function(shape, dtype=torch.float64)

    return fill


def _range(stop: int) -> Tensor:
    _size(_shape((stop,)))
    return torch.arange(stop)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}
_KEYWORDS: dict[str, str] = {
    "dim": "dim",
    "axis": "dim",
    "keepdim": "keepdim",
    "keepdims": "keepdim",
    "num_classes": "num_classes",
}
_ATTRIBUTES: dict[str, Callable[[Tensor], Value]] = {"T": torch.t, "shape": lambda x: tuple(x.shape)}
_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "range": _range,
    "arange": _range,
    "zeros": _filled(torch.zeros),
    "ones": _filled(torch.ones),
}
_METHODS: dict[str, Callable[..., Value]] = {  # of a tensor; x.sum(0) and torch.sum(x, 0) are the same
    "sum": _numeric(torch.sum),
    "mean": _numeric(torch.mean),
    "exp": _numeric(torch.exp),
    "log": _numeric(torch.log),
    "tanh": _numeric(torch.tanh),
    "sqrt": _numeric(torch.sqrt),
    "rsqrt": _numeric(torch.rsqrt),
    "square": _numeric(torch.square),
    "pow": _numeric(torch.pow),
    "softmax": _numeric(torch.softmax),
    "log_softmax": _numeric(torch.log_softmax),
    "float": _floats,
    "double": _floats,
    "zeros_like": _numeric(torch.zeros_like),
    "ones_like": _numeric(torch.ones_like),
    "index_add": torch.index_add,
    "one_hot": _one_hot,
    "max": _max,
    "argmax": torch.argmax,
    "clone": torch.clone,
    "t": torch.t,
    "transpose": torch.transpose,
    "permute": lambda x, *dims: x.permute(_shape(dims)),
    "unsqueeze": torch.unsqueeze,
    "squeeze": torch.squeeze,
    "flatten": torch.flatten,
    "view": lambda x, *sizes: x.view(_shape(sizes)),
    "reshape": lambda x, *sizes: x.reshape(_shape(sizes)),
    "expand": lambda x, *sizes: x.expand(_shape(sizes)),
    "size": lambda x, dim: x.size(dim),
}
FUNCTIONS = sorted({*_FUNCTIONS, *_METHODS} - {"arange", "double"})
"""What a page lists."""
