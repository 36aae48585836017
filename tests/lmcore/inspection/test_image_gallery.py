import numpy as np

from lmcore.data import datasets
from lmcore.data.datasets import DataConfig
from lmcore.inspection.decision_regions import class_probabilities
from lmcore.inspection.image_gallery import example_gallery, worst_mistakes
from tests.lmcore.conftest import MakeClassifier


def test_the_worst_mistakes_are_those_with_the_highest_loss(classifier: MakeClassifier) -> None:
    trainer = classifier(300, source="digits", examples=2000)
    record = worst_mistakes(trainer.model, trainer.data, "test", n_images=6)
    assert record.images.shape == (6, 8, 8, 1)
    assert all(true != predicted for true, predicted in zip(record.class_names, record.predictions, strict=True))
    X, y = trainer.data.split("test")
    p = class_probabilities(trainer.model, X)
    losses = np.where(p.argmax(1) != y, -np.log(p[np.arange(len(y)), y]), -np.inf)
    worst = losses.argmax()
    np.testing.assert_array_equal(record.images[0].ravel(), X[worst])
    assert record.confidence[0] == p[worst].max()


def test_the_example_gallery_shows_every_class() -> None:
    record = example_gallery(datasets.load(DataConfig(source="digits", examples=2000)), 3)
    assert record.class_names == tuple(str(digit) for digit in range(10) for _ in range(3))
    assert not record.predictions
