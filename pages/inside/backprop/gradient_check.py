"""The gradient check of the Backprop page."""

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import CorpusConfig
from lmcore.inspection.gradient_check import PRECISIONS, Check, Precision
from lmcore.models import MLPConfig, ModelConfig, NeuralBigramConfig, WaveNetConfig
from lmcore.training.training import RunConfig
from ui.live_chart import Chart, live
from ui.server import engine

MODELS: dict[str, ModelConfig] = {
    "MLP": MLPConfig(),
    "MLP, BatchNorm, direct connections": MLPConfig(batch_norm="hidden", direct=True),
    "deep MLP of ReLU": MLPConfig(hidden=50, hidden_layers=3, activation="relu"),
    "WaveNet": WaveNetConfig(hidden=24),
    "neural bigram": NeuralBigramConfig(),
}


@st.cache_data(max_entries=200, show_spinner="Differences, one weight at a time…", show_time=True)
def _check(config: str, precision: Precision, h: float) -> Check:
    record: Check = engine().compute(gradient_check.check, RunConfig.model_validate_json(config), precision, h)
    return record


def gradient_check(corpus: CorpusConfig) -> None:
    """Explicit gradients beside autograd and central differences, in both precisions."""
    st.write(
        "Three ways to the same gradient: by hand, by autograd, and by **shaking each weight** by h. "
        "A large h truncates the curve, a small one drowns in rounding: find the valley between."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Model", list(MODELS), key="back.model", width=320)
        exponent = st.slider("log10 of h", -11.0, -1.0, -5.0, 0.5, key="back.h", width=320)
    config = RunConfig(corpus=corpus, model=MODELS[name]).model_dump_json()
    records = [_check(config, precision, 10.0**exponent) for precision in PRECISIONS]
    both = " and ".join(f"{record.explicit.max():.0e} in {record.precision}" for record in records)
    st.text(f"By hand and by autograd differ by at most {both}, relative to each gradient's size.")
    words = "Relative error of each gradient, "
    bars = [Chart.of(figures.gradient_check(record), words + record.precision, columns=5) for record in records]
    curve = Chart.of(figures.rounding_and_truncation(records), "Error of central differences against h.")
    live(*bars, curve, key="back.check")
    table = pd.DataFrame(records[0].largest, columns=["by hand", "autograd", "central difference"])
    table.insert(0, "largest entry of", records[0].names)
    st.dataframe(table.style.format("{:+.12f}", subset=table.columns[1:].tolist()), hide_index=True)
