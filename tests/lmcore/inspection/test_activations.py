import numpy as np
import pytest
import torch

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.families import make_trainer
from lmcore.inspection.activations import (
    activations,
    batch_activations,
    has_weights,
    is_saturated,
    layer_table,
    probe_rows,
)
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.training.config import RunConfig, TrainConfig

CONFIG = RunConfig(model=MLPConfig(hidden=12, hidden_layers=2), train=TrainConfig(steps=100, seed=3))


def test_a_snapshot_shows_the_model_as_it_was(corpus: Corpus) -> None:
    trainer = make_trainer(CONFIG, corpus)
    trainer.train(20)
    snapshot = trainer.snapshot()
    rows = probe_rows(trainer)
    expected = batch_activations(trainer, rows)
    trainer.train(30)
    found = activations(CONFIG, snapshot, corpus)
    assert found.loss == expected.loss
    assert np.array_equal(found.layers["tanh2"].output_gradient, expected.layers["tanh2"].output_gradient)
    assert found.loss != activations(CONFIG, None, corpus).loss
    assert found.contexts == ["".join(corpus.vocabulary.labels[i] for i in trainer.X[int(row)]) for row in rows]


def test_inspecting_a_model_does_not_affect_its_training(corpus: Corpus) -> None:
    inspected, other = make_trainer(CONFIG, corpus), make_trainer(CONFIG, corpus)
    batch_activations(inspected, probe_rows(inspected))
    assert np.array_equal(inspected.train(10), other.train(10))


def test_gradients_of_outputs_are_those_of_autograd(corpus: Corpus) -> None:
    trainer = make_trainer(RunConfig(model=WaveNetConfig(hidden=6), train=CONFIG.train), corpus)
    rows = probe_rows(trainer)
    record = batch_activations(trainer, rows)
    x, outputs = torch.from_numpy(trainer.training_examples(rows)[0]), {}
    for name, layer in trainer.model.layers.items():
        x = layer.functional_forward(x, {kind: torch.from_numpy(p) for kind, p in layer.parameters.items()})
        if not x.requires_grad:
            x.requires_grad_()
        x.retain_grad()
        outputs[name] = x
    torch.nn.functional.cross_entropy(x, torch.from_numpy(trainer.Y[rows]).long()).backward()
    for name, tensor in outputs.items():
        layer = record.layers[name]
        assert layer.output_shape == tuple(tensor.shape)
        assert np.allclose(layer.output_gradient.ravel(), tensor.grad.numpy().ravel(), atol=1e-7), name


def test_the_layer_table_has_a_row_per_layer(corpus: Corpus) -> None:
    table = layer_table(activations(CONFIG, None, corpus))
    assert table["layer"].tolist() == ["embedding", "flatten", "hidden", "tanh", "hidden2", "tanh2", "output"]
    assert table["parameters"].sum() == make_trainer(CONFIG, corpus).n_parameters
    assert table["output"].tolist()[:4] == ["32 × 3 × 10", "32 × 30", "32 × 12", "32 × 12"]
    assert table["saturated"].notna().tolist() == [False, False, False, True, False, True, False]


def test_tanh_saturates_at_both_ends_and_relu_at_zero() -> None:
    outputs = np.array([-0.98, -0.5, 0.0, 0.98], np.float32)
    assert is_saturated("Tanh", outputs).tolist() == [True, False, False, True]
    assert is_saturated("Tanh", outputs, 0.99).tolist() == [False] * 4
    assert is_saturated("ReLU", np.maximum(outputs, 0)).tolist() == [True, True, True, False]


def test_snapshots_of_large_models_have_no_weights(corpus: Corpus) -> None:
    large = RunConfig(model=MLPConfig(hidden=2048, hidden_layers=2))
    trainer = make_trainer(large, corpus)
    assert trainer.n_parameters > trainer.MAX_SNAPSHOT_WEIGHTS
    snapshot = trainer.snapshot()
    assert not has_weights(snapshot)
    assert has_weights(make_trainer(CONFIG, corpus).snapshot())
    with pytest.raises(UserError, match="no weights"):
        activations(large, snapshot, corpus)
