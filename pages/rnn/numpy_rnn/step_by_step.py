"""One step of backpropagation through time, tensor by tensor, and how gradients vanish or explode on the way back."""

import itertools

import numpy as np
import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus, Ids
from lmcore.errors import UserError
from lmcore.inspection import backprop_through_time
from lmcore.inspection.backprop_through_time import UnrolledPass
from lmcore.inspection.tensor_view import TensorView
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.runs.view import RunView
from lmcore.training.config import RunConfig
from pages.rnn import shared
from ui import errors
from ui.live_chart import Chart, live
from ui.server import engine

MAX_CHARACTERS = 40


def short_sequence(page: str, config: RunConfig, view: RunView | None, tab: str) -> tuple[RNN, Corpus, Ids] | None:
    """The network, the text it learns from, and the indices (T + 1,) of a short text that the visitor types.

    None, with a message on the page, if there is no network or the text does not suit.
    """
    config, snapshot, corpus = shared.look(page, config, view)
    reader = shared.reader_of(config, snapshot)
    if reader is None or not isinstance(config.model, RNNConfig):
        return None
    key = f"{page}.{tab}.{corpus.title}"
    text = st.text_input("Text", corpora.example(corpus, 24), max_chars=MAX_CHARACTERS, key=key, width=320)
    try:
        ids = corpus.encode(text, allow_boundary=True)
    except UserError as error:
        errors.show(error)
        return None
    if len(ids) < 2:
        st.error("Type at least two characters.")
        return None
    return reader.model, corpus, ids.astype(np.int64)


def unrolled(page: str, config: RunConfig, view: RunView | None) -> None:
    """Every tensor of one step on a short text, with its gradient; and the gradient of its last loss through time."""
    st.write(
        "One step on a short text. Read the left column **down**, forward in time, and the right column **up**: the "
        "gradient of each h adds up what comes from its own output and, through W, from all later time steps."
    )
    given = short_sequence(page, config, view, "unrolled")
    if given is None:
        return
    model, corpus, ids = given
    state = np.zeros(model.config.hidden, model.dtype)
    record = engine().compute(backprop_through_time.unrolled_pass, model.copy(model.dtype), ids[:-1], ids[1:], state)
    st.text(f"Loss of the sequence: {record.losses.sum():.3f} nats, {record.losses.mean():.3f} per character.")
    charts = []
    for tensor in _tensors(record, model, corpus, ids):
        size = f"{tensor.shape[0]} by {tensor.shape[1]}"
        if not tensor.name.startswith("h from"):  # of these two only the gradients differ
            figure = figures.tensor_view(tensor, compact=True)
            charts.append(Chart.of(figure, f"Heatmap of {tensor.name}, {size}.", columns=5))
        figure = figures.tensor_view(tensor, gradient=True, compact=True)
        charts.append(Chart.of(figure, f"Heatmap of the gradient of {tensor.name}, {size}.", columns=5))
    live(*charts, key=f"{page}.unrolled")
    _vanishing_gradients(page, model, ids)


def _tensors(record: UnrolledPass, model: RNN, corpus: Corpus, ids: Ids) -> list[TensorView]:
    labels = list(corpus.vocabulary.labels)
    steps = [f"{labels[i]}→{labels[j]}" for i, j in itertools.pairwise(ids)]
    units = [str(i) for i in range(model.config.hidden)]
    return [
        TensorView("a", "W h[t-1] + U x + b", record.a, record.d_a, steps, units),
        TensorView("h", "tanh(a)", record.h, record.d_h, steps, units),
        TensorView("h from its output", "d_o @ V", record.h, record.d_h_from_output, steps, units),
        TensorView("h from later time steps", "d_a[t+1] @ W", record.h, record.d_h_from_later, steps, units),
        TensorView("o", "V h + c", record.o, record.d_o, steps, labels),
        TensorView("p", "softmax(o)", record.p, record.d_p, steps, labels),
        TensorView("W", "weights", model.W, record.gradients["W"], units, units),
    ]


def _vanishing_gradients(page: str, model: RNN, ids: Ids) -> None:
    """The gradient of the last loss against the distance back in time, for any spectral radius of W."""
    st.markdown("**Vanishing and exploding gradients**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rescale = st.toggle("Rescale W", key=f"{page}.rescale", help="Rescale a copy of W to another spectral radius")
        radius = st.slider(
            "Spectral radius", 0.1, 3.0, 1.0, 0.05, key=f"{page}.radius", disabled=not rescale, width=280
        )
        st.text(f"W has a spectral radius of {engine().compute(backprop_through_time.spectral_radius, model.W):.3f}.")
    state = np.zeros(model.config.hidden, model.dtype)
    record = engine().compute(
        backprop_through_time.gradient_through_time, model, ids[:-1], ids[1:], state, radius if rescale else None
    )
    alt = "Line chart of the norm of the gradient of the last loss over the distance back in time."
    live(Chart.of(figures.gradient_through_time(record), alt), key=f"{page}.fading")
