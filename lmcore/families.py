"""The registry of model families: everything that the rest of the library needs to know about each.

Adding a family means one module in `lmcore.models` (its config, network and parameter count), a trainer in
`lmcore.training` where none fits, and one entry here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch

from lmcore.config import Config
from lmcore.data import corpora, datasets
from lmcore.data.corpora import Corpus
from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.generation.reader import RecurrentReader, WindowReader
from lmcore.models import mlp, neural_bigram, numpy_linear, numpy_mlp, numpy_rnn, recurrent, wavenet
from lmcore.training.classifier import ClassifierTrainer
from lmcore.training.config import ClassifierRunConfig, RunConfig
from lmcore.training.history import Snapshot
from lmcore.training.layered import LayeredTrainer
from lmcore.training.recurrent import NumpyRNNTrainer, TorchRecurrentTrainer
from lmcore.training.trainer import Trainer, find_weights

AnyRunConfig: TypeAlias = RunConfig | ClassifierRunConfig

MAX_PARAMETERS = 20_000_000
"""Trainable parameters of the largest model."""


@dataclass(frozen=True)
class Family:
    """A model family.

    ``network(config, *sizes, generator, dtype)`` builds the model with its initial weights, and
    ``count_parameters(config, *sizes)`` says how many it has. The sizes of a language model are its vocabulary size;
    those of a classifier are its numbers of features and classes.
    """

    config: type[Config]
    run_config: type[RunConfig] | type[ClassifierRunConfig]
    network: Callable[..., Any]
    count_parameters: Callable[..., int]
    trainer: type[Trainer]
    script: str  # template of the exported script
    train_defaults: Mapping[str, Any] = field(default_factory=dict)  # training settings that suit the family better


def _recurrent_net(*arguments: Any) -> Any:
    """The network of the family "recurrent", whose module loads torch."""
    from lmcore.models.recurrent_net import RecurrentNet

    return RecurrentNet(*arguments)


FAMILIES: dict[str, Family] = {
    "mlp": Family(mlp.MLPConfig, RunConfig, mlp.build_mlp, mlp.count_parameters, LayeredTrainer, "mlp.py.j2"),
    "wavenet": Family(
        wavenet.WaveNetConfig,
        RunConfig,
        wavenet.build_wavenet,
        wavenet.count_parameters,
        LayeredTrainer,
        "wavenet.py.j2",
    ),
    "neural-bigram": Family(
        neural_bigram.NeuralBigramConfig,
        RunConfig,
        neural_bigram.build_neural_bigram,
        neural_bigram.count_parameters,
        LayeredTrainer,
        "neural_bigram.py.j2",
    ),
    "rnn": Family(
        numpy_rnn.RNNConfig,
        RunConfig,
        numpy_rnn.RNN,
        numpy_rnn.count_parameters,
        NumpyRNNTrainer,
        "rnn.py.j2",
        train_defaults={"clip": "value", "clip_threshold": 5.0},
    ),
    "recurrent": Family(
        recurrent.RecurrentConfig,
        RunConfig,
        _recurrent_net,
        recurrent.count_parameters,
        TorchRecurrentTrainer,
        "recurrent.py.j2",
        train_defaults={"clip": "norm", "clip_threshold": 1.0},
    ),
    "softmax-regression": Family(
        numpy_linear.SoftmaxConfig,
        ClassifierRunConfig,
        numpy_linear.LinearClassifier,
        numpy_linear.count_parameters,
        ClassifierTrainer,
        "softmax_regression.py.j2",
    ),
    "logistic-regression": Family(
        numpy_linear.LogisticConfig,
        ClassifierRunConfig,
        numpy_linear.LinearClassifier,
        numpy_linear.count_parameters,
        ClassifierTrainer,
        "logistic_regression.py.j2",
    ),
    "mlp-classifier": Family(
        numpy_mlp.MLPClassifierConfig,
        ClassifierRunConfig,
        numpy_mlp.MLPClassifier,
        numpy_mlp.count_parameters,
        ClassifierTrainer,
        "mlp_classifier.py.j2",
    ),
}
DEFAULT_FAMILY = "mlp"


def find(name: Any) -> Family:
    """The family of a name.

    Raises:
        UserError: if there is no such family.
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise UserError(f"There is no model family {str(name)[:40]!r}. Choose one of: {', '.join(FAMILIES)}.")
    return FAMILIES[name]


# ---------------------------------------------------------------- configs


def run_config(values: Mapping[str, Any]) -> AnyRunConfig:
    """The run config that plain data describe, such as the JSON of a run.

    Raises:
        UserError: names the family or the field that does not fit.
    """
    model = values.get("model", {})
    family = find(model.get("family", DEFAULT_FAMILY) if isinstance(model, Mapping) else None)
    return family.run_config.parse(values)


