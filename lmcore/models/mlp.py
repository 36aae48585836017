"""The multilayer perceptron of Bengio et al. 2003: embeddings, hidden layers, a softmax over characters."""

import math
from typing import Literal

import torch
from torch import Tensor

from lmcore.config import Config, Field
from lmcore.nn.layers import BatchNorm1d, Embedding, FlattenConsecutive, Layer, Linear, Parallel, ReLU, Sequential, Tanh

Scheme = Literal["normal", "kaiming", "uniform", "pytorch", "zeros"]
SCHEMES = (
    "standard normal; kaiming: normal × gain / sqrt(inputs); uniform from 0 to 1; "
    "PyTorch's default: uniform within ±1 / sqrt(inputs); zeros"
)
GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2)}  # He et al. 2015; torch.nn.init.calculate_gain


def _scale(what: str, default: float) -> float:
    value: float = Field(default, ge=0, le=100, description=f"Number that the starting {what} are multiplied by.")
    return value


class MLPConfig(Config):
    """The shape of the network and where its weights start."""

    family: Literal["mlp"] = Field("mlp", description="Name of the model family.")
    context: int = Field(3, ge=1, le=32, description="Characters the model sees before it guesses the next.")
    embedding: int = Field(10, ge=1, le=256, description="Numbers that describe each character.")
    hidden: int = Field(200, ge=1, le=2048, description="Units of each hidden layer.")
    hidden_layers: int = Field(1, ge=1, le=6, description="Hidden layers, one after the other.")
    activation: Literal["tanh", "relu"] = Field("tanh", description="What each hidden unit does with its sum.")
    direct: bool = Field(
        False, description="Direct connections from the embeddings to the logits (Bengio et al. 2003, equation 1)."
    )
    batch_norm: Literal["none", "hidden", "all"] = Field(
        "none", description="Batch normalization: none, before each activation, or of the logits too."
    )
    norm_momentum: float = Field(
        0.1, gt=0, le=1, description="Share of each batch in the running statistics of batch normalization."
    )
    embedding_scheme: Literal["normal", "uniform", "zeros"] = Field(
        "normal", description="Starting embeddings: standard normal, uniform from 0 to 1, zeros."
    )
    embedding_scale: float = _scale("embeddings", 1.0)
    hidden_scheme: Scheme = Field("kaiming", description=f"Starting hidden weights: {SCHEMES}.")
    hidden_scale: float = _scale("hidden weights", 1.0)
    hidden_bias_scheme: Scheme = Field("normal", description=f"Starting hidden biases: {SCHEMES}.")
    hidden_bias_scale: float = _scale("hidden biases", 0.01)
    output_scheme: Scheme = Field("normal", description=f"Starting output weights: {SCHEMES}.")
    output_scale: float = _scale("output weights", 0.01)
    output_bias_scheme: Scheme = Field("zeros", description=f"Starting output biases: {SCHEMES}.")
    output_bias_scale: float = _scale("output biases", 1.0)


def starting_values(
    scheme: Scheme, scale: float, shape: tuple[int, ...], fan_in: int, gain: float, generator: torch.Generator
) -> Tensor:
    """Starting weights of a shape by a scheme; "zeros" draws too, so that all schemes leave the same dice behind.

    Source: He et al. 2015 ("kaiming"); torch.nn.Linear ("pytorch").
    """
    if scheme in ("uniform", "pytorch"):
        values = torch.rand(shape, generator=generator)
        return values * scale if scheme == "uniform" else (2 * values - 1) * (scale / math.sqrt(fan_in))
    factor = {"normal": 1.0, "kaiming": gain / math.sqrt(fan_in), "zeros": 0.0}[scheme]
    return torch.randn(shape, generator=generator) * (factor * scale)


def build_mlp(
    config: MLPConfig, vocabulary_size: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Sequential:
    """The model: (B, T) indices to (B, V) logits.

    The generator draws the embeddings, then weights and biases of each hidden layer, of the output layer, and
    the direct connections (which start as the output weights do). The gain of the hidden layers is that of their
    activation, of the output layer 1. With the defaults the first loss is near ln V.

    What is normalized has no bias of its own. Where the logits are, `output_scale` is where their gain starts.
    """
    gain = GAINS[config.activation]

    def weights(fan_in: int, fan_out: int, scheme: Scheme, scale: float, gain: float = 1.0) -> Tensor:
        return starting_values(scheme, scale, (fan_in, fan_out), fan_in, gain, generator).to(dtype)

    def biases(fan_in: int, fan_out: int, scheme: Scheme, scale: float, gain: float = 1.0) -> Tensor:
        return starting_values(scheme, scale, (fan_out,), fan_in, gain, generator).to(dtype)

    def norm(features: int, gain: float = 1.0) -> BatchNorm1d:
        return batch_norm(features, gain, config.norm_momentum, dtype)

    C = weights(vocabulary_size, config.embedding, config.embedding_scheme, config.embedding_scale)
    below: dict[str, Layer] = {"embedding": Embedding(C), "flatten": FlattenConsecutive(config.context)}
    body: dict[str, Layer] = {}
    fan_in = embedded = config.context * config.embedding
    for i in range(config.hidden_layers):
        number = str(i + 1) if i else ""
        W = weights(fan_in, config.hidden, config.hidden_scheme, config.hidden_scale, gain)
        if config.batch_norm == "none":
            b = biases(fan_in, config.hidden, config.hidden_bias_scheme, config.hidden_bias_scale, gain)
            body[f"hidden{number}"] = Linear(W, b)
        else:
            body |= {f"hidden{number}": Linear(W), f"norm{number}": norm(config.hidden)}
        body[f"{config.activation}{number}"] = Tanh() if config.activation == "tanh" else ReLU()
        fan_in = config.hidden
    if config.batch_norm == "all":
        W = weights(fan_in, vocabulary_size, config.output_scheme, 1.0)
        body |= {"output": Linear(W), "output_norm": norm(vocabulary_size, config.output_scale)}
    else:
        W = weights(fan_in, vocabulary_size, config.output_scheme, config.output_scale)
        b = biases(fan_in, vocabulary_size, config.output_bias_scheme, config.output_bias_scale)
        body["output"] = Linear(W, b)
    if not config.direct:
        return Sequential(below | body)
    direct = Linear(weights(embedded, vocabulary_size, config.output_scheme, config.output_scale))
    return Sequential(below | {"logits": Parallel({"deep": body, "straight": {"direct": direct}})})


def batch_norm(features: int, gain: float, momentum: float, dtype: torch.dtype) -> BatchNorm1d:
    """A batch normalization as it starts: one gain for all features, no shift."""
    return BatchNorm1d(torch.full((features,), gain, dtype=dtype), torch.zeros(features, dtype=dtype), momentum)
