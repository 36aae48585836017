"""A small interpreter for tensor expressions.

It walks the syntax tree of an expression and looks every node up in a table; Python never runs any of it. All
arithmetic is in double precision, integers count and index, and sizes are checked before anything is computed.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import torch

from lmcore.errors import UserError
from lmcore.inspection.expression_functions import (
    ARITHMETIC,
    ATTRIBUTES,
    FACTORIES,
    KEYWORDS,
    METHODS,
    Extremes,
    Value,
    broadcast_shape,
    checked_number,
    checked_size,
    describe,
    is_index_tensor,
    is_number,
    to_double,
)

MAX_EXPONENT = 16
MAX_WORK = 2_000_000  # elements computed or read, per expression
PRODUCTS_PER_ELEMENT = 16  # multiplications of a matrix product that take as long as computing one element

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}


class Interpreter:
    """Evaluates one expression and counts its work.

    Args:
        names: tensors and numbers the expression may refer to.
    """

    def __init__(self, names: Mapping[str, torch.Tensor | int]) -> None:
        self.names = names
        self.work = 0

    def value(self, node: ast.expr) -> Value:
        """The value of a node of the syntax tree; a kind of node that is not listed here is refused."""
        match node:
            case ast.Constant(value=bool() | None as constant):
                return constant
            case ast.Constant(value=int() | float() as constant):
                return checked_number(constant)
            case ast.Name(id=name):
                return self.names[name] if name in self.names else _unknown(f"The name {name}", name, self.names)
            case ast.Tuple(elts=elements):
                return tuple(self.value(element) for element in elements)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.arithmetic("*", -1, self.value(operand))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
                return self.operation(_OPERATORS[type(sign)], self.value(left), self.value(right))
            case ast.Subscript(value=owner, slice=index):
                return self.item(self.value(owner), self.value(index))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if bound is None else self.value(bound) for bound in (lower, upper, step)))
            case ast.Attribute(value=owner, attr=name):
                return _attribute(self.value(owner), name)
            case ast.Call():
                return self.call(node)
        raise UserError(
            f"{type(node).__name__} is not allowed; use names, numbers, + - * / ** @, indices and the listed functions."
        )

    def spend(self, n_elements: int) -> None:
        """Counts work that is about to be done."""
        self.work += n_elements
        if self.work > MAX_WORK:
            raise UserError("The expression computes too much; write one that needs fewer or smaller tensors.")

    def operation(self, sign: str, left: Value, right: Value) -> Value:
        """A binary operation: one of + - * / ** @."""
        if sign == "@":
            return self.matrix_product(left, right)
        if sign == "**" and not (is_number(right) and abs(right) <= MAX_EXPONENT):
            raise UserError(f"An exponent must be a number from -{MAX_EXPONENT} to {MAX_EXPONENT}.")
        return self.arithmetic(sign, left, right)

    def arithmetic(self, sign: str, left: Value, right: Value) -> Value:
        """Elementwise with broadcasting; of two plain numbers a plain number, so that n - 1 can be a size."""
        operands = [side for side in (left, right) if isinstance(side, torch.Tensor) or is_number(side)]
        if len(operands) < 2:
            wrong = right if operands and operands[0] is left else left
            raise UserError(f"'{sign}' needs a tensor or a number on both sides, not {describe(wrong)}.")
        tensors = [side for side in operands if isinstance(side, torch.Tensor)]
        if not tensors:
            return checked_number(_attempt(f"'{sign}'", ARITHMETIC[sign], *operands))
        self.spend(checked_size(broadcast_shape(f"'{sign}'", [side.shape for side in tensors])))
        doubles = [to_double(side) if isinstance(side, torch.Tensor) else side for side in operands]
        result: torch.Tensor = ARITHMETIC[sign](*doubles)
        return result

    def matrix_product(self, left: Value, right: Value) -> torch.Tensor:
        """left @ right, of shapes (…, m, k) and (…, k, n), or (k,)."""
        if not (isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor)):
            wrong = right if isinstance(left, torch.Tensor) else left
            raise UserError(f"'@' needs a tensor on both sides, not {describe(wrong)}.")
        if not (left.dim() and right.dim()) or left.shape[-1] != right.shape[-2:][0]:
            raise UserError(
                f"The shapes {tuple(left.shape)} and {tuple(right.shape)} do not match for '@': "
                "the left side needs as many columns as the right side has rows."
            )
        batch = broadcast_shape("'@'", [left.shape[:-2], right.shape[:-2]])
        rows, columns = left.shape[-2:-1], right.shape[-1:] if right.dim() > 1 else ()
        n_elements = checked_size((*batch, *rows, *columns))
        self.spend(n_elements + n_elements * left.shape[-1] // PRODUCTS_PER_ELEMENT)
        return to_double(left) @ to_double(right)

    def item(self, owner: Value, index: Value) -> Value:
        """owner[index], of a tensor or of a tuple such as a shape."""
        if isinstance(owner, tuple) and type(index) is int:
            entry: Value = _attempt("This index", operator.getitem, owner, index)
            return entry
        if not isinstance(owner, torch.Tensor):
            raise UserError(f"Only a tensor can be indexed, not {describe(owner)}.")
        indices = index if isinstance(index, tuple) else (index,)
        for one in indices:
            if not (one is None or isinstance(one, slice) or type(one) is int or is_index_tensor(one)):
                raise UserError(f"An index is an integer, a slice, None or a tensor of integers, not {describe(one)}.")
        self.spend(checked_size(_indexed_shape(owner, indices)))
        picked: torch.Tensor = _attempt("This index", operator.getitem, owner, indices)
        return picked

    def call(self, node: ast.Call) -> Value:
        """A call of a function or a method of the tables."""
        name, function, owner = self._callable(node.func)
        args = owner + [self.value(argument) for argument in node.args]
        kwargs = {_keyword(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        if name not in FACTORIES and not (args and isinstance(args[0], torch.Tensor)):
            raise UserError(f"{name} is a function of a tensor, not of {describe(args[0]) if args else 'nothing'}.")
        if name == "pow" and len(args) == 2:
            return self.operation("**", *args)
        self.spend(sum(checked_size(argument.shape) for argument in args if isinstance(argument, torch.Tensor)))
        result: Value = _attempt(name, function, *args, **kwargs)
        if isinstance(result, torch.Tensor):
            self.spend(checked_size(result.shape))
        return result

    def _callable(self, node: ast.expr) -> tuple[str, Callable[..., Value], list[Value]]:
        """The name of what is called, its function, and the tensor whose method it is, if any."""
        match node:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="torch" | "F"), attr=name):
                function = FACTORIES.get(name) or METHODS.get(name)
                return name, function or _unknown(f"The function {name}", name, [*FACTORIES, *METHODS]), []
            case ast.Attribute(value=owner, attr=name):
                method = METHODS.get(name) or _unknown(f"The method .{name}()", name, METHODS)
                return name, method, [self.value(owner)]
        raise UserError("Only a function or a method can be called, by its name.")


def _attempt(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls a function of the tables; an error of PyTorch becomes one line of text."""
    try:
        return function(*args, **kwargs)
    except TypeError:
        raise UserError(f"{name} does not take these arguments.") from None
    except (RuntimeError, IndexError, ValueError, ArithmeticError) as error:
        reason = str(error).splitlines()[0][:200].rstrip(".")
        raise UserError(f"{name} does not work here: {reason}.") from None


