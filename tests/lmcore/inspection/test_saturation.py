from typing import Any

import numpy as np
import pytest

from lmcore.data.corpora import Corpus
from lmcore.families import make_trainer
from lmcore.inspection.activations import Activations, LayerRecord, activations
from lmcore.inspection.saturation import diagnose, revive_table, saturation, unit_activity, unit_response
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.training.config import RunConfig, TrainConfig
from tests.lmcore.conftest import MakeClassifier

CONFIG = RunConfig(model=MLPConfig(hidden=12, hidden_layers=2), train=TrainConfig(steps=100, seed=3))


def layer(kind: str, pre_activations: list[list[float]]) -> LayerRecord:
    z = np.array(pre_activations, np.float32)
    output = np.tanh(z) if kind == "Tanh" else np.maximum(z, 0)
    return LayerRecord(kind, z.shape, z.shape, 0, output, output, z)


def test_a_unit_is_dead_if_it_is_saturated_for_every_example() -> None:
    record = saturation(layer("Tanh", [[0.1, 3.0, -5.0], [2.5, 4.0, 0.0]]))
    assert record.mask.tolist() == [[False, True, True], [True, True, False]]
    assert record.dead == [1]
    assert record.share == pytest.approx(4 / 6)
    assert saturation(layer("ReLU", [[-1.0, 2.0], [-0.5, -1.0]])).dead == [0]
    assert saturation(layer("Tanh", [[3.0], [2.0]]), 0.999).dead == []


@pytest.mark.parametrize(("model", "positions"), [(MLPConfig(), [1]), (WaveNetConfig(context=8), [4, 2, 1])])
def test_a_hierarchical_model_has_a_row_for_each_position(model: Any, positions: list[int], corpus: Corpus) -> None:
    layers = activations(RunConfig(model=model), corpus=corpus).nonlinear_layers.values()
    records = [saturation(layer) for layer in layers]
    assert [record.positions for record in records] == positions
    assert {len(record.mask) / record.positions for record in records} == {32.0}


@pytest.mark.parametrize(
    ("kind", "z"), [("Tanh", [[4.0], [3.0]]), ("Tanh", [[-9.0], [-4.0]]), ("ReLU", [[-3.0], [-1.0]])]
)
def test_the_smallest_change_of_the_bias_revives_a_dead_unit(kind: str, z: list[list[float]]) -> None:
    dead = layer(kind, z)
    assert saturation(dead).dead == [0]
    change = float(revive_table(dead, [0])["bias change"][0])
    margin = np.sign(change) * 0.001
    assert saturation(layer(kind, [[v[0] + change + margin] for v in z])).dead == []
    assert saturation(layer(kind, [[v[0] + change - 2 * margin] for v in z])).dead == [0]


def test_a_diagnosis_names_dead_saturated_and_vanishing_layers() -> None:
    layers = {
        "tanh": layer("Tanh", [[9.0, 9.0, 0.1], [9.0, -9.0, -0.1]]),
        "tanh2": layer("Tanh", [[0.001, -0.001], [-0.001, 0.001]]),
    }
    sentences = diagnose(Activations(0.0, [], layers, {}, {}))
    assert sentences[0] == "tanh: 2 of 3 units are dead on this minibatch."
    assert sentences[1] == "tanh: 67% of the outputs are saturated. Lower the gain, or normalize."
    assert "shrink from layer to layer" in sentences[2]
    assert len(sentences) == 3
    healthy = Activations(0.0, [], {"tanh": layer("Tanh", [[1.0, -1.0], [-1.0, 1.0]])}, {}, {})
    assert diagnose(healthy) == ["All layers keep their spread, few units are saturated, and none is dead."]


# ---------------------------------------------------------------- one unit


def test_a_unit_lists_the_texts_with_its_highest_and_lowest_pre_activations(corpus: Corpus) -> None:
    found = unit_response(CONFIG, None, "tanh", 4, corpus=corpus)
    trainer = make_trainer(CONFIG, corpus)
    trainer.model.forward(trainer.training_examples(np.arange(len(trainer.X)))[0])
    z = trainer.model.leaves["hidden"].out[:, 4]
    highest = "".join(corpus.vocabulary.labels[i] for i in trainer.X[int(z.argmax())])
    assert found.highest["text"][0] == highest
    assert found.highest["pre-activation"][0] == pytest.approx(z.max().item())
    assert found.lowest["pre-activation"].is_monotonic_increasing
    assert len(set(found.highest["text"])) == len(found.highest)
    assert found.saturated == pytest.approx((np.abs(np.tanh(z)) > 0.97).mean())


def test_a_unit_of_a_hierarchical_model_sees_part_of_the_context(corpus: Corpus) -> None:
    config = RunConfig(model=WaveNetConfig(hidden=6), train=CONFIG.train)
    for name, n_characters in (("tanh", 2), ("tanh2", 4), ("tanh3", 8)):
        found = unit_response(config, None, name, 1, corpus=corpus)
        assert all(len(text) == n_characters for text in found.highest["text"])


# ---------------------------------------------------------------- classifiers


def test_a_relu_unit_that_is_never_active_is_dead(classifier: MakeClassifier) -> None:
    trainer = classifier(1, source="digits", family="mlp-classifier", hidden=6)
    trainer.model.b[0][2] = -1000
    trainer.model.b[0][4] = 1000
    record = unit_activity(trainer.model, trainer.data)
    assert record.shares[0][2] == 0
    assert record.shares[0][4] == 1
    assert record.n_dead == ((record.shares[0] == 0).sum(),)


def test_a_tanh_unit_that_is_always_saturated_is_dead(classifier: MakeClassifier) -> None:
    trainer = classifier(1, source="digits", family="mlp-classifier", hidden=6, activation="tanh")
    trainer.model.b[0][2] = -1000
    assert unit_activity(trainer.model, trainer.data).n_dead == (1,)
