"""The tab Gradient check: gradients by hand, by autograd, and by central differences."""

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import CorpusConfig
from lmcore.inspection.gradient_check import PRECISIONS, check_gradients
from lmcore.models import MLPConfig, ModelConfig, NeuralBigramConfig, WaveNetConfig
from lmcore.training.config import RunConfig
from ui.computed import computed
from ui.live_chart import Chart, live

MODELS: dict[str, ModelConfig] = {
    "MLP": MLPConfig(),
    "MLP with BatchNorm and direct connections": MLPConfig(batch_norm="hidden", direct_connections=True),
    "deep MLP with ReLU": MLPConfig(hidden=50, hidden_layers=3, activation="relu"),
    "WaveNet": WaveNetConfig(hidden=24),
    "neural bigram": NeuralBigramConfig(),
}


def show(corpus: CorpusConfig) -> None:
    """The relative errors of all gradients in both precisions, and how they depend on the step size."""
    st.write(
        "The same gradient in three ways: by hand, by autograd, and by **changing each weight** by ±h. "
        "A large h has a truncation error, a small h has a rounding error: find the minimum in between."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Model", list(MODELS), key="back.model", width=320)
        exponent = st.slider("log10 of h", -11.0, -1.0, -5.0, 0.5, key="back.h", width=320)
    config = RunConfig(corpus=corpus, model=MODELS[name])
    records = [_check(config, precision, 10.0**exponent) for precision in PRECISIONS]
    errors = " and ".join(f"{record.explicit.max():.0e} in {record.precision}" for record in records)
    st.text(f"Largest relative difference between the gradients by hand and by autograd: {errors}.")
    bars = [
        Chart.of(figures.gradient_check(record), f"Relative error of each gradient, {record.precision}.", columns=5)
        for record in records
    ]
    curve = Chart.of(figures.truncation_and_rounding(records), "Error of central differences against h.")
    live(*bars, curve, key="back.check")
    table = pd.DataFrame(records[0].largest, columns=["by hand", "autograd", "central difference"])
    table.insert(0, "largest entry of", records[0].names)
    st.dataframe(table.style.format("{:+.12f}", subset=table.columns[1:]), hide_index=True)


_check = computed(check_gradients, 20_000_000, "Changing one weight at a time…")
