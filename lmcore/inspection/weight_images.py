"""The weights of a classifier of images, shown as images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.inspection.decision_regions import class_weights
from lmcore.models.numpy_linear import LinearClassifier
from lmcore.training.classifier import Classifier


@dataclass(frozen=True)
class WeightImages:
    """Weights in the shape of the images that they are multiplied with."""

    images: NDArray[np.floating[Any]]  # (M, height, width, channels), each scaled to at most 1 in absolute value
    names: tuple[str, ...]  # (M,)


def weight_images(model: Classifier, data: Dataset, max_images: int = 64) -> WeightImages:
    """The weights of each class of a linear classifier, or of each unit of the first hidden layer.

    Raises:
        UserError: if the examples are not images.
    """
    if data.image_shape is None:
        raise UserError("Weights can be shown as images only if the examples are images.")
    if isinstance(model, LinearClassifier):
        rows, names = class_weights(model)[1:].T, data.classes
    else:
        rows = model.W[0].T[:max_images]
        names = tuple(f"unit {i + 1}" for i in range(len(rows)))
    largest = np.abs(rows).max(1, keepdims=True)
    return WeightImages((rows / np.where(largest > 0, largest, 1)).reshape(-1, *data.image_shape), names)
