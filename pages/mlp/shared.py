"""The parts of the Initialization page."""

import functools

import numpy as np
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import initialization
from lmcore.inspection.initialization import PRESETS, SATURATED, Start
from lmcore.models.mlp import MLPConfig
from lmcore.training.training import RunConfig
from ui.live_chart import Chart, live

FIELDS = [
    name
    for name in MLPConfig.model_fields
    if name.endswith(("_scheme", "_scale")) or name in ("batch_norm", "norm_momentum")
]
DIRECT = {False: "without direct connections", True: "with direct connections"}
SHOWN = 12  # examples whose first guesses are drawn


def name_of(config: RunConfig) -> str:
    """The name of a run's starting weights; of a direct connection, where there is one."""
    chosen = {field: getattr(config.model, field) for field in FIELDS}
    name = next((name for name, preset in PRESETS.items() if chosen == _complete(preset)), "my own")
    return f"{name}, {DIRECT[True]}" if config.model.direct else name


def _complete(preset: dict[str, object]) -> dict[str, object]:
    return {field: preset.get(field, MLPConfig.model_fields[field].default) for field in FIELDS}


@functools.lru_cache(maxsize=64)
def _start(config: RunConfig) -> Start:
    return initialization.start(config)


def before_training(config: RunConfig, corpus: Corpus) -> None:
    """The untrained net on its first minibatch: loss, logits, first guesses, activations."""
    try:
        record = _start(config)
    except UserError as error:
        st.error(str(error))
        st.stop()
    with st.container(horizontal=True):
        st.metric("Expected loss, ln V (nats)", f"{record.expected:.4f}", width=210)
        st.metric(
            "First loss (nats)", f"{record.loss:.4f}", f"{record.loss - record.expected:+.4f}", "inverse", width=190
        )
        word = f"abs > {SATURATED}" if config.model.activation == "tanh" else "at zero"
        for name, share in record.saturated.items():
            st.metric(f"{name}: {word}", f"{share:.1%}", help="share of hidden values with next to no slope", width=190)
    chosen = corpus.most_frequent(40)
    labels = [corpus.vocabulary.labels[i] for i in chosen]
    guesses = figures.first_guesses(record.probabilities[:SHOWN][:, chosen], record.contexts[:SHOWN], labels)
    logits = figures.values({"logits": record.logits}, "logit")
    before = figures.values(record.pre_activations, "hidden value before the activation")
    after = figures.values(record.activations, "hidden value after the activation")
    live(
        Chart.of(guesses, "Heatmap of the first guesses after some contexts.", columns=6),
        Chart.of(
            logits, f"Histogram of logits, from {record.logits.min():.2f} to {record.logits.max():.2f}.", columns=4
        ),
        Chart.of(before, "Histogram of hidden values before the activation.", columns=5),
        Chart.of(after, f"Histogram of activations; mean of their size {_size(record):.2f}.", columns=5),
        key="init.start",
    )


def _size(record: Start) -> float:
    return float(np.mean([np.abs(values).mean() for values in record.activations.values()]))
