"""What classifiers decide, in records whose values are known; and their figures."""

import json
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from lmcore.training.training import train_for

from lmcore.data import datasets, images
from lmcore.data.datasets import DataConfig
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.figures import classifiers as figures
from lmcore.inspection import decision_regions
from lmcore.training.classifier import ClassifierTrainer
from lmcore.training.history import History


def trainer_of(steps: int = 0, **given: Any) -> ClassifierTrainer:
    trainer = ClassifierTrainer(run_config_from_settings(given | {"steps": max(steps, 1)}))
    if steps:
        trainer.train(steps)
    return trainer


def drawn(figure: go.Figure, *titles: str) -> go.Figure:
    """The figure, validated by plotly, with these words on its axes."""
    checked = go.Figure(figure.to_dict())  # raises where plotly knows no such setting
    text = json.dumps(json.loads(checked.to_json()), ensure_ascii=False)
    for title in titles:
        assert title in text
    return figure


def with_weights(theta: list[list[float]], **given: Any) -> ClassifierTrainer:
    """A linear classifier whose weights are known."""
    trainer = trainer_of(**given)
    trainer.model.theta[:] = np.array(theta, float).ravel()
    return trainer


# The score of B is 4 x1, of A zero: the boundary is x1 = 0.
UPRIGHT = [[0, 0], [0, 4], [0, 0]]


def test_regions_follow_the_known_weights() -> None:
    trainer = with_weights(UPRIGHT, classes=2)
    record = decision_regions.regions(trainer.model, trainer.data, points=41)
    assert record.axes == ("x1", "x2")
    right = record.x > 0
    assert (record.winner == right).all()
    np.testing.assert_allclose(record.certainty[0], 1 / (1 + np.exp(-4 * np.abs(record.x))), atol=1e-12)
    np.testing.assert_allclose(record.margins[1], -record.margins[0], atol=1e-12)
    X, y = trainer.data.split("train")
    np.testing.assert_array_equal(record.train.at, X)
    np.testing.assert_array_equal(record.train.guesses, X[:, 0] > 0)
    wrong = sum((cloud.classes != cloud.guesses).sum() for cloud in (record.train, record.test))
    figure = drawn(figures.regions(record), "x1", "x2", f"mistaken: {wrong}", "A, train", "B, test")
    assert len(figure.data[-1].x) == wrong
    assert ((y == 1) != (X[:, 0] > 0)).sum() <= wrong


def test_regions_of_normalized_data_are_drawn_in_their_own_units() -> None:
    trainer = with_weights(UPRIGHT, classes=2, source="blobs", normalize=True)
    record = decision_regions.regions(trainer.model, trainer.data, points=41)
    assert (record.winner[0] == (record.x > trainer.data.mean[0])).all()


def test_more_features_are_seen_in_their_principal_components() -> None:
    data = datasets.load(DataConfig(source="blobs", features=5))
    plane = decision_regions.plane(data)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    first, second = plane.project(data.X_train).var(0)
    assert first >= second >= data.X_train.var(0).min()
    share = first / data.X_train.var(0).sum()
    assert f"({share:.0%} of the variance)" in plane.axes[0]
    trainer = trainer_of(200, source="blobs", features=5)
    drawn(figures.regions(decision_regions.regions(trainer.model, trainer.data, 20)), "principal component 1")


def test_planes_lie_where_the_two_first_classes_are_equally_probable() -> None:
    trainer = trainer_of(500, features=3, classes=4, learning_rate=0.5)
    record = decision_regions.space(trainer.model, trainer.data)
    assert record.facets
    for facet in record.facets:
        points = np.stack([facet.x, facet.y, facet.z], -1).reshape(-1, 3)
        points = points[np.isfinite(points).all(1)]
        assert len(points)
        p = np.sort(decision_regions.probabilities(trainer.model, points), axis=1)
        np.testing.assert_allclose(p[:, -1], p[:, -2], atol=1e-6)
        named = decision_regions.probabilities(trainer.model, points)[:, list(facet.classes)]
        np.testing.assert_allclose(named.max(1), p[:, -1], atol=1e-6)
    drawn(figures.space(record), "x3", "between A | B")
    with pytest.raises(UserError, match="three features"):
        decision_regions.space(trainer_of().model, trainer_of().data)


def test_planes_of_logistic_regression() -> None:
    trainer = trainer_of(100, features=3, classes=2, family="logistic-regression")
    (facet,) = decision_regions.space(trainer.model, trainer.data).facets
    points = np.stack([facet.x, facet.y, facet.z], -1).reshape(-1, 3)
    p = decision_regions.probabilities(trainer.model, points[np.isfinite(points).all(1)])
    np.testing.assert_allclose(p, 0.5, atol=1e-9)


