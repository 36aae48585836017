"""Backpropagation by hand: a BatchNorm MLP on one small batch, tensor by tensor.

`backprop_rules` has the network and its gradients; the dimensions are those named there. Losses are in nats per
character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection.backprop_rules import RULES, Rule
from lmcore.inspection.expressions import evaluate
from lmcore.inspection.tensor_view import TensorView

Floats = NDArray[np.float64]

BATCH_SIZE, CONTEXT, EMBEDDING, HIDDEN = 32, 3, 10, 64
MAX_VOCABULARY = 1000  # characters; the gradients of a larger vocabulary exceed the limits of expressions
MAX_SHOWN = 128  # rows and columns of a tensor view


@dataclass(frozen=True, eq=False)
class BackpropTensor:
    """One tensor of the pass, with the gradient of the loss computed by its rule and by autograd."""

    rule: Rule
    value: Floats
    gradient: Floats
    autograd: Floats


@dataclass(frozen=True, eq=False)
class BackpropPass:
    """One forward and backward pass on a batch."""

    tensors: dict[str, BackpropTensor]  # by name, in the order of the forward pass
    Xb: NDArray[np.int64]  # (n, T), character indices of the contexts
    Yb: NDArray[np.int64]  # (n,), indices of the next characters
    labels: tuple[str, ...]  # (V,)

    @property
    def constants(self) -> dict[str, NDArray[Any] | int]:
        """Names that every expression may use."""
        return {"n": BATCH_SIZE, "V": len(self.labels), "Xb": self.Xb, "Yb": self.Yb}


def forward_backward(corpus: Corpus, seed: int) -> BackpropPass:
    """A pass of the untrained network on a batch of the training split, in double precision.

    Args:
        corpus: the text.
        seed: of the random generator, which draws the parameters and then the batch.

    Raises:
        UserError: if the text is too short or its vocabulary too large.
    """
    V = len(corpus.vocabulary)
    if V > MAX_VOCABULARY:
        raise UserError(
            f"The vocabulary has {V:,} characters, too many for this exercise. Set max_vocabulary to at most "
            f"{MAX_VOCABULARY - 1}."
        )
    windows = corpus.windows("train", CONTEXT)
    generator = torch.Generator().manual_seed(seed)
    tensors = {name: value.requires_grad_() for name, value in _parameters(V, generator).items()}
    rows = torch.randint(0, len(windows.Y), (BATCH_SIZE,), generator=generator).numpy()
    Xb, Yb = (part[rows].astype(np.int64) for part in (windows.X, windows.Y))
    record = BackpropPass({}, Xb, Yb, corpus.vocabulary.labels)

    # forward: evaluate every rule in order; autograd differentiates the result
    for rule in RULES:
        if rule.name not in tensors:
            tensors[rule.name] = evaluate(rule.forward, {**record.constants, **tensors})
            tensors[rule.name].retain_grad()
    tensors["loss"].backward()  # type: ignore[no-untyped-call]
    values = {name: tensor.detach().numpy() for name, tensor in tensors.items()}

    # backward: evaluate the gradient of every rule in reverse order
    gradients: dict[str, Floats] = {}
    for rule in reversed(RULES):
        gradients[f"d{rule.name}"] = evaluate(rule.gradient, {**record.constants, **values, **gradients}).numpy()

    for rule in RULES:
        autograd = tensors[rule.name].grad
        assert autograd is not None
        record.tensors[rule.name] = BackpropTensor(
            rule, values[rule.name], gradients[f"d{rule.name}"], autograd.numpy()
        )
    return record


def _parameters(V: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    def randn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).double()

    return {
        "C": randn(V, EMBEDDING),
        "W1": randn(CONTEXT * EMBEDDING, HIDDEN) * (5 / 3) / (CONTEXT * EMBEDDING) ** 0.5,
        "b1": randn(HIDDEN) * 0.1,
        "W2": randn(HIDDEN, V) * 0.1,
        "b2": randn(V) * 0.1,
        "bngain": randn(1, HIDDEN) * 0.1 + 1,
        "bnbias": randn(1, HIDDEN) * 0.1,
    }


def tensor_view(record: BackpropPass, name: str) -> TensorView:
    """A tensor of the pass with labeled rows and columns, at most the first `MAX_SHOWN` of each."""
    tensor = record.tensors[name]
    row_axis, column_axes = _matrix_axes(tensor.rule.axes)
    labels = _axis_labels(record, name)
    rows, columns = labels[row_axis], labels[column_axes]
    value, gradient = (
        array.reshape(len(rows), len(columns))[:MAX_SHOWN, :MAX_SHOWN] for array in (tensor.value, tensor.gradient)
    )
    return TensorView(name, tensor.rule.forward, value, gradient, rows[:MAX_SHOWN], columns[:MAX_SHOWN])


def _matrix_axes(axes: str) -> tuple[str, str]:
    """The axis of the rows and the axes, joined, of the columns when a tensor is shown as a matrix."""
    letters = axes.split()
    padded = ["1"] * (2 - len(letters)) + letters
    return padded[0], "".join(padded[1:])


def _axis_labels(record: BackpropPass, name: str) -> dict[str, list[str]]:
    """Labels of the entries along each axis."""
    characters = record.labels
    examples = [
        f"{''.join(characters[i] for i in context)}→{characters[target]}"
        for context, target in zip(record.Xb.tolist(), record.Yb.tolist(), strict=True)
    ]
    units = [str(unit) for unit in range(HIDDEN)]
    return {
        "n": examples,
        "TE": [f"{t}·{e}" for t in range(1, CONTEXT + 1) for e in range(EMBEDDING)],
        "E": units[:EMBEDDING],
        "H": units,
        "V": [*characters],
        "1": [name],
    }


def named_shapes(record: BackpropPass, expression: str) -> list[str]:
    """The tensors that an expression refers to, each with its shape, as in "h (32, 64)"."""
    known = record.constants
    for name, tensor in record.tensors.items():
        known |= {name: tensor.value, f"d{name}": tensor.gradient}
    used = {name: known.get(name) for name in re.findall(r"[A-Za-z]\w*", expression)}
    return [f"{name} {tuple(tensor.shape)}" for name, tensor in used.items() if isinstance(tensor, np.ndarray)]


def overview(record: BackpropPass) -> pd.DataFrame:
    """The whole pass, one row per tensor.

    The column "difference from autograd" is the largest absolute difference between the two gradients.
    """
    return pd.DataFrame(
        {
            "tensor": name,
            "shape": str(tuple(tensor.value.shape)),
            "difference from autograd": float(np.abs(tensor.gradient - tensor.autograd).max()),
            "forward": tensor.rule.forward,
            "gradient": tensor.rule.gradient,
        }
        for name, tensor in record.tensors.items()
    )
