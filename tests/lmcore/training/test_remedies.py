"""Whoever follows the advice on a divergence gets a training that does not diverge."""

import math
import random
from typing import Any

import numpy as np
import pytest

from lmcore.data import tables
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.training.remedies import Remedy, round_down
from lmcore.training.trainer import DivergedError, Trainer

STEPS = 300


def salaries() -> str:
    """A table with features in units of very different sizes, and classes that do not depend on them."""
    generator = random.Random(0)
    rows = [f"{generator.randint(20_000, 200_000)},{generator.randint(18, 70)},{i % 2}" for i in range(200)]
    return tables.save("\n".join(["salary,age,y", *rows]).encode(), "salaries.csv")


def outliers() -> str:
    """A table with one value that is far from all others."""
    rows = [f"{i * i % 17 if i != 50 else 1e7},{i % 7},{'ab'[i % 2]}" for i in range(400)]
    return tables.save("\n".join(["x,z,y", *rows]).encode(), "outliers.csv")


def diverge(settings: dict[str, Any]) -> Trainer | None:
    """The trainer after it diverged; None if it did not."""
    trainer = make_trainer(run_config_from_settings({"steps": STEPS} | settings))
    try:
        trainer.train(STEPS)
    except DivergedError:
        return trainer
    loss = trainer.evaluate("train")
    assert loss is not None
    assert math.isfinite(loss)
    return None


MLP = {"family": "mlp", "locales": ("de_DE",), "hidden": 20}
RNN = {"family": "rnn", "locales": ("de_DE",), "hidden": 30, "clip": "none"}
RECURRENT = {"family": "recurrent", "locales": ("de_DE",), "cell": "rnn", "hidden": 20, "sequence": 25, "batch_size": 8}
SOFTMAX = {"family": "softmax-regression"}

DIVERGING: dict[str, tuple[dict[str, Any], str, set[str]]] = {
    "rate": (MLP | {"learning_rate": 500}, "learning rate of 500 is too large", {"learning_rate"}),
    "rate with Adam": (MLP | {"learning_rate": 900, "optimizer": "adam"}, "too large", {"learning_rate"}),
    "start": (MLP | {"learning_rate": 200, "output_scale": 3}, "initial weights are too large", {"learning_rate"}),
    "penalty": (MLP | {"l2": 10, "hidden": 200}, "L2 penalty of 10 overshoots", {"l2"}),
    "mean penalty": (
        {"family": "neural-bigram", "locales": ("de_DE",), "l2": 10, "l2_reduction": "mean", "learning_rate": 900},
        "L2 penalty of 10 overshoots",
        {"l2", "learning_rate"},
    ),
    "penalty and rate": (MLP | {"l2": 0.01, "learning_rate": 500}, "overshoots", {"l2", "learning_rate"}),
    "WaveNet": (MLP | {"family": "wavenet", "learning_rate": 900}, "too large", {"learning_rate"}),
    "no clipping": (
        RECURRENT | {"clip": "none", "optimizer": "sgd", "learning_rate": 100},
        "not clipped",
        {"clip", "clip_threshold", "learning_rate"},
    ),
    "no clipping, NumPy": (RNN | {"learning_rate": 50}, "not clipped", {"clip", "clip_threshold", "learning_rate"}),
    "clipped": (RECURRENT | {"optimizer": "sgd", "learning_rate": 1000}, "too large", {"learning_rate"}),
    "classifier": (SOFTMAX | {"learning_rate": 1000, "separation": 0.1}, "too large", {"learning_rate"}),
    "MLP classifier": ({"family": "mlp-classifier", "learning_rate": 1000}, "too large", {"learning_rate"}),
    "digits": (SOFTMAX | {"source": "digits", "learning_rate": 500}, "too large", {"learning_rate"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DIVERGING)
def test_a_remedy_names_the_cause_and_works_at_once(name: str) -> None:
    settings, cause, changed = DIVERGING[name]
    trainer = diverge(settings)
    assert trainer is not None
    remedy = trainer.remedy()
    assert cause in remedy.cause
    assert set(remedy.settings) == changed
    assert diverge(settings | dict(remedy.settings)) is None


@pytest.mark.parametrize("family", ["softmax-regression", "logistic-regression", "mlp-classifier"])
@pytest.mark.parametrize("rate", [1e-4, 0.1, 100])
@pytest.mark.parametrize("descent", ["batch", "minibatch", "stochastic"])
def test_features_in_units_are_to_be_normalized_whatever_the_rate(family: str, rate: float, descent: str) -> None:
    settings = {"family": family, "source": salaries(), "normalize": False, "learning_rate": rate, "descent": descent}
    trainer = diverge(settings)
    if trainer is None:
        assert rate == 1e-4 or family == "mlp-classifier"  # whose units may die instead
        return
    remedy = trainer.remedy()
    assert remedy.cause.startswith("The features are not normalized: 'salary' reaches 19")
    assert ("learning_rate" in remedy.settings) == (rate > 0.1)
    assert diverge(settings | dict(remedy.settings)) is None


@pytest.mark.parametrize("descent", ["minibatch", "stochastic"])
def test_outliers_are_clipped(descent: str) -> None:
    settings = {"family": "mlp-classifier", "source": outliers(), "descent": descent}
    trainer = make_trainer(run_config_from_settings(settings))
    remedy = trainer.remedy()
    assert "'x' has outliers, up to" in remedy.cause
    assert diverge(settings | dict(remedy.settings)) is None


def test_a_remedy_is_two_sentences() -> None:
    settings = {"clip": "norm", "clip_threshold": 1.0, "learning_rate": 0.01}
    sentence = "Try gradient clipping by norm with a threshold of 1 and a learning rate of 0.01."
    assert str(Remedy("It is so.", settings)) == f"It is so. {sentence}"
    assert str(Remedy("It is so.", {"l2": 0.5}, "less")) == "It is so. Try less, or an L2 penalty of 0.5."
    assert str(Remedy("It is so.", alternative="more")) == "It is so. Try more."


def test_rates_are_rounded_down() -> None:
    assert [round_down(value) for value in (0.1, 0.0999, 0.0151, 50, 7e-9)] == [0.1, 0.09, 0.01, 50, 7e-9]
    values = np.random.default_rng(0).uniform(1e-6, 10, 1000)
    assert all(0.5 * value < round_down(value) <= value for value in values)
