"""The batch and the hidden unit that the page BatchNorm looks at."""

import streamlit as st

from lmcore.data.corpora import CorpusConfig
from lmcore.inspection import batch_norm
from lmcore.models.mlp import MLPConfig
from lmcore.training.config import RunConfig, TrainConfig
from ui import forms
from ui.computed import computed

N_HIDDEN = 100  # units of each model on this page
SLIDER_WIDTH = 240  # pixels
BATCH_SIZES = [2, 4, 8, 16, 32, 64, 128, 256]


def pick(corpus: CorpusConfig) -> tuple[RunConfig, int]:
    """Settings in the sidebar; returns the config of an untrained MLP and the index of the unit."""
    with st.sidebar, st.container(horizontal=True, vertical_alignment="bottom"):
        batch_size = st.select_slider("Batch size", BATCH_SIZES, 32, key="bn_batch_size", bind="query-params")
        seed = forms.widget(TrainConfig, "seed", key="bn_seed")
        tooltip = f"Hidden unit to look at, from 1 to {N_HIDDEN}."
        unit = st.number_input("Unit", 1, N_HIDDEN, 1, key="bn_unit", bind="query-params", help=tooltip)
    model = MLPConfig(hidden=N_HIDDEN, hidden_scheme="normal", batch_norm="hidden")
    return RunConfig(corpus=corpus, model=model, train=TrainConfig(batch_size=batch_size, seed=seed)), unit - 1


batches = computed(batch_norm.unit_batches, 20_000_000)
