"""Linear and multilayer classifiers from scratch: numbers of the literature, oracles, runs like any other."""

import math
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from sklearn.linear_model import LogisticRegression

from lmcore import families
from lmcore.data import datasets
from lmcore.data.datasets import DataConfig
from lmcore.errors import UserError
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.generation.sampling import SampleConfig
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training.classifier import (
    CLIPPED,
    MAX_EVENTS,
    RATE_CHANGED,
    STOPPED,
    ClassifierTrainer,
    epoch_order,
    steps_per_epoch,
)
from lmcore.training.clipping import clip_gradient
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.trainer import DivergedError

REFERENCE = {"features": 3, "classes": 4, "learning_rate": 0.01}


def config(**given: Any) -> ClassifierRunConfig:
    return run_config_from_settings({"family": "softmax-regression", "dev_share": 0} | given)


def trained(**given: Any) -> ClassifierTrainer:
    trainer = make_trainer(config(**given))
    trainer.train(trainer.config.train.steps)
    return trainer


# ---------------------------------------------------------------- numbers of the literature


def test_batch_descent_ends_where_the_literature_says() -> None:
    # A thousand passes do not reach the optimum, so the loss depends on the start, which was not published; from
    # weights between 0 and 1, as np.random.rand draws them, it is this.
    trainer = trained(**REFERENCE, descent="batch", steps=1000, initialization="uniform")
    assert trainer.metrics("train")["loss"] == pytest.approx(0.42, abs=0.01)
    assert trainer.metrics("test")["accuracy"] == 0.90


@pytest.mark.slow
def test_stochastic_descent_ends_where_the_literature_says() -> None:
    trainer = trained(**REFERENCE, descent="stochastic", steps=160_000)
    assert trainer.examples == 1000 * 160
    assert trainer.metrics("train")["loss"] == pytest.approx(0.265, abs=0.01)
    assert trainer.metrics("test")["accuracy"] == 0.925


def test_untrained_zeros_guess() -> None:
    trainer = make_trainer(config(**REFERENCE))
    assert trainer.metrics("train")["loss"] == pytest.approx(math.log(4), abs=1e-12)


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ({"family": "softmax-regression", "learning_rate": 0.5}, 0.95),
        ({"family": "mlp-classifier", "learning_rate": 0.2}, 0.975),
    ],
)
def test_digits_are_read(given: dict[str, Any], least: float) -> None:
    trainer = trained(source="digits", steps=3000, **given)
    assert len(trainer.data.y_test) == 360
    assert trainer.metrics("test")["accuracy"] >= least


@pytest.mark.parametrize(
    ("given", "family"),
    [
        ({"source": "clouds", "classes": 3, "separation": 0.7}, "softmax-regression"),
        ({"source": "moons", "noise": 0.3}, "logistic-regression"),
    ],
)
def test_the_optimum_is_scikit_learns(given: dict[str, Any], family: str) -> None:
    trainer = trained(**given, family=family, descent="batch", learning_rate=1.0, steps=6000)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    theirs.fit(trainer.data.X_train, trainer.data.y_train)
    X = trainer.data.X_test
    ours = np.exp(trainer.model.log_probabilities(trainer.model.prepare(X)))
    np.testing.assert_allclose(ours, theirs.predict_proba(X), rtol=0, atol=1e-3)


# ---------------------------------------------------------------- schedules, clipping, stopping

QUICK = {"descent": "batch", "learning_rate": 0.5, "examples": 60}


def events(trainer: ClassifierTrainer, kind: float) -> list[list[float]]:
    return [event[1:] for event in trainer.events if event[0] == kind]


def test_step_decay_multiplies_the_rate_and_is_noted() -> None:
    trainer = trained(**QUICK, schedule="step", decay_every=10, factor=0.5, steps=25)
    assert trainer.learning_rate == 0.125
    assert events(trainer, RATE_CHANGED) == [[10, 10, 0.25], [20, 20, 0.125]]


def test_a_long_run_keeps_its_first_events() -> None:
    trainer = trained(**QUICK, schedule="step", decay_every=1, factor=0.999, steps=MAX_EVENTS + 5)
    assert [last for _, last, _ in events(trainer, RATE_CHANGED)] == list(range(1, MAX_EVENTS + 1))


def test_a_plateau_lowers_the_rate_after_patience_passes_without_progress() -> None:
    # Nothing can fall by 10 nats: the first pass sets the best, then each third one is a plateau.
    trainer = trained(**QUICK, schedule="plateau", patience=3, min_change=10, factor=0.1, steps=8)
    assert events(trainer, RATE_CHANGED) == [[4, 4, pytest.approx(0.05)], [7, 7, pytest.approx(0.005)]]
    falling = trained(**QUICK, schedule="plateau", patience=3, min_change=0, steps=20)
    assert falling.learning_rate == 0.5  # batch descent makes progress at each pass


