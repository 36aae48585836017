import numpy as np
import pytest

from lmcore.errors import UserError
from lmcore.inspection.weight_images import weight_images
from tests.lmcore.conftest import MakeClassifier


def test_the_image_of_a_class_shows_its_weights_without_the_bias(classifier: MakeClassifier) -> None:
    trainer = classifier(50, source="digits")
    record = weight_images(trainer.model, trainer.data)
    weights = trainer.model.matrix[1:, 3]
    np.testing.assert_allclose(record.images[3].ravel(), weights / np.abs(weights).max())
    assert record.names[3] == "3"


def test_the_image_of_a_hidden_unit_shows_its_incoming_weights(classifier: MakeClassifier) -> None:
    trainer = classifier(1, source="digits", family="mlp-classifier")
    record = weight_images(trainer.model, trainer.data, max_images=5)
    weights = trainer.model.W[0][:, 4]
    np.testing.assert_allclose(record.images[4].ravel(), weights / np.abs(weights).max())
    assert record.names == ("unit 1", "unit 2", "unit 3", "unit 4", "unit 5")


def test_weights_of_other_data_are_not_images(classifier: MakeClassifier) -> None:
    trainer = classifier()
    with pytest.raises(UserError, match="examples are images"):
        weight_images(trainer.model, trainer.data)
