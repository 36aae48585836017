import math

import numpy as np
import pytest

from lmcore.data.corpora import Corpus
from lmcore.families import make_trainer
from lmcore.inspection.initialization import ALL_POSITIVE, PRESETS, first_batch
from lmcore.models import MLPConfig
from lmcore.training.config import RunConfig


def test_the_first_batch_is_the_one_that_training_starts_with(corpus: Corpus) -> None:
    config = RunConfig(model=MLPConfig(hidden=12))
    record = first_batch(config, corpus)
    assert record.guessing == math.log(len(corpus.vocabulary))
    assert record.loss == pytest.approx(make_trainer(config, corpus).train(1)[0], abs=1e-6)
    assert record.probabilities.shape == (len(record.contexts), len(corpus.vocabulary))
    assert record.activations["tanh"] == pytest.approx(np.tanh(record.pre_activations["tanh"]), abs=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_model(name: str, corpus: Corpus) -> None:
    record = first_batch(RunConfig(model=MLPConfig(**PRESETS[name])), corpus)
    assert record.loss > 0
    assert 0 <= record.saturated["tanh"] <= 1


def test_an_output_layer_of_zeros_guesses_uniformly(corpus: Corpus) -> None:
    record = first_batch(RunConfig(model=MLPConfig(output_scheme="zeros")), corpus)
    assert record.loss == pytest.approx(record.guessing, abs=1e-6)
    assert np.allclose(record.probabilities, 1 / len(corpus.vocabulary))


def test_all_positive_inputs_saturate_every_unit_at_one(names: Corpus) -> None:
    record = first_batch(RunConfig(model=MLPConfig(**PRESETS[ALL_POSITIVE])), names)
    assert record.saturated["tanh"] > 0.99
    assert record.activations["tanh"].min() > 0.95
    assert record.unigram == pytest.approx(2.82, abs=0.005)