def run_config_from_settings(settings: Mapping[str, Any]) -> AnyRunConfig:
    """The run config for flat settings, as in ``{"family": "mlp", "hidden": 100, "learning_rate": "0.2"}``.

    The seed of a classifier's data is called ``data_seed``.

    Raises:
        UserError: names the setting that does not exist or does not fit.
    """
    family = find(settings.get("family", DEFAULT_FAMILY))
    parts = _parts(family)
    names = {
        part: {family.run_config.SETTING_NAMES.get(part, {}).get(name, name): name for name in config.model_fields}
        for part, config in parts.items()
    }
    known = {name for part in names.values() for name in part}
    if unknown := settings.keys() - known:
        raise UserError(f"There is no setting {sorted(unknown)[0]!r}. Choose one of: {', '.join(sorted(known))}.")
    settings = dict(family.train_defaults) | family.run_config.complete(settings)
    return family.run_config.parse(
        {
            part: config.parse({name: settings[given] for given, name in names[part].items() if given in settings})
            for part, config in parts.items()
        }
    )


def _parts(family: Family) -> dict[str, type[Config]]:
    """The configs that a run config of a family consists of, by field name."""
    fields = family.run_config.model_fields
    parts = {name: type(field.default) for name, field in fields.items() if isinstance(field.default, Config)}
    return parts | {"model": family.config}


def default_run_config(name: str) -> AnyRunConfig:
    """The run config of a family with all its defaults."""
    return run_config_from_settings({"family": name})


# ---------------------------------------------------------------- models


def sizes(data: Corpus | Dataset) -> tuple[int, ...]:
    """The sizes of a model that follow from the data: vocabulary size, or features and classes."""
    if isinstance(data, Corpus):
        return (len(data.vocabulary),)
    return data.X_train.shape[1], len(data.classes)


def count_parameters(config: AnyRunConfig, data: Corpus | Dataset) -> int:
    """Number of trainable parameters of a run's model."""
    return find(config.family).count_parameters(config.model, *sizes(data))


def load_data(config: AnyRunConfig) -> Corpus | Dataset:
    """What a run learns from.

    Raises:
        UserError: if it cannot be loaded.
    """
    return datasets.load(config.data) if isinstance(config, ClassifierRunConfig) else corpora.load(config.corpus)


def make_trainer(config: AnyRunConfig, data: Corpus | Dataset | None = None) -> Any:
    """The trainer of a run's model, at step 0.

    Raises:
        UserError: if the data cannot be loaded, or do not suit the model or the settings.
    """
    family, data = find(config.family), load_data(config) if data is None else data
    if (n_parameters := count_parameters(config, data)) > MAX_PARAMETERS:
        raise UserError(
            f"The model would have {n_parameters:,} parameters; at most {MAX_PARAMETERS:,} are allowed. Choose a "
            "smaller model, or a text with fewer different characters."
        )
    return family.trainer(config, family.network, data)


def load_trainer(
    config: AnyRunConfig, snapshot: Snapshot, data: Corpus | Dataset | None = None, which: str = ""
) -> Any:
    """The trainer of a run's model with the weights of a snapshot.

    Args:
        config: the run's.
        snapshot: one that keeps its weights.
        data: loaded as the config says if None.
        which: "" for the weights after the snapshot's step, `checkpoint.BEST` for the best ones of a recurrent network.

    Raises:
        UserError: if the snapshot keeps no such weights.
    """
    trainer = make_trainer(config, data)
    trainer.load_weights(snapshot.arrays, which)
    return trainer


@dataclass(frozen=True)
class SnapshotReader:
    """The model of a snapshot as a `Reader`, built where it is first used: another process gets only its weights."""

    config: RunConfig
    snapshot: Snapshot
    corpus: Corpus
    which: str = ""  # as for `load_trainer`

    @functools.cached_property
    def _reader(self) -> WindowReader | RecurrentReader:
        trainer = load_trainer(self.config, self.snapshot, self.corpus, self.which)
        reader: WindowReader | RecurrentReader = trainer.reader
        return reader

    @property
    def model(self) -> Any:
        """The network."""
        return self._reader.model

    @property
    def has_window(self) -> bool:
        """See `Reader.has_window`."""
        return self._reader.has_window

    def start(self, n: int) -> tuple[torch.Tensor, Any]:
        """See `Reader.start`."""
        return self._reader.start(n)

    def step(self, ids: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """See `Reader.step`."""
        return self._reader.step(ids, state)

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        """See `Reader.logits`."""
        return self._reader.logits(ids)

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickling keeps: the snapshot without its state, and not the network."""
        return SnapshotReader, (self.config, replace(self.snapshot, state={}), self.corpus, self.which)


def make_reader(config: RunConfig, snapshot: Snapshot, corpus: Corpus | None = None, which: str = "") -> SnapshotReader:
    """The model of a snapshot as a reader of texts. Arguments and errors as for `load_trainer`."""
    corpus = corpora.load(config.corpus) if corpus is None else corpus
    find_weights(snapshot.arrays, count_parameters(config, corpus), which)
    return SnapshotReader(config, snapshot, corpus, which)


def build_network(
    config: RunConfig, vocabulary_size: int, generator: torch.Generator | np.random.Generator, dtype: Any = None
) -> Any:
    """A language model's network with fresh initial weights.

    Args:
        config: the run's.
        vocabulary_size: V.
        generator: of the initial weights, torch's or NumPy's as the family needs.
        dtype: of the weights; the family's default if None.
    """
    network = find(config.family).network
    return network(config.model, vocabulary_size, generator, *([] if dtype is None else [dtype]))


def is_layered(config: AnyRunConfig) -> bool:
    """Whether the model is made of layers with an explicit backward pass, which can be looked into."""
    return issubclass(find(config.family).trainer, LayeredTrainer)