def test_the_confusion_counts_and_what_follows_from_it() -> None:
    trainer = with_weights(UPRIGHT, classes=2)
    X, y = trainer.data.split("test")
    guesses = (X[:, 0] > 0).astype(int)
    record = decision_regions.confusion(trainer.model, trainer.data)
    for i in (0, 1):
        for j in (0, 1):
            assert record.counts[i, j] == ((y == i) & (guesses == j)).sum()
    assert record.accuracy == (y == guesses).mean()
    assert record.precision[1] == y[guesses == 1].mean()
    assert record.recall[1] == guesses[y == 1].mean()
    drawn(figures.confusion(record), "what it is", f"{record.accuracy:.1%} right")


def test_a_class_that_is_never_guessed_has_no_precision() -> None:
    trainer = with_weights([[0, 0, -9], [0, 4, 0], [0, 0, 0]])
    record = decision_regions.confusion(trainer.model, trainer.data)
    assert math.isnan(record.precision[2])
    assert record.recall[2] == 0


def test_the_worst_mistakes_are_those_it_was_surest_of() -> None:
    trainer = trainer_of(300, source="digits")
    record = decision_regions.worst(trainer.model, trainer.data, most=6)
    assert record.pictures.shape == (6, 8, 8, 1)
    assert all(true != guess for true, guess in zip(record.classes, record.guesses, strict=True))
    X, y = trainer.data.split("test")
    p = decision_regions.probabilities(trainer.model, X)
    wrong = p.argmax(1) != y
    losses = -np.log(p[np.arange(len(y)), y])
    first = np.flatnonzero(wrong)[losses[wrong].argmax()]
    np.testing.assert_array_equal(record.pictures[0].ravel(), X[first])
    assert record.certainty[0] == p[first].max()
    drawn(figures.gallery(record), f"{record.classes[0]}: {record.guesses[0]}")


def test_without_mistakes_the_gallery_says_so() -> None:
    none = decision_regions.Gallery(np.zeros((0, 8, 8, 1)), ())
    assert "No mistakes" in figures.gallery(none).layout.annotations[0].text


def test_the_gallery_shows_every_class() -> None:
    record = decision_regions.gallery(datasets.load(DataConfig(source="digits", examples=2000)), 3)
    assert record.classes == tuple(str(digit) for digit in range(10) for _ in range(3))
    drawn(figures.gallery(record))


def test_weights_are_pictures_of_their_rows() -> None:
    trainer = trainer_of(50, source="digits")
    record = decision_regions.weight_pictures(trainer.model, trainer.data)
    row = trainer.model.matrix[1:, 3]  # without the bias
    np.testing.assert_allclose(record.pictures[3].ravel(), row / np.abs(row).max())
    assert record.names[3] == "3"
    drawn(figures.weights(record), "3")
    net = trainer_of(1, source="digits", family="mlp-classifier")
    layer = decision_regions.weight_pictures(net.model, net.data, most=5)
    np.testing.assert_allclose(layer.pictures[4].ravel(), net.model.W[0][:, 4] / np.abs(net.model.W[0][:, 4]).max())
    with pytest.raises(UserError, match="where the examples are pictures"):
        decision_regions.weight_pictures(trainer_of().model, trainer_of().data)


def test_color_pictures_are_drawn_in_color() -> None:
    record = decision_regions.WeightPictures(np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 3)), ("a", "b", "c"))
    image = drawn(figures.weights(record)).data[0]
    assert image.type == "image"


def test_a_unit_that_nothing_switches_on_is_dead() -> None:
    trainer = trainer_of(1, source="digits", family="mlp-classifier", hidden=6)
    trainer.model.b[0][2] = -1000
    trainer.model.b[0][4] = 1000
    record = decision_regions.units(trainer.model, trainer.data)
    assert record.shares[0][2] == 0
    assert record.shares[0][4] == 1
    assert record.dead == ((record.shares[0] == 0).sum(),)
    drawn(figures.units(record), "hidden layer 1", "dead", "is above zero")
    tanh = trainer_of(1, source="digits", family="mlp-classifier", hidden=6, activation="tanh")
    tanh.model.b[0][2] = -1000
    assert decision_regions.units(tanh.model, tanh.data).dead == (1,)


def test_the_product_multiplies_out() -> None:
    trainer = trainer_of(20)
    record = decision_regions.product(trainer.model, trainer.data)
    assert record.X.shape == (8, 3)
    assert (record.X[:, 0] == 1).all()
    np.testing.assert_allclose(record.X @ record.theta, record.scores)
    np.testing.assert_allclose(record.probabilities.sum(1), 1)
    drawn(figures.product(record), "X augmented (160 × 3)", "theta augmented (3 × 3)", "scores (160 × 3)")
    two = trainer_of(20, source="moons", family="logistic-regression")
    record = decision_regions.product(two.model, two.data)
    assert record.scores.shape == record.probabilities.shape == (8, 1)
    np.testing.assert_allclose(record.probabilities, 1 / (1 + np.exp(-record.scores)))


