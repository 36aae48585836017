"""An exam on backpropagation: write down a gradient, and have it graded against autograd."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from numpy.typing import NDArray

from lmcore.inspection.backprop import BackpropPass
from lmcore.inspection.backprop_rules import BACKWARD, BATCH_NORM, CROSS_ENTROPY, RULES, Rule
from lmcore.inspection.expressions import evaluate

GradeKind = Literal["exact", "approximate", "wrong", "wrong shape"]


@dataclass(frozen=True)
class Question:
    """A gradient to write down."""

    title: str
    rule: Rule
    known: tuple[str, ...]  # tensors whose gradients an answer may use
    forward_lines: tuple[str, ...]  # lines of the forward pass through which the gradient flows back


def _forward_lines(names: Iterable[str]) -> tuple[str, ...]:
    forward = {rule.name: rule.forward for rule in RULES}
    return tuple(f"{name} = {forward[name]}" for name in names)


def _consumers(name: str) -> list[str]:
    """The tensors that are computed from a tensor."""
    return [rule.name for rule in RULES if name in re.findall(r"\w+", rule.forward)]


def _until(name: str) -> tuple[str, ...]:
    """The tensors that the backward pass reaches before this one."""
    return BACKWARD[: BACKWARD.index(name)]


_BATCH_NORM_TENSORS = [
    name for name in reversed(BACKWARD) if name.startswith("bn") and name not in ("bngain", "bnbias")
]
QUESTIONS = (
    *(
        Question(f"d{rule.name}", rule, _until(rule.name), _forward_lines(_consumers(rule.name)))
        for rule in reversed(RULES[:-1])
    ),
    Question("dlogits in one expression", CROSS_ENTROPY, (), _forward_lines([*reversed(_until("logits")), "loss"])),
    Question(
        "dhprebn in one expression", BATCH_NORM, _until("bngain"), _forward_lines([*_BATCH_NORM_TENSORS, "hpreact"])
    ),
)
"""One per gradient, from the loss back to C; then cross-entropy and BatchNorm, each in a single expression."""


def allowed_names(record: BackpropPass, question: Question) -> dict[str, NDArray[Any] | int]:
    """What an answer may refer to: the whole forward pass, and the gradients that are known by then."""
    values = {name: tensor.value for name, tensor in record.tensors.items()}
    gradients = {f"d{name}": record.tensors[name].autograd for name in question.known}
    return record.constants | values | gradients


@dataclass(frozen=True)
class Grade:
    """How an answer compares with autograd."""

    kind: GradeKind
    shape: tuple[int, ...]  # of the answer
    expected_shape: tuple[int, ...]
    difference: float  # largest absolute difference; infinite if the shape is wrong
    index: tuple[int, ...]  # where that difference is

    @property
    def passes(self) -> bool:
        """Whether the answer is correct, up to rounding."""
        return self.kind in ("exact", "approximate")


def grade(record: BackpropPass, question: Question, answer: str) -> Grade:
    """Compares an answer with autograd: "exact" means bit by bit, "approximate" within ``torch.allclose``.

    Raises:
        UserError: if the answer cannot be evaluated.
    """
    given = evaluate(answer, allowed_names(record, question))
    expected = torch.from_numpy(record.tensors[question.rule.name].autograd)
    if given.shape != expected.shape:
        return Grade("wrong shape", tuple(given.shape), tuple(expected.shape), float("inf"), ())
    differences = (given - expected).abs()
    at = int(differences.argmax())
    index = tuple(int(i) for i in torch.unravel_index(torch.tensor(at), differences.shape))
    kind: GradeKind = (
        "exact" if torch.equal(given, expected) else "approximate" if torch.allclose(given, expected) else "wrong"
    )
    return Grade(kind, tuple(given.shape), tuple(expected.shape), float(differences.flatten()[at]), index)
