"""The confusion matrix of a classifier, with precision and recall. Dimensions: K classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.data.corpora import Split
from lmcore.data.datasets import Dataset
from lmcore.inspection.decision_regions import class_probabilities
from lmcore.training.classifier import Classifier


@dataclass(frozen=True)
class Confusion:
    """How often each class is predicted as each class, on one split."""

    counts: NDArray[np.int64]  # (K, K), rows true classes, columns predicted classes
    precision: NDArray[np.floating[Any]]  # (K,), share of the predictions that are correct; nan without predictions
    recall: NDArray[np.floating[Any]]  # (K,), share of the examples that are found; nan without examples
    class_names: tuple[str, ...]
    split: Split

    @property
    def accuracy(self) -> float:
        """Share of the examples that are classified correctly."""
        return float(np.trace(self.counts) / max(1, self.counts.sum()))


def confusion(model: Classifier, data: Dataset, split: Split) -> Confusion:
    """The confusion matrix on a split."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support  # takes a second

    X, y = data.split(split)
    predictions = class_probabilities(model, X).argmax(1)
    labels = np.arange(len(data.classes))
    precision, recall, _, _ = precision_recall_fscore_support(y, predictions, labels=labels, zero_division=np.nan)
    counts = confusion_matrix(y, predictions, labels=labels)
    return Confusion(counts, precision, recall, data.classes, split)
