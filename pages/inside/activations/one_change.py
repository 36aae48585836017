"""A fresh copy of the model with one setting changed, compared with the original on the same minibatch."""

import streamlit as st

from lmcore import figures
from lmcore.errors import UserError
from lmcore.inspection.activations import Activations
from lmcore.inspection.histograms import histograms, symmetric_limit
from lmcore.inspection.treatments import TREATMENTS, activations_after, apply_treatment
from lmcore.runs.view import RunView
from lmcore.training.config import RunConfig
from lmcore.training.trainer import DivergedError
from pages.inside.activations import probe
from ui import errors
from ui.computed import computed
from ui.live_chart import Chart, live


def show(page: str, config: RunConfig, view: RunView | None) -> None:
    """Which setting to change and how long to train, and the distributions of both models."""
    unfolded = st.expander("Change one setting", icon=":material/healing:", key=f"{page}.treatment", on_change="rerun")
    if not unfolded.open:
        return
    if view is not None:
        assert isinstance(view.config, RunConfig)
        config = view.config
    with unfolded:
        st.write("Two fresh models, the original and a copy with **one change**, on the same minibatch.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("Change", list(TREATMENTS), key=f"{page}.change", width=260)
            steps = st.select_slider("Training steps", [0, 10, 100, 1000], 100, key=f"{page}.after", width=260)
        changed = apply_treatment(config, name)
        if changed == config:
            st.info("The model has this setting already.")
            return
        _compare(page, {"original": _train(config, steps), "changed": _train(changed, steps)})


def _train(config: RunConfig, steps: int) -> Activations | str:
    """A fresh model after some training steps, or the reason why there is none."""
    try:
        return _activations_after(config, steps)
    except (UserError, DivergedError) as error:
        return str(error)


_activations_after = computed(activations_after, 200_000_000, "Training both models…")


def _compare(page: str, models: dict[str, Activations | str]) -> None:
    """Loss and distributions of each model, over the same bins."""
    groups: dict[str, probe.Groups] = {}
    for label, model in models.items():
        if isinstance(model, str):
            errors.show(f"{label.capitalize()}: {model}")
        else:
            st.text(f"Loss, {label}: {model.loss:.3f} nats per character")
            groups[label] = probe.groups(model)
    charts = []
    for quantity, title in probe.QUANTITIES.items():
        limit = max((symmetric_limit(group[quantity]) for group in groups.values()), default=1.0)
        for label, group in groups.items():
            figure = figures.histograms(histograms(group[quantity], limit), f"{title}, {label}")
            charts.append(Chart.of(figure, f"Histograms of the {quantity}, {label}.", 5))
    if charts:
        live(*charts, key=f"{page}.comparison")