def test_early_stopping_ends_the_run_and_says_why() -> None:
    trainer = make_trainer(config(**QUICK, early_stopping=True, stop_patience=4, min_change=10, steps=100))
    assert len(trainer.train(100)) == 5
    assert trainer.stop_reason.startswith("Early stopping at step 5: in 4 epochs the train loss did not improve by 10")
    assert events(trainer, STOPPED) == [[5, 5, pytest.approx(float(trainer.evaluate("train") or 0), abs=0.2)]]
    report = make_trainer(trainer.config).train_for(10)
    assert (len(report.losses), report.snapshots[-1].step, report.diverged) == (5, 5, "")
    assert report.stopped == trainer.stop_reason


def test_early_stopping_watches_the_dev_loss_where_there_is_one() -> None:
    given = {"source": "moons", "noise": 0.5, "family": "mlp-classifier", "hidden": 60, "learning_rate": 0.5}
    settings = {"early_stopping": True, "stop_patience": 20, "steps": 20_000}
    trainer = make_trainer(config(**given, **settings, dev_share=0.2))
    trainer.train(20_000)
    assert "dev loss" in trainer.stop_reason
    assert trainer.evaluate("dev") > trainer.stopping.best  # it had begun to rise
    assert make_trainer(config(**given, **settings, dev_share=0)).watched == "train"
    assert make_trainer(config(**given, **settings, dev_share=0.2, watch="train")).watched == "train"


def test_the_test_split_is_not_measured_unless_asked_for() -> None:
    trainer = make_trainer(config(steps=100, dev_share=0.2))
    report = trainer.train_for(10)
    assert set(report.snapshots[-1].metrics) == {"train/loss", "train/accuracy", "dev/loss", "dev/accuracy"}
    assert trainer.metrics("test").keys() == {"loss", "accuracy"}
    assert set(make_trainer(config(steps=100)).snapshot().metrics) == {"train/loss", "train/accuracy"}


def test_clipping_by_norm_and_by_value_holds_back_and_is_noted() -> None:
    gradient = np.array([3.0, -4.0, 0.0])
    assert clip_gradient(gradient, "norm", 1.0)
    np.testing.assert_allclose(gradient, [0.6, -0.8, 0])
    assert not clip_gradient(gradient, "norm", 1.0 + 1e-9)
    assert clip_gradient(gradient, "value", 0.7)
    np.testing.assert_allclose(gradient, [0.6, -0.7, 0])
    assert not clip_gradient(gradient, "value", 0.7)
    for by in ("norm", "value"):
        trainer = trained(**QUICK, clip=by, clip_threshold=0.01, steps=20)
        assert events(trainer, CLIPPED) == [[1, 20, 20]]  # every one of the first twenty steps
        assert events(trained(**QUICK, clip=by, clip_threshold=100, steps=20), CLIPPED) == []


@pytest.mark.parametrize("by", ["norm", "value"])
def test_stochastic_descent_is_clipped_as_well(by: str) -> None:
    given = {
        "descent": "stochastic",
        "examples": 60,
        "clip": by,
        "clip_threshold": 0.05,
        "steps": 96,
        "learning_rate": 1.0,
    }
    start, end = make_trainer(config(**given)).model.theta, trained(**given).model.theta
    assert 0 < np.linalg.norm(end - start) <= 96 * 0.05 * (1 if by == "norm" else math.sqrt(len(start)))
    assert events(trained(**given), CLIPPED)[0][2] > 30


def test_a_pass_shows_every_example_once() -> None:
    orders = [epoch_order(5, number, 50) for number in range(2)]
    for rows in orders:
        np.testing.assert_array_equal(np.sort(rows), np.arange(50))
    assert not np.array_equal(*orders)


@pytest.mark.parametrize(("descent", "steps"), [("batch", 1), ("minibatch", 5), ("stochastic", 48)])
def test_steps_of_a_pass(descent: str, steps: int) -> None:
    trainer = trained(descent=descent, batch_size=10, examples=60, steps=2 * steps)
    assert steps_per_epoch(trainer.config.train, 48) == steps
    assert trainer.examples == 96


def test_a_divergence_names_the_remedy() -> None:
    for descent in ("batch", "minibatch", "stochastic"):
        with pytest.raises(DivergedError, match=r"The learning rate of 1000 is too large. Try a learning rate of 0\.1"):
            trained(descent=descent, learning_rate=1000, separation=0.1, steps=500)


# ---------------------------------------------------------------- runs like any other

RUNS = [
    {"descent": "stochastic", "steps": 500},
    {"descent": "stochastic", "steps": 500, "clip": "norm", "clip_threshold": 0.2, "family": "logistic-regression"}
    | {"source": "moons"},
    {"descent": "minibatch", "steps": 300, "schedule": "plateau", "patience": 2, "min_change": 0.01},
    {"descent": "batch", "steps": 60, "schedule": "step", "decay_every": 7},
    {
        "family": "mlp-classifier",
        "hidden": 9,
        "hidden_layers": 2,
        "steps": 200,
        "clip": "value",
        "clip_threshold": 0.02,
    },
]


