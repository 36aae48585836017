"""Initial weights, and what an untrained model makes of its first minibatch.

Losses are in nats per character. Dimensions: B examples, H hidden units, V characters in the vocabulary.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.corpora import Corpus
from lmcore.inspection.activations import batch_activations, is_saturated
from lmcore.nn.losses import log_softmax
from lmcore.training.config import RunConfig
from lmcore.training.layered import LayeredTrainer

SATURATION_THRESHOLD = 0.99
"""A tanh unit counts as saturated above this in absolute value; its slope is then below 0.02."""

ALL_POSITIVE = "all-positive inputs"
"""The preset whose embeddings, hidden weights and biases are uniform on [0, 1): every tanh unit is saturated at +1."""

_NORMAL: dict[str, Any] = {"hidden_scheme": "normal", "hidden_bias_scale": 1.0}

PRESETS: dict[str, dict[str, Any]] = {
    "everything standard normal": _NORMAL
    | {"output_scale": 1.0, "output_bias_scheme": "normal", "output_bias_scale": 1.0},
    "output × 0.01": _NORMAL,
    "output × 0.01, hidden × 0.2": {"hidden_scheme": "normal", "hidden_scale": 0.2},
    "output × 0.01, hidden Kaiming": {},
    "output × 0.01, hidden Kaiming, BatchNorm": {"batch_norm": "hidden", "norm_momentum": 0.001},
    "output zero": {"output_scheme": "zeros"},
    ALL_POSITIVE: {
        "embedding_scheme": "uniform",
        "hidden_scheme": "uniform",
        "hidden_bias_scheme": "uniform",
        "hidden_bias_scale": 1.0,
        "output_scheme": "uniform",
    },
    "PyTorch's default": {
        "hidden_scheme": "pytorch",
        "hidden_bias_scheme": "pytorch",
        "hidden_bias_scale": 1.0,
        "output_scheme": "pytorch",
        "output_scale": 1.0,
        "output_bias_scheme": "pytorch",
    },
}
"""Settings of an MLP that differ from the defaults, by name; the first five are published (makemore, part 3)."""


@dataclass(frozen=True)
class FirstBatch:
    """An untrained model on the first minibatch of its run."""

    guessing: float  # loss of guessing uniformly, ln V
    unigram: float  # loss of knowing only how frequent each character is
    loss: float
    logits: NDArray[np.float32]  # (B * V,)
    probabilities: NDArray[np.float32]  # (B, V)
    contexts: list[str]  # (B,)
    pre_activations: dict[str, NDArray[np.float32]]  # by hidden layer, (B, H)
    activations: dict[str, NDArray[np.float32]]  # by hidden layer, (B, H)
    saturated: dict[str, float]  # by hidden layer, share of saturated tanh units, or of ReLU units at zero


def first_batch(config: RunConfig, corpus: Corpus | None = None) -> FirstBatch:
    """The untrained model on the first minibatch that its run would learn from.

    Raises:
        UserError: if the text or the settings do not suit the model.
    """
    from scipy.special import entr  # takes a while; only workers compute this

    trainer: LayeredTrainer = families.make_trainer(config, corpus)
    record = batch_activations(trainer, trainer.draw_batches(1)[0])
    logits = trainer.model.layers[next(reversed(trainer.model.layers))].out  # (B, V)
    hidden = record.nonlinear_layers
    return FirstBatch(
        math.log(trainer.n_classes),
        float(entr(np.bincount(trainer.Y) / len(trainer.Y)).sum()),
        record.loss,
        logits.flatten(),
        np.exp(log_softmax(logits)),
        record.contexts,
        {name: layer.input for name, layer in hidden.items()},
        {name: layer.output for name, layer in hidden.items()},
        {
            name: float(is_saturated(layer.kind, layer.output, SATURATION_THRESHOLD).mean())
            for name, layer in hidden.items()
        },
    )
