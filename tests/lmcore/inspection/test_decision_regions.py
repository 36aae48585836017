import re

import numpy as np
import pytest

from lmcore.data import datasets, tables
from lmcore.data.datasets import DataConfig
from lmcore.errors import UserError
from lmcore.inspection.decision_regions import (
    class_probabilities,
    decision_planes,
    decision_regions,
    load_classifier,
    projection_plane,
)
from tests.lmcore.conftest import MakeClassifier

# The score of class B is 4 x1 and that of class A is 0, so the boundary is at x1 = 0.
BOUNDARY_AT_ZERO = np.array([0, 0, 0, 4, 0, 0], float)


def test_regions_follow_the_known_weights(classifier: MakeClassifier) -> None:
    trainer = classifier(classes=2)
    trainer.model.theta[:] = BOUNDARY_AT_ZERO
    record = decision_regions(trainer.model, trainer.data, n_points=41)
    assert record.axis_titles == ("x1", "x2")
    assert (record.prediction == (record.x > 0)).all()
    np.testing.assert_allclose(record.confidence[0], 1 / (1 + np.exp(-4 * np.abs(record.x))), atol=1e-12)
    np.testing.assert_allclose(record.margins[1], -record.margins[0], atol=1e-12)


def test_the_points_are_the_examples_with_their_predictions(classifier: MakeClassifier) -> None:
    trainer = classifier(classes=2)
    trainer.model.theta[:] = BOUNDARY_AT_ZERO
    points = decision_regions(trainer.model, trainer.data, n_points=5).points
    for split in points:
        X, y = trainer.data.split(split)
        np.testing.assert_array_equal(points[split].positions, X)
        np.testing.assert_array_equal(points[split].classes, y)
        np.testing.assert_array_equal(points[split].predictions, X[:, 0] > 0)
        np.testing.assert_array_equal(points[split].misclassified, X[(X[:, 0] > 0) != y])


def test_an_empty_split_has_no_points(classifier: MakeClassifier) -> None:
    trainer = classifier(classes=2, dev_share=0)
    assert list(decision_regions(trainer.model, trainer.data, n_points=5).points) == ["train", "test"]


def test_normalized_data_are_drawn_in_their_own_units(classifier: MakeClassifier) -> None:
    trainer = classifier(classes=2, source="blobs", normalize=True)
    trainer.model.theta[:] = BOUNDARY_AT_ZERO
    record = decision_regions(trainer.model, trainer.data, n_points=41)
    assert (record.prediction[0] == (record.x > trainer.data.mean[0])).all()


def test_more_features_are_projected_onto_their_principal_components() -> None:
    data = datasets.load(DataConfig(source="blobs", features=5))
    plane = projection_plane(data)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    first, second = plane.project(data.X_train).var(0)
    assert first >= second >= data.X_train.var(0).min()
    assert f"({first / data.X_train.var(0).sum():.0%} of the variance)" in plane.axis_titles[0]


def test_of_normalized_features_the_units_do_not_decide_on_the_plane() -> None:
    rows = [f"{i % 7},{i * i % 11},{i % 5 * 1e6},{'ab'[i % 2]}" for i in range(60)]
    source = tables.save("\n".join(["a,b,c,y", *rows]).encode(), "units.csv")
    plain, normal = (datasets.load(DataConfig(source=source, normalize=normalize)) for normalize in (False, True))
    assert "(100% of the variance)" in projection_plane(plain).axis_titles[0]
    plane = projection_plane(normal)
    shares = [int(re.search(r"\((\d+)%", title)[1]) for title in plane.axis_titles]
    assert max(shares) < 60
    np.testing.assert_allclose(
        plane.project(normal.raw(normal.X_train)), normal.X_train @ plane.directions.T, atol=1e-9
    )
    np.testing.assert_allclose(plane.project(plane.lift(np.eye(2))), np.eye(2), atol=1e-9)


def test_the_classifier_of_a_snapshot_is_the_trained_one(classifier: MakeClassifier) -> None:
    trainer = classifier(20)
    model, data = load_classifier(trainer.config, trainer.snapshot())
    np.testing.assert_array_equal(model.theta, trainer.model.theta)
    np.testing.assert_array_equal(data.X_train, trainer.data.X_train)


# ---------------------------------------------------------------- three dimensions


def test_on_a_plane_the_two_most_probable_classes_are_equally_probable(classifier: MakeClassifier) -> None:
    trainer = classifier(500, features=3, classes=4, learning_rate=0.5)
    record = decision_planes(trainer.model, trainer.data)
    assert record.planes
    for plane in record.planes:
        points = np.stack([plane.x, plane.y, plane.z], -1).reshape(-1, 3)
        points = points[np.isfinite(points).all(1)]
        assert len(points)
        p = class_probabilities(trainer.model, points)
        ranked = np.sort(p, axis=1)
        np.testing.assert_allclose(ranked[:, -1], ranked[:, -2], atol=1e-6)
        np.testing.assert_allclose(p[:, list(plane.classes)].max(1), ranked[:, -1], atol=1e-6)


def test_the_plane_of_logistic_regression_is_where_both_classes_have_one_half(classifier: MakeClassifier) -> None:
    trainer = classifier(100, features=3, classes=2, family="logistic-regression")
    (plane,) = decision_planes(trainer.model, trainer.data).planes
    points = np.stack([plane.x, plane.y, plane.z], -1).reshape(-1, 3)
    p = class_probabilities(trainer.model, points[np.isfinite(points).all(1)])
    np.testing.assert_allclose(p, 0.5, atol=1e-9)


def test_planes_need_three_features(classifier: MakeClassifier) -> None:
    trainer = classifier()
    with pytest.raises(UserError, match="three features"):
        decision_planes(trainer.model, trainer.data)


@pytest.mark.parametrize("bias", [0.0, 1000.0], ids=["equal everywhere", "far away"])
def test_without_a_boundary_among_the_data_there_is_no_plane(classifier: MakeClassifier, bias: float) -> None:
    trainer = classifier(features=3, classes=2)
    trainer.model.matrix[:] = 0
    if bias:
        trainer.model.matrix[:2, 0] = bias, 1  # the boundary is at x1 = -1000
    assert not decision_planes(trainer.model, trainer.data).planes
