"""The tab Batch vs. stochastic: batch, minibatch and stochastic gradient descent from the same initial weights."""

import streamlit as st

from lmcore import figures
from lmcore.data.datasets import Dataset
from lmcore.inspection.loss_surface import DESCENTS
from lmcore.runs.view import RunView
from lmcore.training.classifier import steps_per_epoch
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.loss_curve import XAxis, loss_curve, rescale
from ui import load, race
from ui.live_chart import Chart, live
from ui.navigation import LINEAR

X_AXES: tuple[XAxis, ...] = ("epochs", "CPU seconds")


def show(page: str, config: ClassifierRunConfig, data: Dataset) -> None:
    """A race of the three kinds of descent, drawn over epochs and over time."""
    st.write(
        "The same data, initial weights and number of **epochs**. Which loss is lowest after one epoch, and which "
        "after one **second**? In stochastic descent, an epoch has as many steps as there are examples."
    )
    epochs = st.number_input("Epochs", 1, 5000, 300, key=f"{page}_epochs", width=160)
    entrants = {descent: _entrant(config, descent, epochs, len(data.y_train)) for descent in DESCENTS}
    race.race(page, entrants, _name, LINEAR, draw=_draw)


def _name(config: ClassifierRunConfig) -> str:
    """What a run of the race is called."""
    settings = config.train
    return f"minibatches of {settings.batch_size}" if settings.descent == "minibatch" else settings.descent


def _entrant(config: ClassifierRunConfig, descent: str, epochs: int, n_examples: int) -> ClassifierRunConfig:
    settings = config.train.updated(descent=descent)
    steps = epochs * steps_per_epoch(settings, n_examples)
    evaluate_every = max(10, min(steps // 40, 10_000_000))
    return config.model_copy(update={"train": settings.updated(steps=steps, evaluate_every=evaluate_every)})


def _draw(page: str, views: dict[str, RunView], log: bool) -> None:
    """The training losses over epochs and over time; one empty chart before the race."""
    charts = []
    for x_axis in X_AXES if views else X_AXES[:1]:
        curves = {}
        for name, view in views.items():
            assert isinstance(view.config, ClassifierRunConfig)
            data = load.dataset(view.config.data)
            curve = loss_curve(view.history, view.snapshots, len(data.classes))
            curves[name] = rescale(curve, view.snapshots, x_axis, len(data.y_train))
        empty = figures.NO_STEPS_YET if views else race.INVITATION
        figure = figures.plain_loss_chart(curves, lines=("minibatch", "train"), unit="example", log_x=log, empty=empty)
        charts.append(Chart.of(figure, f"Losses over {x_axis}.", 5, revision=f"{x_axis}{log}"))
    live(*charts, key=f"{page}.race_chart")
