"""Images with their classes and predictions: some examples of each class, and the worst mistakes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.data.corpora import Split
from lmcore.data.datasets import Dataset
from lmcore.training.classifier import Classifier

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ImageGallery:
    """M images, each with its class and, where a classifier was asked, its prediction."""

    images: Floats  # (M, height, width, channels), values from 0 to 1
    class_names: tuple[str, ...]  # (M,), true classes
    predictions: tuple[str, ...] = ()  # (M,), predicted classes; empty without a classifier
    confidence: Floats = field(default_factory=lambda: np.zeros(0))  # (M,), probability of each prediction


def example_gallery(data: Dataset, n_per_class: int = 6) -> ImageGallery:
    """The first training examples of every class, class by class."""
    rows = np.concatenate([np.flatnonzero(data.y_train == k)[:n_per_class] for k in range(len(data.classes))])
    return ImageGallery(data.images(data.X_train[rows]), tuple(data.classes[k] for k in data.y_train[rows]))


def worst_mistakes(model: Classifier, data: Dataset, split: Split, n_images: int = 20) -> ImageGallery:
    """The misclassified images with the highest losses: those for which the classifier was confidently wrong."""
    X, y = data.split(split)
    log_p = model.log_probabilities(model.prepare(X))
    predictions = log_p.argmax(1)
    losses = -log_p[np.arange(len(y)), y]
    wrong = np.flatnonzero(predictions != y)
    rows = wrong[np.argsort(-losses[wrong], kind="stable")][:n_images]
    true_names, predicted_names = (tuple(data.classes[k] for k in ids[rows]) for ids in (y, predictions))
    return ImageGallery(data.images(X[rows]), true_names, predicted_names, np.exp(log_p[rows, predictions[rows]]))
