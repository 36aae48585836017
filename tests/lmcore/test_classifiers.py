"""Linear and multilayer classifiers from scratch: numbers of the literature, oracles, runs like any other."""

import math
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from lmcore.data import datasets
from lmcore.data.datasets import DataConfig
from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig
from lmcore.models import numpy_linear, numpy_mlp
from lmcore.models.numpy_linear import LinearClassifier, LogisticConfig, SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifier, MLPClassifierConfig
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training import classifiers, trainers
from lmcore.training.classifiers import CLIPPED, RATE, STOPPED, ClassifierRunConfig, ClassifierTrainer
from lmcore.training.training import DivergedError, StoppedEarly, train_for

REFERENCE = {"features": 3, "classes": 4, "learning_rate": 0.01}


def config(**given: Any) -> ClassifierRunConfig:
    return ClassifierRunConfig.from_flat(given)


def trained(**given: Any) -> ClassifierTrainer:
    trainer = ClassifierTrainer(config(**given))
    trainer.train(trainer.config.train.steps)
    return trainer


# ---------------------------------------------------------------- numbers of the literature


def test_batch_descent_ends_where_the_literature_says() -> None:
    # A thousand passes do not reach the optimum, so the loss depends on the start, which was not published; from
    # weights between 0 and 1, as np.random.rand draws them, it is this.
    trainer = trained(**REFERENCE, descent="batch", steps=1000, start="uniform")
    assert trainer.measure("train")[0] == pytest.approx(0.42, abs=0.01)
    assert trainer.measure("test")[1] == 0.90


def test_stochastic_descent_ends_where_the_literature_says() -> None:
    trainer = trained(**REFERENCE, descent="stochastic", steps=160_000)
    assert trainer.seen == 1000 * 160
    assert trainer.measure("train")[0] == pytest.approx(0.265, abs=0.01)
    assert trainer.measure("test")[1] == 0.925


def test_untrained_zeros_guess() -> None:
    trainer = ClassifierTrainer(config(**REFERENCE))
    assert trainer.measure("train")[0] == pytest.approx(math.log(4), abs=1e-12)


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
    assert trainer.measure("test")[1] >= least


# ---------------------------------------------------------------- gradients

CASES = [
    (SoftmaxConfig(start="normal"), 3),
    (LogisticConfig(start="normal"), 2),
    (MLPClassifierConfig(hidden=7), 3),
    (MLPClassifierConfig(hidden=7, hidden_2=5, hidden_layers=2, activation="tanh"), 3),
    (MLPClassifierConfig(hidden=7, hidden_2=5, hidden_3=4, hidden_layers=3), 4),
    (MLPClassifierConfig(hidden=6, hidden_2=5, hidden_3=4, hidden_layers=3, activation="tanh", initial="0.01"), 4),
]


def model_of(kind: Any, classes: int, D: int = 5) -> LinearClassifier | MLPClassifier:
    make = MLPClassifier if isinstance(kind, MLPClassifierConfig) else LinearClassifier
    model = make(kind, D, classes, np.random.default_rng(3))
    if isinstance(model, MLPClassifier):
        for b in model.b:
            b[:] = np.random.default_rng(4).standard_normal(len(b)) / 10
    return model


