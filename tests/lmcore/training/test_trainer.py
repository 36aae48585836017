"""What every trainer promises, for every family of the registry."""

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.data.datasets import DataConfig, load
from lmcore.errors import UserError
from lmcore.families import FAMILIES, load_trainer, make_trainer, run_config_from_settings
from lmcore.runs.worker import advance
from lmcore.training.checkpoint import decode_state, encode_state
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.trainer import DivergedError, Trainer, is_snapshot_step, next_snapshot_step

TEXT = from_text(
    "\n".join(["emma", "olivia", "ava", "isabella", "sophia", "mia"] * 40), config=CorpusConfig(units="lines")
)
CLOUDS = load(DataConfig(source="clouds", classes=2, examples=120))
SETTINGS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": 16, "batch_norm": "hidden", "optimizer": "adam", "learning_rate": 0.01},
    "wavenet": {"hidden": 8, "optimizer": "momentum"},
    "neural-bigram": {"full_batch": True, "learning_rate": 5},
    "rnn": {"hidden": 12, "sequence": 8},
    "recurrent": {
        "hidden": 12,
        "sequence": 8,
        "batch_size": 4,
        "dropout": 0.2,
        "optimizer": "adam",
        "learning_rate": 0.01,
    },
    "softmax-regression": {"descent": "stochastic", "clip": "norm", "clip_threshold": 0.3},
    "logistic-regression": {"schedule": "plateau", "patience": 1},
    "mlp-classifier": {"hidden": 9, "schedule": "step", "decay_every": 2},
}


def make(name: str, **settings: Any) -> Trainer:
    config = run_config_from_settings({"family": name, "steps": 60} | SETTINGS[name] | settings)
    return make_trainer(config, CLOUDS if isinstance(config, ClassifierRunConfig) else TEXT)


def copied(trainer: Trainer) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in trainer.state_dict().items()}


def test_every_family_is_tried() -> None:
    assert SETTINGS.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_parameters_are_counted_as_they_are(name: str) -> None:
    trainer = make(name)
    sizes = (2, 2) if trainer.data is CLOUDS else (len(TEXT.vocabulary),)
    assert FAMILIES[name].count_parameters(trainer.config.model, *sizes) == trainer.n_parameters == len(trainer.weights)


@pytest.mark.parametrize("name", FAMILIES)
def test_reset_gives_the_same_weights_and_steps_again(name: str) -> None:
    trainer = make(name)
    losses = trainer.train(20)
    trainer.reset()
    assert (trainer.step, trainer.examples) == (0, 0)
    assert np.array_equal(trainer.train(20), losses)


@pytest.mark.parametrize("name", FAMILIES)
def test_training_continues_bit_for_bit_from_a_saved_state(name: str) -> None:
    whole, cut, resumed = make(name), make(name), make(name)
    losses = whole.train(50)
    first = cut.train(17)
    resumed.load_state_dict(decode_state(encode_state(cut.state_dict())))
    assert np.array_equal(np.concatenate([first, resumed.train(33)]), losses)
    for key, array in whole.state_dict().items():
        assert np.array_equal(array, resumed.state_dict()[key], equal_nan=True), key


@pytest.mark.parametrize("name", FAMILIES)
def test_evaluation_sampling_and_snapshots_leave_training_unaffected(name: str) -> None:
    watched, alone = make(name), make(name)
    for _ in range(5):
        watched.snapshot()
        watched.evaluate("train")
        watched.train(4)
    alone.train(20)
    assert np.array_equal(watched.weights, alone.weights)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_snapshot_names_its_metrics_and_restores_its_weights(name: str) -> None:
    trainer = make(name)
    trainer.train(30)
    snapshot = trainer.snapshot()
    assert snapshot.loss("train") == pytest.approx(trainer.evaluate("train", 5000))
    assert snapshot.loss("dev") == pytest.approx(trainer.evaluate("dev", 5000))
    assert snapshot.loss("test") is None
    assert snapshot.examples == trainer.examples > 0
    restored = load_trainer(trainer.config, snapshot, trainer.data)
    assert np.array_equal(restored.weights, trainer.weights)
    assert restored.evaluate("test") == trainer.evaluate("test")


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_slices_of_a_worker_give_the_same_bytes_however_time_is_cut(name: str) -> None:
    data = {} if name in ("softmax-regression", "logistic-regression", "mlp-classifier") else {"locales": ("de_DE",)}
    own = SETTINGS[name] | (data or {"classes": 2, "examples": 60})
    config = run_config_from_settings({"family": name, "steps": 120} | own).model_dump()
    whole, report = advance(b"", config, 60)
    assert (report.step, len(report.losses)) == (120, 120)
    assert [snapshot.step for snapshot in report.snapshots][:5] == [0, 1, 2, 5, 10]
    half, _ = advance(b"", config, 60, 47)
    assert advance(half, config, 60)[0] == whole


@pytest.mark.parametrize("name", FAMILIES)
def test_a_state_of_another_shape_is_refused_in_words(name: str) -> None:
    trainer = make(name)
    state = copied(trainer)
    state["weights"] = state["weights"][:-1]
    with pytest.raises(UserError, match="start a new run"):
        trainer.load_state_dict(state)


@pytest.mark.parametrize("name", FAMILIES)
def test_weights_that_are_not_finite_stop_the_training(name: str) -> None:
    trainer = make(name)
    trainer.weights[:] = np.nan
    with pytest.raises(DivergedError, match=r"diverged at step \d+.*[Tt]ry"):
        trainer.train(5)


@pytest.mark.parametrize("name", FAMILIES)
def test_clipping_is_a_live_setting_of_every_family(name: str) -> None:
    trainer = make(name, clip="none")
    trainer.train(3)
    before = trainer.weights.copy()
    rate = {"learning_rate": 0.5} | ({} if trainer.data is CLOUDS else {"optimizer": "sgd"})
    trainer.config = trainer.config.with_train(clip="norm", clip_threshold=1e-3, **rate)
    trainer.train(1)
    assert {"clip", "clip_threshold"} <= type(trainer.config.train).live_fields()
    if name != "rnn":  # AdaGrad rescales what clipping leaves
        assert np.linalg.norm(trainer.weights - before) <= 0.5e-3 * 1.01


def test_a_divergence_comes_back_from_a_worker_as_it_is() -> None:
    error = pickle.loads(pickle.dumps(DivergedError("too far", np.ones(3, np.float32))))
    assert str(error) == "too far"
    assert error.losses.tolist() == [1, 1, 1]


def test_an_untrained_classifier_guesses_uniformly() -> None:
    assert make("softmax-regression").evaluate("train") == pytest.approx(math.log(2))


@given(st.integers(0, 10**7), st.integers(100, 10**6))
def test_the_next_snapshot_is_the_first_that_is_due(step: int, every: int) -> None:
    following = next_snapshot_step(step, every)
    assert following > step
    assert is_snapshot_step(following, every)
    between = {*range(step + 1, min(following, step + 200)), *range(max(step + 1, following - 200), following)}
    assert not any(is_snapshot_step(other, every) for other in between)


def test_snapshots_are_log_spaced_and_regular() -> None:
    steps = [step for step in range(1001) if is_snapshot_step(step, 300)]
    assert steps == [0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 600, 900, 1000]
