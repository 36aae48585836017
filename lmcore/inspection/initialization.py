"""Where weights start, and what that does before any training.

Losses are in nats per character. Dimensions: B examples, H hidden units, V characters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data.corpora import Corpus
from lmcore.inspection import activations
from lmcore.training.training import RunConfig, Trainer

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


def start(config: RunConfig, corpus: Corpus | None = None) -> Start:
    """The first minibatch of a run through its untrained model.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    trainer = Trainer(config, corpus)
    inside = activations.on_batch(trainer, trainer.batches(1)[0])
    logits = trainer.model.layers[next(reversed(trainer.model.layers))].out
    hidden = inside.activations
    return Start(
        float(np.log(len(trainer.corpus.vocabulary))),
        inside.loss,
        logits.flatten().numpy().copy(),
        torch.softmax(logits, 1).numpy(),
        inside.contexts,
        {name: layer.before for name, layer in hidden.items()},
        {name: layer.out for name, layer in hidden.items()},
        {name: float(activations.stuck(layer.kind, layer.out, SATURATED).mean()) for name, layer in hidden.items()},
    )
