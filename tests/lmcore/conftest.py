"""A small text and small classifiers, for the tests of several packages."""

from collections.abc import Callable
from typing import Any

import pytest

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.training.classifier import ClassifierTrainer

MakeClassifier = Callable[..., ClassifierTrainer]


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """A few names, each several times."""
    names = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "noah", "liam"]
    return from_text("\n".join(names * 5), config=CorpusConfig(units="lines"))


@pytest.fixture
def classifier() -> MakeClassifier:
    """Makes a classifier's trainer from flat settings, after some steps."""

    def make(steps: int = 0, **settings: Any) -> ClassifierTrainer:
        defaults = {"family": "softmax-regression", "steps": max(steps, 1)}
        trainer: ClassifierTrainer = make_trainer(run_config_from_settings(defaults | settings))
        if steps:
            trainer.train(steps)
        return trainer

    return make
