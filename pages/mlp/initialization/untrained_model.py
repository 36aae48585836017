"""An untrained model on its first minibatch."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.inspection import initialization
from lmcore.inspection.histograms import Floats, histograms
from lmcore.inspection.initialization import SATURATION_THRESHOLD, FirstBatch
from lmcore.models.mlp import MLPConfig
from lmcore.training.config import RunConfig
from ui.computed import computed
from ui.live_chart import Chart, live

MAX_CONTEXTS = 12  # rows of the heatmap of first predictions
MAX_CHARACTERS = 40  # columns
SATURATION = {
    "tanh": (
        "Saturated units",
        f"Share of tanh outputs beyond ±{SATURATION_THRESHOLD}, where the gradient almost vanishes",
    ),
    "relu": ("Inactive units", "Share of ReLU outputs that are zero, where the gradient vanishes"),
}
"""Label and description of the share of saturated units, by activation function."""


UNIGRAM = "Loss of a model that ignores the context and knows only how frequent each character is"

_first_batch = computed(initialization.first_batch, 50_000_000)


def first_minibatch(config: RunConfig, corpus: Corpus) -> None:
    """Loss, predictions and activations."""
    assert isinstance(config.model, MLPConfig)
    record = _first_batch(config)
    label, description = SATURATION[config.model.activation]
    with st.container(horizontal=True):
        st.metric("Expected loss, ln V (nats)", f"{record.guessing:.4f}", width=210)
        st.metric(
            "First loss (nats)", f"{record.loss:.4f}", f"{record.loss - record.guessing:+.4f}", "inverse", width=190
        )
        st.metric("Unigram loss (nats)", f"{record.unigram:.4f}", help=UNIGRAM, width=190)
        for layer, share in record.saturated.items():
            st.metric(f"{label} ({layer})", f"{share:.1%}", help=description, width=190)
    _pictures(record, corpus)


def _histograms(arrays: dict[str, Floats], title: str) -> go.Figure:
    return figures.histograms(histograms(arrays, n_bins=60), title, height=300)


def _pictures(record: FirstBatch, corpus: Corpus) -> None:
    shown = corpus.most_frequent(MAX_CHARACTERS)
    labels = [corpus.vocabulary.labels[i] for i in shown]
    predictions = figures.initial_predictions(
        record.probabilities[:MAX_CONTEXTS][:, shown], record.contexts[:MAX_CONTEXTS], labels
    )
    logits = _histograms({"logits": record.logits}, "Logit")
    before = _histograms(record.pre_activations, "Pre-activation")
    after = _histograms(record.activations, "Activation")
    smallest, largest = record.logits.min(), record.logits.max()
    magnitude = np.mean([np.abs(values).mean() for values in record.activations.values()])
    live(
        Chart.of(predictions, "Heatmap of the first predictions after some contexts.", columns=6),
        Chart.of(logits, f"Histogram of the logits, from {smallest:.2f} to {largest:.2f}.", columns=4),
        Chart.of(before, "Histogram of the pre-activations of the hidden units.", columns=5),
        Chart.of(after, f"Histogram of the activations; mean magnitude {magnitude:.2f}.", columns=5),
        key="init.start",
    )