@pytest.mark.parametrize("given", RUNS, ids=lambda given: given.get("family") or given["descent"])
def test_pauses_leave_no_trace_in_any_bit(given: dict[str, Any]) -> None:
    settings = config(**given)
    straight = make_trainer(settings)
    straight.train(settings.train.steps)
    generator, state = np.random.default_rng(1), b""
    trainer = make_trainer(settings)
    while trainer.step < settings.train.steps:
        trainer.train(min(int(generator.integers(1, 60)), settings.train.steps - trainer.step))
        state = safetensors.numpy.save(trainer.state_dict())
        trainer = make_trainer(settings)
        trainer.load_state_dict(safetensors.numpy.load(state))
    assert state == safetensors.numpy.save(straight.state_dict())


def test_slices_are_pure_and_name_the_task() -> None:
    settings = config(steps=400, evaluate_every=100)
    first, report = advance(b"", settings.model_dump(), 0.0)
    again, _ = advance(b"", settings.model_dump(), 0.0)
    assert first == again
    assert report.step == 1
    _, changed = advance(
        first, settings.model_dump() | {"train": settings.train.updated(learning_rate=9).model_dump()}, 5
    )
    assert changed.step == 400


def test_a_run_of_a_classifier_survives_its_bytes_and_early_stopping_finishes_it() -> None:
    run = Run(config(**QUICK, early_stopping=True, stop_patience=4, min_change=10, steps=100))
    store = Store()
    store.create(run)
    run.status = Status.RUNNING
    run.fold(*advance(*run.next_slice(), 5.0))
    assert (run.status, run.step) == (Status.FINISHED, 5)
    assert run.message.startswith("Early stopping at step 5")
    store.save(run.id, run.encode())
    found = store.load(run.id)
    assert found.config == run.config
    assert isinstance(found.config, ClassifierRunConfig)
    assert found.cpu_seconds == run.cpu_seconds > 0
    assert [snapshot.cpu_seconds for snapshot in found.snapshots] == [
        snapshot.cpu_seconds for snapshot in run.snapshots
    ]
    assert found.snapshots[-1].cpu_seconds > 0
    for one, other in zip(found.snapshots, run.snapshots, strict=True):
        np.testing.assert_array_equal(one.arrays["weights"], other.arrays["weights"])
        np.testing.assert_array_equal(one.arrays["events"], other.arrays["events"])
    assert store.headers()[0].config.family == "softmax-regression"


def test_a_stopped_run_that_is_resumed_gets_its_patience_again() -> None:
    run = Run(config(**QUICK, early_stopping=True, stop_patience=4, min_change=10, steps=100))
    run.fold(*advance(*run.next_slice(), 5.0))
    run.fold(*advance(*run.next_slice(), 5.0))
    assert run.step == 9


def test_only_what_may_change_changes_during_a_run() -> None:
    run = Run(config())
    run.change({"learning_rate": 0.5, "descent": "stochastic"})
    with pytest.raises(UserError, match="seed cannot change"):
        run.change({"seed": 3})


def test_snapshots_keep_the_weights_of_their_step() -> None:
    report = make_trainer(config(steps=200, evaluate_every=100)).train_for(10)
    assert [snapshot.step for snapshot in report.snapshots] == [0, 1, 2, 5, 10, 20, 50, 100, 200]
    for snapshot in report.snapshots:
        trainer = make_trainer(config(steps=200))
        trainer.load_weights(snapshot.arrays)
        assert trainer.evaluate("train") == snapshot.loss("train")
        assert trainer.metrics("train")["accuracy"] == snapshot.metric("accuracy", "train")
    seconds = [snapshot.cpu_seconds for snapshot in report.snapshots]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"family": "logistic-regression", "classes": 3}, "separates 2 classes, but the data have 3"),
        ({"descent": "dance"}, "descent = 'dance' is not valid"),
        ({"hidden": 9}, "There is no setting 'hidden'"),
        ({"source": "cifar-10"}, "not on this computer yet"),
    ],
)
def test_what_cannot_be_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        make_trainer(config(**given))


def test_a_family_that_does_not_exist_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="There is no model family"):
        config(family="forest")


def test_too_much_work_a_step_is_refused_in_words() -> None:
    given = {"source": "digits", "family": "mlp-classifier", "hidden": 1024, "hidden_2": 1024, "hidden_3": 1024}
    with pytest.raises(UserError, match="times the limit"):
        make_trainer(config(**given, hidden_layers=3, descent="batch"))


def test_a_classifier_writes_nothing() -> None:
    with pytest.raises(UserError, match="does not write text"):
        make_trainer(config()).sample(SampleConfig())


def test_the_tasks_trainer_and_data_are_made_from_plain_data() -> None:
    settings = config(source="moons", family="logistic-regression", data_seed=4, seed=9)
    found = families.run_config(settings.model_dump())
    assert found == settings
    assert (found.train.seed, found.data.seed) == (9, 4)
    assert isinstance(families.make_trainer(found), ClassifierTrainer)
    assert families.load_data(found) is datasets.load(DataConfig(source="moons", seed=4, dev_share=0))
