"""The configuration of a run: what it learns from, the model, and how the model is trained."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from lmcore.config import Config, Field
from lmcore.data import datasets
from lmcore.data.corpora import CorpusConfig
from lmcore.data.datasets import DataConfig
from lmcore.models import ClassifierConfig, ModelConfig
from lmcore.models.mlp import MLPConfig
from lmcore.models.numpy_linear import SoftmaxConfig
from lmcore.training.clipping import Clip


class BaseTrainConfig(Config):
    """Training settings that every model family has. All but the seed may change during a run."""

    steps: int = Field(100_000, ge=1, le=100_000_000, description="Total number of training steps.")
    seed: int = Field(2147483647, ge=0, le=2**53 - 1, description="Seed of the initial weights and the minibatches.")
    evaluate_every: int = Field(
        5000, ge=100, le=10_000_000, description="Steps between two evaluations of the train and dev loss."
    )
    minutes: float = Field(60, gt=0, le=24 * 60, description="Time limit of the run, in minutes of training.")
    learning_rate: float = Field(0.1, ge=0, le=1000, description="Learning rate: weights -= learning rate × gradient.")
    clip: Clip = Field(
        "none", description="Gradient clipping: none, by value (each component), or by norm (the whole gradient)."
    )
    clip_threshold: float = Field(
        1.0, gt=0, le=1000, description="Largest component or norm that gradient clipping allows."
    )

    @classmethod
    def live_fields(cls) -> set[str]:
        """Names of the settings that may change during a run."""
        return cls.model_fields.keys() - {"seed"}


class BaseRunConfig(Config):
    """Everything that determines the numbers of a run.

    A subclass fixes the task and adds the data; `lmcore.families` lists the model families of each.
    """

    SETTING_NAMES: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Where a field's flat name differs from its own, by part: two parts may both have a ``seed``."""

    task: str
    model: Any
    train: BaseTrainConfig

    @property
    def family(self) -> str:
        """Name of the model family."""
        return str(self.model.family)

    @property
    def data_name(self) -> str:
        """Name of the text or data set."""
        raise NotImplementedError

    @classmethod
    def complete(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Flat settings with the defaults that depend on other settings."""
        return dict(settings)

    def with_train(self, **settings: Any) -> "BaseRunConfig":
        """The same run with other training settings, checked.

        Raises:
            UserError: if a setting does not exist or is out of bounds.
        """
        return self.model_copy(update={"train": self.train.updated(**settings)})


# ---------------------------------------------------------------- language models


class TrainConfig(BaseTrainConfig):
    """How a language model is trained."""

    batch_size: int = Field(32, ge=1, le=16_384, description="Examples per minibatch.")
    optimizer: Literal["sgd", "momentum", "adam", "adamw", "adagrad", "rmsprop"] = Field(
        "sgd",
        description="Optimizer. SGD and AdaGrad work well near a learning rate of 0.1, momentum near 0.01, the others "
        "near 0.001.",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum: fraction of the previous update that is kept.")
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=10,
        description="Decoupled weight decay of AdamW: each step multiplies the weights by 1 − learning rate × this.",
    )
    schedule: Literal["constant", "step", "exponential", "cosine"] = Field(
        "constant",
        description="Learning-rate schedule: constant, one drop by the decay factor, exponential, or cosine.",
    )
    factor: float = Field(
        0.1, gt=0, le=1, description="Decay factor: final learning rate as a fraction of the initial one."
    )
    decay_at: int = Field(50_000, ge=0, le=100_000_000, description="Step at which the step schedule decays.")
    warmup: int = Field(0, ge=0, le=1_000_000, description="Warmup: steps over which the learning rate rises from 0.")
    one_batch: bool = Field(False, description="Overfit a single minibatch: every step uses the same examples.")
    full_batch: bool = Field(
        False, description="Full-batch gradient descent: every step uses all examples. For models with a context of 1."
    )
    l2: float = Field(
        0.0, ge=0, le=10, description="L2 penalty: adds this × the sum of all squared weights (not biases) to the loss."
    )
    l2_reduction: Literal["sum", "mean"] = Field(
        "sum", description="L2 reduction: the sum of the squared weights, or their mean over each weight matrix."
    )
    l2_embedding: float = Field(0.0, ge=0, le=10, description="Additional L2 penalty of the embeddings.")
    l2_hidden: float = Field(0.0, ge=0, le=10, description="Additional L2 penalty of the hidden weights.")
    l2_output: float = Field(0.0, ge=0, le=10, description="Additional L2 penalty of the output and direct weights.")

    @property
    def is_penalized(self) -> bool:
        """Whether there is an L2 penalty."""
        return any((self.l2, self.l2_embedding, self.l2_hidden, self.l2_output))


class RunConfig(BaseRunConfig):
    """A language model's run: the text, the model and the training."""

    task: Literal["language-modeling"] = Field("language-modeling", description="What the model learns.")
    corpus: CorpusConfig = Field(CorpusConfig(), description="The text.")
    model: ModelConfig = Field(MLPConfig(), description="The model.")
    train: TrainConfig = Field(TrainConfig(), description="The training.")

    @property
    def data_name(self) -> str:
        """Name of the text."""
        return self.corpus.source


# ---------------------------------------------------------------- classifiers


class ClassifierTrainConfig(BaseTrainConfig):
    """How a classifier is trained."""

    steps: int = Field(1000, ge=1, le=100_000_000, description="Total number of training steps.")
    seed: int = Field(
        0, ge=0, le=2**53 - 1, description="Seed of the initial weights and of the order of the examples."
    )
    evaluate_every: int = Field(
        500, ge=10, le=10_000_000, description="Steps between two evaluations of the train and dev loss."
    )
    descent: Literal["batch", "minibatch", "stochastic"] = Field(
        "minibatch",
        description="Gradient descent: batch (all examples per step), minibatch, or stochastic (one example per step).",
    )
    batch_size: int = Field(32, ge=1, le=16_384, description="Examples per minibatch.")
    schedule: Literal["constant", "step", "plateau"] = Field(
        "constant",
        description="Learning-rate schedule: constant, decay every few epochs, or decay when the loss plateaus.",
    )
    factor: float = Field(0.5, gt=0, lt=1, description="Decay factor: each decay multiplies the learning rate by it.")
    decay_every: int = Field(20, ge=1, le=1_000_000, description="Epochs between two decays of the step schedule.")
    patience: int = Field(5, ge=1, le=100_000, description="Epochs without improvement that count as a plateau.")
    min_change: float = Field(
        0.001, ge=0, le=10, description="Minimum improvement of the loss (nats) that resets the patience counter."
    )
    watch: Literal["train", "dev"] = Field(
        "dev",
        description="Split whose loss the plateau schedule and early stopping watch; train if there is no dev split.",
    )
    early_stopping: bool = Field(False, description="Early stopping: end the run when the loss stops improving.")
    stop_patience: int = Field(10, ge=1, le=100_000, description="Epochs without improvement that stop the run early.")


class ClassifierRunConfig(BaseRunConfig):
    """A classifier's run: the data, the model and the training."""

    SETTING_NAMES: ClassVar[Mapping[str, Mapping[str, str]]] = {"data": {"seed": "data_seed"}}

    task: Literal["classification"] = Field("classification", description="What the model learns.")
    data: DataConfig = Field(DataConfig(), description="The data.")
    model: ClassifierConfig = Field(SoftmaxConfig(), description="The model.")
    train: ClassifierTrainConfig = Field(ClassifierTrainConfig(), description="The training.")

    @property
    def data_name(self) -> str:
        """Name of the data set."""
        return self.data.source

    @classmethod
    def complete(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Flat settings with the defaults that depend on the data set (`datasets.defaults`)."""
        return datasets.defaults(str(settings.get("source", ""))) | dict(settings)
