"""Small texts and models to inspect."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.inspection import backprop
from lmcore.inspection.backprop import BackpropPass
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.training.classifier import ClassifierTrainer

FEW_NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "noah", "liam"]


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """A few names, each several times."""
    return from_text("\n".join(FEW_NAMES * 5), config=CorpusConfig(units="lines"))


@pytest.fixture(scope="session")
def many_names() -> Corpus:
    """The same kind of names, often enough for a dev split of every length."""
    return from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 20)


MakeClassifier = Callable[..., ClassifierTrainer]


@pytest.fixture
def classifier() -> MakeClassifier:
    """Makes a classifier's trainer from flat settings, after some steps."""

    def make(steps: int = 0, **settings: Any) -> ClassifierTrainer:
        trainer: ClassifierTrainer = make_trainer(
            run_config_from_settings(CLASSIFIER | settings | {"steps": max(steps, 1)})
        )
        if steps:
            trainer.train(steps)
        return trainer

    return make


CLASSIFIER: dict[str, Any] = {"family": "softmax-regression"}


@pytest.fixture(scope="session")
def backprop_pass(many_names: Corpus) -> BackpropPass:
    return backprop.forward_backward(many_names, 2147483647)


@pytest.fixture
def make_rnn() -> Callable[..., RNN]:
    """Makes a recurrent network in float64."""

    def make(hidden: int = 8, sequence: int = 6, K: int = 7, scale: float = 0.3, seed: int = 0) -> RNN:
        config = RNNConfig(hidden=hidden, sequence=sequence, scale=scale)
        return RNN(config, K, np.random.Generator(np.random.PCG64(seed)), np.float64)

    return make
