"""Is the backward pass right? Explicit gradients beside those of autograd and of central differences.

Dimensions: P parameters (tensors) of a model, K entries of each that are probed, H step sizes.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore import models
from lmcore.data.corpora import Corpus
from lmcore.inspection.activations import probe
from lmcore.nn.layers import Sequential
from lmcore.training.training import RunConfig, Trainer, cross_entropy

Floats = NDArray[np.float64]
Precision = Literal["float64", "float32"]
PRECISIONS: dict[Precision, torch.dtype] = {"float64": torch.float64, "float32": torch.float32}
ENTRIES = 25  # of each tensor, the largest gradients and others, drawn
ON_CURVE = 2  # of those, for each step size of the curve
STEPS: list[float] = [10.0 ** (-exponent / 2) for exponent in range(2, 23)]
"""Step sizes h of the curve, from 0.1 to 1e-11."""


@dataclass(frozen=True, eq=False)
class Check:
    """The gradients of one minibatch, three ways, in one precision."""

    precision: Precision
    h: float
    names: list[str]  # (P,)
    explicit: Floats  # (P,), relative error against autograd in float64, over all entries
    differences: Floats  # (P,), the same of central differences, over the probed entries
    largest: list[tuple[float, float, float]]  # (P,), the largest entry: explicit, autograd, central difference
    curve: Floats  # (H,), relative error of central differences over all tensors, for each of `STEPS`


def check(config: RunConfig, precision: Precision = "float64", h: float = 1e-5, corpus: Corpus | None = None) -> Check:
    """Checks the untrained model of a config on one minibatch.

    Central differences are (loss(w + h) - loss(w - h)) / 2h: their error falls with h² until rounding, which grows
    with 1/h, takes over.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    trainer = Trainer(config, corpus)
    rows = probe(trainer)
    X, Y = trainer.X[rows].long(), trainer.Y[rows].long()
    model = _model(trainer, PRECISIONS[precision])
    oracle = _autograd(_model(trainer, torch.float64), X, Y)

    model.backward(cross_entropy(model.forward(X), Y.unsqueeze(1)).grad_logits)
    explicit = {name: gradient.double().clone() for name, gradient in model.gradients.items()}
    probed = {name: _probed(gradient) for name, gradient in oracle.items()}
    at_h, expected = _differences(model, X, Y, probed, h), _picked(oracle, probed)
    few = {name: indices[:ON_CURVE] for name, indices in probed.items()}
    told = _all(_picked(oracle, few))
    curve = [_error(_all(_differences(model, X, Y, few, step)), told) for step in STEPS]
    return Check(
        precision,
        h,
        list(oracle),
        np.array([_error(explicit[name], oracle[name]) for name in oracle]),
        np.array([_error(at_h[name], expected[name]) for name in oracle]),
        [
            (explicit[name].flatten()[at[0]].item(), oracle[name].flatten()[at[0]].item(), at_h[name][0].item())
            for name, at in probed.items()
        ],
        np.array(curve),
    )


def _model(trainer: Trainer, dtype: torch.dtype) -> Sequential:
    """The trainer's model, weight by weight, in another precision."""
    config, V = trainer.config.model, len(trainer.corpus.vocabulary)
    model = models.build(config, V, torch.Generator(), dtype)
    model.theta.copy_(trainer.model.theta)
    return model


def _autograd(model: Sequential, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
    parameters = {name: tensor.clone().requires_grad_() for name, tensor in model.parameters.items()}
    loss = torch.nn.functional.cross_entropy(model.plain(X, parameters), Y)
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    return dict(zip(parameters, gradients, strict=True))


def _probed(gradient: Tensor) -> Tensor:
    """Indices into the flat tensor, shape (K,): the largest entry first, then others, drawn."""
    dice = torch.Generator().manual_seed(0)
    drawn = torch.randperm(gradient.numel(), generator=dice)[: ENTRIES - 1]
    return torch.cat([gradient.abs().argmax().view(1), drawn])


@torch.inference_mode()
def _differences(model: Sequential, X: Tensor, Y: Tensor, probed: dict[str, Tensor], h: float) -> dict[str, Tensor]:
    """Central differences of the probed entries, (K,) for each tensor."""
    found = {}
    for name, indices in probed.items():
        flat = model.parameters[name].view(-1)
        values = []
        for i in indices.tolist():
            before = flat[i].item()
            losses = []
            for shifted in (before + h, before - h):
                flat[i] = shifted
                losses.append(torch.nn.functional.cross_entropy(model.forward(X), Y).item())
            flat[i] = before
            values.append((losses[0] - losses[1]) / (2 * h))
        found[name] = torch.tensor(values, dtype=torch.float64)
    return found


def _picked(gradients: dict[str, Tensor], probed: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: gradients[name].flatten()[indices] for name, indices in probed.items()}


def _all(pieces: dict[str, Tensor]) -> Tensor:
    return torch.cat([piece.flatten() for piece in pieces.values()])


def _error(found: Tensor, expected: Tensor) -> float:
    """The norm of the difference beside the larger of the norms; 0 where both are zero."""
    larger = max(found.norm().item(), expected.norm().item())
    if larger == 0:
        return 0.0
    error = (found - expected).norm().item() / larger
    return error if math.isfinite(error) else math.inf


def as_json(record: Check) -> dict[str, Any]:
    """A check as plain data."""
    return {
        "precision": record.precision,
        "h": record.h,
        "tensors": {
            name: {"explicit": float(explicit), "central differences": float(differences)}
            for name, explicit, differences in zip(record.names, record.explicit, record.differences, strict=True)
        },
    }
