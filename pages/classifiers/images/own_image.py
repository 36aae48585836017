"""The tab Draw or upload: the visitor's own image, as the classifier sees it, and the prediction."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from lmcore import figures
from lmcore.data import images
from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.inspection.decision_regions import class_probabilities
from lmcore.runs.view import RunView
from lmcore.training.classifier import Classifier
from lmcore.training.config import ClassifierRunConfig
from pages.classifiers import shared
from pages.classifiers.images.draw import SIDE, draw
from ui import errors
from ui.computed import computed
from ui.live_chart import Chart, live

FORMATS = ["png", "jpg", "jpeg", "gif", "bmp", "webp"]
Floats = NDArray[np.floating[Any]]


def show(page: str, config: ClassifierRunConfig, view: RunView | None) -> None:
    """A canvas and an uploader on the left, the prediction on the right."""
    model, data, snapshot = shared.selected_classifier(page, config, view)
    if snapshot.step == 0:
        st.info("This classifier is untrained, so its predictions are guesses. Train it first.")
    left, right = st.columns([2, 3])
    with left:
        image = _own_image(page, data)
    if image is None:
        return
    with right:
        try:
            raw = images.as_example(image, data)
        except UserError as error:
            errors.show(error, st.info)
            return
        _predict(page, model, data, raw)


_decode = computed(images.decode, 200_000_000, "Reading the image…")


def _own_image(page: str, data: Dataset) -> Floats | None:
    """The drawn or uploaded image, shape (height, width, 3), values from 0 to 1; None while there is none."""
    assert data.image_shape is not None
    if data.image_shape[2] == 1:
        st.write("Draw a large **digit** with the mouse or a finger.")
        ink = draw(f"{page}.sheet")
        if ink is not None:
            return np.repeat(1 - ink.reshape(SIDE, SIDE, 1), 3, axis=2)
    file = st.file_uploader("Or upload an image", type=FORMATS, key=f"{page}.file")
    if file is None:
        return None
    try:
        return _decode(file.getvalue())
    except UserError as error:
        errors.show(error)
        return None


def _predict(page: str, model: Classifier, data: Dataset, raw: Floats) -> None:
    """The preprocessed image, the probability of each class, and the three most probable ones."""
    p = class_probabilities(model, data.normalized(raw[None]))[0]
    best = int(p.argmax())
    st.markdown("**Input and prediction**")
    live(
        Chart.of(figures.single_image(raw.reshape(data.image_shape)), "The image after preprocessing.", 4),
        Chart.of(figures.class_probabilities(p, data.classes), f"{data.classes[best]}: {p[best]:.0%}.", 6),
        key=f"{page}.prediction",
    )
    st.text(f"Prediction: {data.classes[best]} ({p[best]:.1%})")
    order = np.argsort(-p)[:3]
    table = pd.DataFrame({"class": [data.classes[k] for k in order], "probability": p[order]})
    st.dataframe(table.style.format({"probability": "{:.1%}"}), hide_index=True, width=260)
