import math

import numpy as np
import pytest

from lmcore.data.corpora import Split
from lmcore.inspection.confusion import confusion
from tests.lmcore.conftest import MakeClassifier


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_the_matrix_counts_the_predictions_of_each_class(split: Split, classifier: MakeClassifier) -> None:
    trainer = classifier(classes=2, dev_share=0.2)
    trainer.model.theta[:] = [0, 0, 0, 4, 0, 0]  # predicts the second class where x1 > 0
    X, y = trainer.data.split(split)
    predictions = (X[:, 0] > 0).astype(int)
    record = confusion(trainer.model, trainer.data, split)
    for i in (0, 1):
        for j in (0, 1):
            assert record.counts[i, j] == ((y == i) & (predictions == j)).sum()
    assert record.split == split
    assert record.accuracy == pytest.approx((y == predictions).mean())
    assert record.precision[1] == pytest.approx(y[predictions == 1].mean())
    assert record.recall[1] == pytest.approx(predictions[y == 1].mean())


def test_a_class_that_is_never_predicted_has_no_precision(classifier: MakeClassifier) -> None:
    trainer = classifier()
    trainer.model.theta[:] = np.array([[0, 0, -9], [0, 4, 0], [0, 0, 0]], float).ravel()
    record = confusion(trainer.model, trainer.data, "test")
    assert math.isnan(record.precision[2])
    assert record.recall[2] == 0
