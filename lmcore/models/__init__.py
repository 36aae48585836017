"""The models, one module per family: its config, its network, and the number of its parameters.

What the rest of the library needs to know about each family stands in the registry, `lmcore.families`.
"""

from typing import Annotated

from lmcore.config import Field
from lmcore.models.mlp import MLPConfig
from lmcore.models.neural_bigram import NeuralBigramConfig
from lmcore.models.numpy_linear import LogisticConfig, SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifierConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.models.wavenet import WaveNetConfig

ModelConfig = Annotated[
    MLPConfig | NeuralBigramConfig | WaveNetConfig | RNNConfig | RecurrentConfig, Field(discriminator="family")
]
"""The config of any language model; the field ``family`` says which."""

ClassifierConfig = Annotated[SoftmaxConfig | LogisticConfig | MLPClassifierConfig, Field(discriminator="family")]
"""The config of any classifier; the field ``family`` says which."""

__all__ = [
    "ClassifierConfig",
    "LogisticConfig",
    "MLPClassifierConfig",
    "MLPConfig",
    "ModelConfig",
    "NeuralBigramConfig",
    "RNNConfig",
    "RecurrentConfig",
    "SoftmaxConfig",
    "WaveNetConfig",
]
