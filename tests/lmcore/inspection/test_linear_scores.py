import numpy as np

from lmcore.inspection.linear_scores import linear_scores, weight_names
from tests.lmcore.conftest import MakeClassifier


def test_the_scores_of_softmax_regression_are_the_product(classifier: MakeClassifier) -> None:
    trainer = classifier(20)
    record = linear_scores(trainer.model, trainer.data)
    assert record.X.shape == (8, 3)
    assert (record.X[:, 0] == 1).all()
    np.testing.assert_allclose(record.X @ record.theta, record.scores)
    np.testing.assert_allclose(record.probabilities.sum(1), 1)
    assert record.feature_names == ("1", "x1", "x2")
    assert record.class_names == trainer.data.classes
    assert record.n_examples == len(trainer.y)


def test_logistic_regression_has_one_column(classifier: MakeClassifier) -> None:
    trainer = classifier(20, source="moons", family="logistic-regression")
    record = linear_scores(trainer.model, trainer.data)
    assert record.scores.shape == record.probabilities.shape == (8, 1)
    np.testing.assert_allclose(record.probabilities, 1 / (1 + np.exp(-record.scores)))
    assert record.class_names == ("B",)


def test_weights_are_named_in_the_order_of_theta(classifier: MakeClassifier) -> None:
    trainer = classifier(classes=2)
    assert weight_names(trainer.model, trainer.data) == ["1 → A", "1 → B", "x1 → A", "x1 → B", "x2 → A", "x2 → B"]
