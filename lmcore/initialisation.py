"""Where weights start, and what that does before any training.

Losses are in nats per character. Dimensions: B examples, H hidden units, V characters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.corpora import Corpus
from lmcore.layers import ReLU, Tanh
from lmcore.training import RunConfig, Trainer, cross_entropy

SATURATED = 0.99  # of tanh, in absolute value: beyond it the slope is below 0.02

_NORMAL: dict[str, Any] = {"hidden_scheme": "normal", "hidden_bias_scale": 1.0}

PRESETS: dict[str, dict[str, Any]] = {
    "everything standard normal": _NORMAL
    | {"output_scale": 1.0, "output_bias_scheme": "normal", "output_bias_scale": 1.0},
    "output × 0.01": _NORMAL,
    "output × 0.01, hidden × 0.2": {"hidden_scheme": "normal", "hidden_scale": 0.2},
    "output × 0.01, hidden Kaiming": {},
    "output × 0.01, hidden Kaiming, BatchNorm": {"batch_norm": "hidden", "norm_momentum": 0.001},
    "output zero": {"output_scheme": "zeros"},
    "PyTorch's default": {
        "hidden_scheme": "pytorch",
        "hidden_bias_scheme": "pytorch",
        "hidden_bias_scale": 1.0,
        "output_scheme": "pytorch",
        "output_scale": 1.0,
        "output_bias_scheme": "pytorch",
    },
}
"""Settings of an MLP, beside its defaults, by name; the first five are published (makemore, part 3)."""


@dataclass(frozen=True)
class Start:
    """A model on its first minibatch, before any step."""

    expected: float  # ln V, what guessing costs
    loss: float
    logits: NDArray[np.float32]  # (B * V,)
    probabilities: NDArray[np.float32]  # (B, V)
    contexts: list[str]  # (B,)
    pre_activations: dict[str, NDArray[np.float32]]  # by hidden layer, (B, H)
    activations: dict[str, NDArray[np.float32]]  # by hidden layer, (B, H)
    saturated: dict[str, float]  # by hidden layer: share of abs(tanh) > SATURATED, or of ReLU units at 0


@torch.inference_mode()
def start(config: RunConfig, corpus: Corpus | None = None) -> Start:
    """The first minibatch of a run through its untrained model.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    trainer = Trainer(config, corpus)
    rows = trainer.batches(1)[0]
    X, Y = trainer.X[rows].long(), trainer.Y[rows].long()
    logits = trainer.model.forward(X)
    loss = -cross_entropy(logits, Y.unsqueeze(1)).log_probabilities.mean().item()
    labels = trainer.corpus.vocabulary.labels
    record = Start(
        float(np.log(len(labels))),
        loss,
        logits.flatten().numpy().copy(),
        torch.softmax(logits, 1).numpy(),
        ["".join(labels[i] for i in row) for row in X.tolist()],
        {},
        {},
        {},
    )
    before = torch.empty(0)
    for name, layer in trainer.model.leaves.items():
        if isinstance(layer, Tanh | ReLU):
            values = layer.out.abs() > SATURATED if isinstance(layer, Tanh) else layer.out <= 0
            record.pre_activations[name] = before.numpy().copy()
            record.activations[name] = layer.out.numpy().copy()
            record.saturated[name] = float(values.float().mean())
        before = layer.out
    return record
