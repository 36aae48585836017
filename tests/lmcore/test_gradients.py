import numpy as np
import pytest
import torch

from lmcore import figures
from lmcore.inspection import gradient_check
from lmcore.inspection.gradient_check import STEPS
from lmcore.models import MLPConfig, ModelConfig, NeuralBigramConfig, WaveNetConfig
from lmcore.nn import layers
from lmcore.training.training import RunConfig, TrainConfig
from tests.lmcore.test_training import small_corpus

CORPUS = small_corpus()
MODELS = [
    MLPConfig(hidden=10),
    MLPConfig(hidden=10, hidden_layers=2, batch_norm="all", direct=True, activation="tanh"),
    WaveNetConfig(hidden=8, embedding=4),
    NeuralBigramConfig(),
]


def config(model: ModelConfig) -> RunConfig:
    return RunConfig(model=model, train=TrainConfig(seed=4))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.family)
def test_explicit_gradients_are_exact_and_differences_come_near(model: ModelConfig) -> None:
    record = gradient_check.check(config(model), "float64", 1e-5, CORPUS)
    assert record.explicit.max() < 1e-10
    assert record.differences.max() < 1e-5
    for explicit, autograd, difference in record.largest:
        assert explicit == pytest.approx(autograd, rel=1e-9)
        assert difference == pytest.approx(autograd, abs=1e-7)
    single = gradient_check.check(config(model), "float32", 1e-2, CORPUS)
    assert 1e-9 < single.explicit.max() < 1e-4


def test_rounding_and_truncation_make_a_valley() -> None:
    curves = [
        gradient_check.check(config(MODELS[0]), precision, 1e-3, CORPUS).curve for precision in ("float64", "float32")
    ]
    valleys = [STEPS[int(curve.argmin())] for curve in curves]
    assert 1e-6 < valleys[0] < 1e-3 < valleys[1] <= 0.1
    exact = curves[0]
    assert exact[0] / exact[2] == pytest.approx(100, rel=0.3)  # truncation: a tenth of h is a hundredth of the error
    assert exact[-1] > 100 * exact.min()


def test_a_wrong_backward_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = layers.Tanh.backward
    monkeypatch.setattr(layers.Tanh, "backward", lambda self, gradient: right(self, gradient) * 1.01)
    record = gradient_check.check(config(MODELS[0]), "float64", 1e-5, CORPUS)
    wrong = dict(zip(record.names, record.explicit, strict=True))
    assert wrong["hidden.weight"] == pytest.approx(0.01, rel=0.02)
    assert wrong["output.weight"] < 1e-12
    assert record.differences.max() < 1e-5


def test_no_gradient_at_all_is_no_error() -> None:
    zeros = torch.zeros(3)
    assert gradient_check._error(zeros, zeros) == 0
    assert gradient_check._error(torch.tensor([np.nan]), torch.ones(1)) == np.inf


def test_the_pictures_hold_the_errors() -> None:
    records = [gradient_check.check(config(MODELS[0]), precision, 1e-4, CORPUS) for precision in ("float64", "float32")]
    bars = figures.gradient_check(records[1])
    assert [trace.name for trace in bars.data] == ["explicit", "central differences, h = 1e-04"]
    assert bars.data[0].y == pytest.approx(records[1].explicit)
    assert "float32" in bars.layout.yaxis.title.text
    curve = figures.rounding_and_truncation(records)
    assert [trace.name for trace in curve.data] == ["float64", "float32"]
    assert curve.layout.shapes[0].x0 == 1e-4
