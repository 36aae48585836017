"""Weights as images, the examples, and how active the hidden units are."""

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.inspection.image_gallery import example_gallery
from lmcore.inspection.saturation import unit_activity
from lmcore.inspection.weight_images import weight_images
from lmcore.models.numpy_mlp import MLPClassifier
from lmcore.runs.view import RunView
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.history import Snapshot
from pages.classifiers import shared
from ui import errors
from ui.live_chart import COLUMNS, Chart, live

HALF = COLUMNS // 2  # of the page's width
MAX_LIVE, MAX_UNITS = 30, 60  # weight vectors in the live picture, and in the tab Hidden units


def show_live(page: str, config: ClassifierRunConfig, snapshot: Snapshot, data: Dataset, view: RunView | None) -> None:
    """The weights of the first layer beside the learning curves; some examples while there is no run."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        log = shared.axis_controls(page)
    curves = shared.learning_curves(page, snapshot, data, view, HALF, log)
    if view is None:
        live(_gallery(data, HALF), curves, key=f"{page}.pictures")
        st.caption("Some of the examples. During training, this picture shows the weights.")
        return
    assert isinstance(view.config, ClassifierRunConfig)
    charts = [curves]
    try:
        charts.insert(0, _weights(shared.without_live_settings(view.config), snapshot, MAX_LIVE, HALF))
    except UserError as error:
        errors.show(error, st.caption)
    live(*charts, key=f"{page}.pictures")
    st.caption(_legend(data))


def _legend(data: Dataset) -> str:
    assert data.image_shape is not None
    if data.image_shape[2] == 3:
        return "Each image is the weight vector of a unit or class; gray is zero, colors are positive weights."
    return (
        "Each image is the weight vector of a unit or class: **orange** weights are positive, **blue** ones negative."
    )


@cached(max_bytes=50_000_000)
def _gallery(data: Dataset, columns: int) -> Chart:
    per_class, per_row = (4, 8) if columns == HALF else (6, 12)
    figure = figures.image_gallery(example_gallery(data, per_class), per_row, 100 * columns)
    return Chart.of(figure, f"Some examples of each class of {data.title}.", columns)


@cached(max_bytes=50_000_000)
def _weights(config: ClassifierRunConfig, snapshot: Snapshot, max_images: int, columns: int) -> Chart:
    model, data = shared.classifier(config, snapshot)
    record = weight_images(model, data, max_images)
    figure = figures.weight_images(record, 6 if columns == HALF else 12, 100 * columns)
    return Chart.of(figure, f"{len(record.names)} weight vectors as images.", columns)


def show_examples(page: str, data: Dataset) -> None:
    """Some training examples of every class."""
    st.write("Some examples of each class. Could **you** tell the classes apart?")
    live(_gallery(data, COLUMNS), key=f"{page}.gallery")


def show_hidden_units(page: str, config: ClassifierRunConfig, view: RunView | None) -> None:
    """The weights of the first layer, and how often each hidden unit is active."""
    model, data, snapshot = shared.selected_classifier(page, config, view)
    st.write("The pattern that each unit of the first layer (or each class) responds to, and which units are **dead**.")
    config_of_run = view.config if view else config
    assert isinstance(config_of_run, ClassifierRunConfig)
    chart = _weights(shared.without_live_settings(config_of_run), snapshot, MAX_UNITS, COLUMNS)
    live(chart, key=f"{page}.first")
    if not isinstance(model, MLPClassifier):
        st.info("A linear classifier has no hidden units. Choose the model mlp-classifier to see some.")
        return
    record = unit_activity(model, data)
    live(
        Chart.of(figures.unit_activity(record), "How often each hidden unit is active."),
        key=f"{page}.units",
    )
    if record.kind == "relu" and (n_dead := sum(record.n_dead)):
        st.warning(f"Dead units: {n_dead}. No training example activates them, so they get no gradient.")
