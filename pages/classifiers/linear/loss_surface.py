"""The tab Loss surface: the loss over two weights, with the path of each kind of descent."""

import streamlit as st

from lmcore import figures
from lmcore.inspection.linear_scores import weight_names
from lmcore.inspection.loss_surface import loss_surface
from lmcore.models.numpy_linear import LinearClassifier
from lmcore.training.config import ClassifierRunConfig
from pages.classifiers import shared
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.run import time_slider

LEARNING_RATES = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]


def show(page: str, config: ClassifierRunConfig) -> None:
    """Which weights to look at, how long and how fast to descend, and the contours."""
    model, data = shared.classifier(config, time_slider.untrained_snapshot(config))
    assert isinstance(model, LinearClassifier)
    st.write(
        "A star marks the end of each descent: batch gradient descent takes a **smooth** path, stochastic descent a "
        "**noisy** one. The other weights are fixed where minibatch descent ended, so a path may seem to go uphill."
    )
    names = weight_names(model, data)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.selectbox(
            "Weight on the x axis", names, min(1, len(names) - 1), key=f"{page}.w1.{data.title}", width=200
        )
        default = min(1 + len(names) // len(model.matrix), len(names) - 1)
        second = st.selectbox("Weight on the y axis", names, default, key=f"{page}.w2.{data.title}", width=200)
        epochs = st.slider("Epochs", 1, 200, 40, key=f"{page}.surface_epochs", width=220)
        rate = st.select_slider("Learning rate", LEARNING_RATES, 0.1, key=f"{page}.surface_rate", width=220)
    config = config.model_copy(update={"train": config.train.updated(learning_rate=rate)})
    record = _loss_surface(config, names.index(first), names.index(second), epochs)
    alt = "Contours of the loss, with the path of each descent."
    live(Chart.of(figures.loss_surface(record), alt), key="clf.surface")


_loss_surface = computed(loss_surface, 20_000_000, "Training…")