def test_the_loss_surface_is_the_loss_and_paths_start_together() -> None:
    config = run_config_from_settings({"source": "moons", "family": "logistic-regression", "learning_rate": 0.3})
    record = decision_regions.surface(config, 1, 2, passes=10, points=9)
    assert record.names == ("x1 → B", "x2 → B")
    assert set(record.paths) == {"batch", "minibatch", "stochastic"}
    starts = np.stack([path[0] for path in record.paths.values()])
    assert (starts == 0).all()
    minibatch = ClassifierTrainer(config)
    minibatch.train(10 * 5)
    np.testing.assert_allclose(record.paths["minibatch"][-1], minibatch.model.theta[1:])
    probe = ClassifierTrainer(config)
    probe.model.theta[:] = minibatch.model.theta[0], record.x[3], record.y[7]
    assert record.losses[7, 3] == pytest.approx(probe.evaluate("train"), abs=1e-12)
    drawn(figures.surface(record), "weight x1", "stochastic", "nats")
    for first, second in ((1, 1), (-1, 0), (0, 3)):
        with pytest.raises(UserError, match="two different weights"):
            decision_regions.surface(config, first, second)
    with pytest.raises(UserError, match="linear"):
        decision_regions.surface(run_config_from_settings({"family": "mlp-classifier"}), 0, 1)


def learned(axis: decision_regions.Axis, **given: Any) -> decision_regions.Learning:
    trainer = ClassifierTrainer(run_config_from_settings({"steps": 100, "examples": 100, "batch_size": 8} | given))
    result = train_for(trainer, 60)
    history = History()
    history.add(result.losses)
    return decision_regions.learning(history, tuple(result.snapshots), 3, axis)


def test_the_curve_shows_where_schedule_clipping_and_stopping_acted() -> None:
    given = {"schedule": "step", "decay_every": 4, "clip": "norm", "clip_threshold": 1e-6}
    record = learned("step", **given)
    assert record.rates == ((40, 0.05), (80, 0.025))
    assert record.clipped == ((1, 100),)
    drawn(figures.learning(record), "rate 0.05", "clipped", "loss (nats per example)", "right")
    drawn(figures.learning(record, log_x=True))
    stopped = learned("pass", early_stopping=True, stop_patience=3, min_change=5)
    assert stopped.stopped == (4,)
    drawn(figures.learning(stopped), "stopped early", "passes over the training examples")


def test_the_curve_can_be_read_against_passes_and_seconds() -> None:
    passes, seconds = learned("pass"), learned("second")
    np.testing.assert_allclose(passes.curve.snapshot_steps[-1], 10)
    assert passes.curve.steps[0] == pytest.approx(0.1)
    assert 0 < seconds.curve.steps[-1] <= seconds.curve.snapshot_steps[-1] * 1.001
    assert (np.diff(seconds.curve.steps) >= 0).all()
    drawn(figures.learning(seconds), "seconds of training")
    drawn(figures.descents({"one": passes.curve}, "pass"), "one", "passes")
    assert "Start the race" in figures.descents({}).layout.annotations[0].text


def test_an_untrained_curve_says_what_to_do() -> None:
    trainer = trainer_of()
    record = decision_regions.learning(History(), (trainer.snapshot(),), 3)
    assert "Press Start" in figures.learning(record).layout.annotations[0].text
    assert record.curve.guessing == pytest.approx(math.log(3))


def test_the_sheet_says_what_to_do_until_there_are_points() -> None:
    assert "click here" in figures.sheet(()).layout.annotations[0].text
    assert len(drawn(figures.sheet(((0, 1, 2),))).data[1].x) == 1


# ---------------------------------------------------------------- images that a user draws


def test_digits_of_the_data_set_survive_being_drawn_again() -> None:
    """Enlarged to a sheet and prepared again, most digits are still read as they were."""
    trainer = trainer_of(2000, source="digits", learning_rate=0.3)
    X, _ = trainer.data.split("test")
    sheets = 1 - np.kron(X[:100].reshape(-1, 8, 8), np.ones((7, 7)))
    again = np.stack([images.as_example(np.repeat(sheet[..., None], 3, 2), trainer.data) for sheet in sheets])
    before = decision_regions.probabilities(trainer.model, X[:100]).argmax(1)
    assert (decision_regions.probabilities(trainer.model, again).argmax(1) == before).mean() > 0.75
