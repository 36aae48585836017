"""Tensor expressions in PyTorch's notation, typed by anyone and evaluated safely.

An expression is parsed into a syntax tree, whose size is bounded, and evaluated by `expression_interpreter`.
"""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.inspection.expression_functions import describe, to_double
from lmcore.inspection.expression_interpreter import Interpreter

MAX_LENGTH = 500  # characters
MAX_NODES = 250  # of the syntax tree
MAX_DEPTH = 40  # levels of the syntax tree
MAX_BRACKETS = 20  # open at the same time

PARSING = threading.Lock()
"""Held while Python's parser runs: in version 3.11 it is not safe in two threads at once."""


def evaluate(source: str, names: Mapping[str, torch.Tensor | NDArray[Any] | int]) -> torch.Tensor:
    """The value of an expression, a tensor in double precision.

    Args:
        source: such as ``(bnraw * dhpreact).sum(0, keepdim=True)``.
        names: tensors, arrays and numbers the expression may refer to.

    Raises:
        UserError: if the expression is malformed, too large, or uses something that is not allowed.
    """
    tensors = {name: torch.from_numpy(x) if isinstance(x, np.ndarray) else x for name, x in names.items()}
    value = Interpreter(tensors).value(_parse(source))
    if not isinstance(value, torch.Tensor):
        raise UserError(f"The expression gives {describe(value)}, not a tensor.")
    if not torch.isfinite(value).all():
        raise UserError("The result contains infinite or undefined numbers; look for a division by zero.")
    return to_double(value)


def _parse(source: str) -> ast.expr:
    """The syntax tree of an expression, if it is small enough."""
    source = source.strip()
    if not source:
        raise UserError("Type an expression, such as (a * b).sum(0).")
    if len(source) > MAX_LENGTH:
        raise UserError(f"The expression has {len(source):,} characters; write one with at most {MAX_LENGTH}.")
    if strange := re.search(r"[^A-Za-z0-9_ \t\n.,:()\[\]+\-*/@=]", source):
        raise UserError(
            f"The character {strange[0]!a} is not allowed; use letters, digits and . , : ( ) [ ] + - * / @ =."
        )
    _check_brackets(source)
    try:
        with PARSING:
            tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise UserError(f"This is not a complete expression: {error.msg} (character {error.offset}).") from None
    except (ValueError, MemoryError, RecursionError):
        raise UserError("The expression is too large or too deeply nested; simplify it.") from None
    _check_tree(tree)
    return tree


def _check_brackets(source: str) -> None:
    """Refuses many open brackets, for which Python's parser takes very long."""
    n_open = 0
    for character in source:
        n_open += (character in "([") - (character in ")]")
        if n_open > MAX_BRACKETS:
            raise UserError(f"More than {MAX_BRACKETS} brackets are open at once; simplify the expression.")


def _check_tree(tree: ast.expr) -> None:
    """Bounds the size and the depth of a tree, level by level: only then may the interpreter recurse."""
    level: list[ast.AST] = [tree]
    n_nodes = depth = 0
    while level:
        n_nodes, depth = n_nodes + len(level), depth + 1
        if n_nodes > MAX_NODES or depth > MAX_DEPTH:
            raise UserError("The expression has too many parts or too many levels; write a shorter one.")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