def _unknown(subject: str, name: str, known: Iterable[str]) -> NoReturn:
    similar = difflib.get_close_matches(name, list(known), n=3)
    raise UserError(f"{subject} is not known here" + (f"; did you mean {' or '.join(similar)}?" if similar else "."))


def _attribute(owner: Value, name: str) -> Value:
    if isinstance(owner, Extremes) and name in Extremes._fields:
        return owner.values if name == "values" else owner.indices
    if isinstance(owner, torch.Tensor) and name in ATTRIBUTES:
        value: Value = _attempt(f".{name}", ATTRIBUTES[name], owner)
        return value
    if name in METHODS:
        raise UserError(f".{name} is a method: write .{name}(…).")
    return _unknown(f"The attribute .{name}", name, [*ATTRIBUTES, *METHODS])


def _keyword(name: str | None) -> str:
    if name is None or name not in KEYWORDS:
        raise UserError(f"The keyword {name or '**'} is not allowed; use {', '.join(KEYWORDS)}.")
    return KEYWORDS[name]


def _indexed_shape(owner: torch.Tensor, indices: tuple[Any, ...]) -> list[int]:
    """A shape with at least as many elements and dimensions as ``owner[indices]``."""
    places = [index for index in indices if index is not None]
    if len(places) > owner.dim():
        raise UserError(f"A tensor of shape {tuple(owner.shape)} cannot have {len(places)} indices.")
    tensors = [place.shape for place in places if isinstance(place, torch.Tensor)]
    shape = [*broadcast_shape("an index", tensors)] if tensors else []
    n_new_axes = len(indices) - len(places)
    places += [slice(None)] * (owner.dim() - len(places))
    shape += [size for size, place in zip(owner.shape, places, strict=True) if isinstance(place, slice)]
    return shape + [1] * n_new_axes