def batch(classes: int, N: int = 11, D: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    return generator.standard_normal((N, D)), generator.integers(0, classes, N)


@pytest.mark.parametrize(("kind", "classes"), CASES, ids=lambda case: getattr(case, "family", str(case)))
def test_gradients_agree_with_central_differences(kind: Any, classes: int) -> None:
    model, (X, y) = model_of(kind, classes), batch(classes)
    X = model.prepared(X)
    _, gradient = model.loss_and_gradient(X, y)
    assert gradient.shape == model.theta.shape
    h, numeric = 1e-5, np.empty_like(gradient)
    for i in range(len(model.theta)):
        kept = model.theta[i]
        model.theta[i] = kept + h
        above, _ = model.loss_and_gradient(X, y)
        model.theta[i] = kept - h
        below, _ = model.loss_and_gradient(X, y)
        model.theta[i] = kept
        numeric[i] = (above - below) / (2 * h)
    assert np.abs(gradient).max() > 1e-3  # there is something to compare
    np.testing.assert_allclose(gradient, numeric, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("kind", "classes"), CASES, ids=lambda case: getattr(case, "family", str(case)))
def test_gradients_agree_with_autograd(kind: Any, classes: int) -> None:
    model, (X, y) = model_of(kind, classes), batch(classes)
    loss, gradient = model.loss_and_gradient(model.prepared(X), y)
    theta = torch.from_numpy(model.theta.copy()).requires_grad_()
    expected = _torch_loss(model, theta, torch.from_numpy(X), torch.from_numpy(y))
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    np.testing.assert_allclose(gradient, theta.grad.numpy(), rtol=0, atol=1e-12)


def _torch_loss(model: Any, theta: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The same loss, written with PyTorch's own layers."""
    if isinstance(model, LinearClassifier):
        weights = theta.reshape(model.shape)
        scores = X @ weights[1:] + weights[0]
        if model.binary:
            return torch.nn.functional.binary_cross_entropy_with_logits(scores[:, 0], y.double())
        return torch.nn.functional.cross_entropy(scores, y)
    h, at = X, 0
    for inputs, outputs in zip(model.sizes[:-1], model.sizes[1:], strict=True):
        W = theta[at : at + inputs * outputs].reshape(inputs, outputs)
        at += inputs * outputs
        h = h @ W + theta[at : at + outputs]
        at += outputs
        if at < len(theta):
            h = torch.relu(h) if model.config.activation == "relu" else torch.tanh(h)
    return torch.nn.functional.cross_entropy(h, y)


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
    ours = np.exp(trainer.model.log_probabilities(trainer.model.prepared(X)))
    np.testing.assert_allclose(ours, theirs.predict_proba(X), rtol=0, atol=1e-3)


# ---------------------------------------------------------------- one example at a time


def plain(theta: np.ndarray, X: np.ndarray, y: np.ndarray, rate: float, clip: float) -> list[float]:
    """The textbook's loop."""
    losses = []
    for x, target in zip(X, y, strict=True):
        z = np.dot(x, theta)
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        losses.append(-np.log(p[target]))
        p[target] -= 1
        gradient = np.outer(x, p)
        theta -= rate * gradient * min(1, clip / max(np.linalg.norm(gradient), 1e-300))
    return losses


@given(
    N=st.integers(1, 120),
    D=st.integers(1, 8),
    K=st.integers(2, 6),
    rate=st.floats(0, 1),
    clip=st.sampled_from([math.inf, 0.3]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_the_fast_loop_has_the_numbers_of_the_plain_one(
    N: int, D: int, K: int, rate: float, clip: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    X, y = numpy_linear.augmented(generator.standard_normal((N, D))), generator.integers(0, K, N)
    ours = generator.standard_normal((D + 1, K))
    theirs = ours.copy()
    losses, clipped = numpy_linear.stochastic(ours, X, y, [rate] * N, clip)
    np.testing.assert_allclose(losses, plain(theirs, X, y, rate, clip), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
    assert (clip == math.inf) <= (clipped == [])


def test_the_fast_loop_serves_logistic_regression_too() -> None:
    X, y = batch(2, 100)
    ours = LinearClassifier(LogisticConfig(start="normal"), 5, 2, np.random.default_rng(0))
    theirs = LinearClassifier(LogisticConfig(start="normal"), 5, 2, np.random.default_rng(0))
    augmented = ours.prepared(X)
    losses, _ = ours.stochastic(augmented, y, [0.3] * 100)
    for i in range(100):
        loss, gradient = theirs.loss_and_gradient(augmented[i : i + 1], y[i : i + 1])
        assert losses[i] == pytest.approx(loss, abs=1e-12)
        theirs.theta -= 0.3 * gradient
    np.testing.assert_allclose(ours.theta, theirs.theta, atol=1e-12)


def test_no_score_is_too_large() -> None:
    huge = np.array([[1e6, -1e6, 0.0]])
    np.testing.assert_allclose(numpy_linear.log_softmax(huge), [[0, -2e6, -1e6]])
    np.testing.assert_array_equal(numpy_linear.sigmoid(np.array([-1e6, 0, 1e6])), [0, 0.5, 1])


# ---------------------------------------------------------------- schedules, clipping, stopping

QUICK = {"descent": "batch", "learning_rate": 0.5, "examples": 60}


def events(trainer: ClassifierTrainer, kind: float) -> list[list[float]]:
    return [event[1:] for event in trainer.events if event[0] == kind]


def test_step_decay_multiplies_the_rate_and_is_noted() -> None:
    trainer = trained(**QUICK, schedule="step", decay_every=10, factor=0.5, steps=25)
    assert trainer.rate == 0.125
    assert events(trainer, RATE) == [[10, 10, 0.25], [20, 20, 0.125]]


def test_a_plateau_lowers_the_rate_after_patience_passes_without_progress() -> None:
    # Nothing can fall by 10 nats: the first pass sets the best, then each third one is a plateau.
    trainer = trained(**QUICK, schedule="plateau", patience=3, min_change=10, factor=0.1, steps=8)
    assert events(trainer, RATE) == [[4, 4, pytest.approx(0.05)], [7, 7, pytest.approx(0.005)]]
    falling = trained(**QUICK, schedule="plateau", patience=3, min_change=0, steps=20)
    assert falling.rate == 0.5  # batch descent makes progress at each pass


def test_early_stopping_ends_the_run_and_says_why() -> None:
    trainer = ClassifierTrainer(config(**QUICK, early_stopping=True, stop_patience=4, min_change=10, steps=100))
    with pytest.raises(StoppedEarly, match=r"Stopped early at step 5: in 4 passes the loss on train did not fall by"):
        trainer.train(100)
    assert events(trainer, STOPPED) == [[5, 5, pytest.approx(float(trainer.evaluate("train") or 0), abs=0.2)]]
    result = train_for(ClassifierTrainer(trainer.config), 10)
    assert (len(result.losses), result.snapshots[-1].step, result.diverged) == (5, 5, "")
    assert "Stopped early" in result.stopped


def test_early_stopping_can_watch_the_test_loss() -> None:
    given = {"source": "moons", "noise": 0.5, "family": "mlp-classifier", "hidden": 60, "learning_rate": 0.5}
    trainer = ClassifierTrainer(config(**given, watch="test", early_stopping=True, stop_patience=20, steps=20_000))
    with pytest.raises(StoppedEarly, match="on test"):
        trainer.train(20_000)
    assert (trainer.evaluate("test") or 0) > trainer.stop_best  # it had begun to rise


def test_clipping_by_norm_and_by_value_holds_back_and_is_noted() -> None:
    gradient = np.array([3.0, -4.0, 0.0])
    assert numpy_mlp.clip(gradient, "norm", 1.0)
    np.testing.assert_allclose(gradient, [0.6, -0.8, 0])
    assert not numpy_mlp.clip(gradient, "norm", 1.0 + 1e-9)
    assert numpy_mlp.clip(gradient, "value", 0.7)
    np.testing.assert_allclose(gradient, [0.6, -0.7, 0])
    assert not numpy_mlp.clip(gradient, "value", 0.7)
    for by in ("norm", "value"):
        trainer = trained(**QUICK, clip=by, clip_at=0.01, steps=20)
        assert events(trainer, CLIPPED) == [[1, 20, 20]]  # every one of the first twenty steps
        assert events(trained(**QUICK, clip=by, clip_at=100, steps=20), CLIPPED) == []


@pytest.mark.parametrize("by", ["norm", "value"])
def test_stochastic_descent_is_clipped_as_well(by: str) -> None:
    given = {"descent": "stochastic", "examples": 60, "clip": by, "clip_at": 0.05, "steps": 96, "learning_rate": 1.0}
    start, end = ClassifierTrainer(config(**given)).model.theta, trained(**given).model.theta
    assert 0 < np.linalg.norm(end - start) <= 96 * 0.05 * (1 if by == "norm" else math.sqrt(len(start)))
    assert events(trained(**given), CLIPPED)[0][2] > 30


def test_a_pass_shows_every_example_once() -> None:
    orders = [classifiers.order(5, number, 50) for number in range(2)]
    for rows in orders:
        np.testing.assert_array_equal(np.sort(rows), np.arange(50))
    assert not np.array_equal(*orders)


@pytest.mark.parametrize(("descent", "steps"), [("batch", 1), ("minibatch", 5), ("stochastic", 48)])
def test_steps_of_a_pass(descent: str, steps: int) -> None:
    trainer = trained(descent=descent, batch_size=10, examples=60, steps=2 * steps)
    assert classifiers.steps_a_pass(trainer.config.train, 48) == steps
    assert trainer.seen == 96


def test_divergence_is_told_in_words() -> None:
    for descent in ("batch", "minibatch", "stochastic"):
        with pytest.raises(DivergedError, match="Try a learning rate of 100, or clipping"):
            trained(descent=descent, learning_rate=1000, separation=0.1, steps=500)


# ---------------------------------------------------------------- runs like any other

RUNS = [
    {"descent": "stochastic", "steps": 500},
    {"descent": "stochastic", "steps": 500, "clip": "norm", "clip_at": 0.2, "family": "logistic-regression"}
    | {"source": "moons"},
    {"descent": "minibatch", "steps": 300, "schedule": "plateau", "patience": 2, "min_change": 0.01},
    {"descent": "batch", "steps": 60, "schedule": "step", "decay_every": 7},
    {"family": "mlp-classifier", "hidden": 9, "hidden_layers": 2, "steps": 200, "clip": "value", "clip_at": 0.02},
]


@pytest.mark.parametrize("given", RUNS, ids=lambda given: given.get("family") or given["descent"])
def test_pauses_leave_no_trace_in_any_bit(given: dict[str, Any]) -> None:
    settings = config(**given)
    straight = ClassifierTrainer(settings)
    straight.train(settings.train.steps)
    generator, state = np.random.default_rng(1), b""
    trainer = ClassifierTrainer(settings)
    while trainer.step < settings.train.steps:
        trainer.train(min(int(generator.integers(1, 60)), settings.train.steps - trainer.step))
        state = safetensors.numpy.save(trainer.state())
        trainer = ClassifierTrainer(settings)
        trainer.restore(safetensors.numpy.load(state))
    assert state == safetensors.numpy.save(straight.state())


def test_slices_are_pure_and_name_the_task() -> None:
    settings = config(steps=400, evaluate_every=100)
    first, report = advance(b"", settings.model_dump(), 0.0)
    again, _ = advance(b"", settings.model_dump(), 0.0)
    assert first == again
    assert report["step"] == 1
    _, changed = advance(
        first, settings.model_dump() | {"train": settings.train.updated(learning_rate=9).model_dump()}, 5
    )
    assert changed["step"] == 400


def test_a_run_of_a_classifier_survives_its_bytes_and_early_stopping_finishes_it() -> None:
    run = Run(config(**QUICK, early_stopping=True, stop_patience=4, min_change=10, steps=100))
    store = Store()
    store.create(run)
    run.status = Status.RUNNING
    run.fold(*advance(*run.next_slice(), 5.0))
    assert (run.status, run.step) == (Status.FINISHED, 5)
    assert "Stopped early" in run.message
    store.save(run.id, run.to_bytes())
    found = store.load(run.id)
    assert found.config == run.config
    assert isinstance(found.config, ClassifierRunConfig)
    assert found.training == run.training > 0
    assert [snapshot.training for snapshot in found.snapshots] == [snapshot.training for snapshot in run.snapshots]
    assert found.snapshots[-1].training > 0
    for one, other in zip(found.snapshots, run.snapshots, strict=True):
        np.testing.assert_array_equal(one.arrays["theta"], other.arrays["theta"])
        np.testing.assert_array_equal(one.arrays["events"], other.arrays["events"])
    assert store.headers()[0].config.family == "softmax-regression"


def test_a_stopped_run_that_is_resumed_gets_its_patience_again() -> None:
    run = Run(config(**QUICK, early_stopping=True, stop_patience=4, min_change=10, steps=100))
    run.fold(*advance(*run.next_slice(), 5.0))
    run.fold(*advance(*run.next_slice(), 5.0))
    assert run.step == 9


def test_only_what_may_change_changes_in_mid_run() -> None:
    run = Run(config())
    run.change({"learning_rate": 0.5, "descent": "stochastic"})
    with pytest.raises(UserError, match="seed cannot change"):
        run.change({"seed": 3})


def test_snapshots_keep_the_weights_of_their_step() -> None:
    result = train_for(ClassifierTrainer(config(steps=200, evaluate_every=100)), 10)
    assert [snapshot.step for snapshot in result.snapshots] == [0, 1, 2, 5, 10, 20, 50, 100, 200]
    for snapshot in result.snapshots:
        trainer = ClassifierTrainer(config(steps=200))
        trainer.restore_weights(snapshot.arrays)
        assert trainer.evaluate("train") == snapshot.train
        assert trainer.evaluate("test") == snapshot.dev
    seconds = [snapshot.training for snapshot in result.snapshots]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"family": "logistic-regression", "classes": 3}, "two classes apart, and here are 3"),
        ({"descent": "dance"}, "descent = 'dance' does not fit"),
        ({"hidden": 9}, "There is no setting 'hidden'"),
        ({"source": "cifar-10"}, "not on this computer yet"),
    ],
)
def test_what_cannot_be_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        ClassifierTrainer(config(**given))


def test_a_family_that_does_not_exist_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="choose from: softmax-regression"):
        config(family="forest")


def test_too_much_work_a_step_is_refused_in_words() -> None:
    given = {"source": "digits", "family": "mlp-classifier", "hidden": 1024, "hidden_2": 1024, "hidden_3": 1024}
    with pytest.raises(UserError, match="times what is allowed"):
        ClassifierTrainer(config(**given, hidden_layers=3, descent="batch"))


def test_another_models_state_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="The checkpoint holds"):
        ClassifierTrainer(config(classes=2)).restore(ClassifierTrainer(config(classes=3)).state())


def test_a_classifier_writes_nothing() -> None:
    with pytest.raises(UserError, match="writes nothing"):
        ClassifierTrainer(config()).sample(SampleConfig())


def test_the_tasks_trainer_and_data_are_made_from_plain_data() -> None:
    settings = config(source="moons", family="logistic-regression", data_seed=4, seed=9)
    found = trainers.config_of(settings.model_dump())
    assert found == settings
    assert (found.train.seed, found.data.seed) == (9, 4)
    assert isinstance(trainers.make(found), ClassifierTrainer)
    assert trainers.material(found) is datasets.load(DataConfig(source="moons", seed=4))
