"""The tab Folding: BatchNorm merged into the linear layer before it, for inference."""

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.inspection import batch_norm
from lmcore.inspection.batch_norm import Folding
from lmcore.inspection.histograms import histograms
from lmcore.models.mlp import MLPConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.training.config import RunConfig
from pages.inside.batch_norm.settings import N_HIDDEN
from ui.computed import computed
from ui.live_chart import Chart, Numbers, live

N_STEPS = 300  # of training before a model is folded
MODELS = {
    "MLP, BatchNorm on the hidden layer": MLPConfig(hidden=N_HIDDEN, batch_norm="hidden"),
    "MLP, BatchNorm on the logits too": MLPConfig(hidden=N_HIDDEN, batch_norm="all"),
    "MLP with direct connections": MLPConfig(hidden=N_HIDDEN, batch_norm="hidden", direct_connections=True),
    "WaveNet": WaveNetConfig(hidden=N_HIDDEN),
}


def show(config: RunConfig) -> None:
    """The logits of a trained model before and after folding, and the layers that remain."""
    st.write(
        "In evaluation mode, BatchNorm multiplies by a **constant** and adds a **constant**. The linear layer before "
        "it can do both, so the folded model has fewer layers and the same logits, up to rounding."
    )
    name = st.selectbox("Model", list(MODELS), key="bn_net", width=360)
    config = config.updated(model=MODELS[name].model_dump(), train=config.train.model_dump() | {"steps": N_STEPS})
    record = _folding(config)
    live(*_parts(record), key="bn.fold")
    st.caption(
        f"After {N_STEPS} training steps, on {len(record.logits):,} {record.split} examples. Parameters and buffers: "
        f"weights, biases and running statistics. Time: one forward pass, the fastest of {batch_norm.N_TIMINGS}."
    )
    layers = {
        "before": record.layers,
        "after folding": [name if name in record.folded_layers else "" for name in record.layers],
    }
    st.dataframe(pd.DataFrame(layers), hide_index=True, width=360)


def _parts(record: Folding) -> list[Numbers | Chart]:
    difference = abs(record.differences).max()
    numbers = {
        "Largest difference": f"{difference:.1e}",
        "Largest logit": f"{abs(record.logits).max():.3f}",
        "Parameters and buffers": f"{record.n_numbers:,} → {record.folded_n_numbers:,}",
        "Time (ms)": f"{1000 * record.seconds:.1f} → {1000 * record.folded_seconds:.1f}",
    }
    factors = figures.histograms(histograms(record.factors), "gain / sqrt(variance + eps)", of="units", height=300)
    return [
        Numbers(tuple(numbers.items())),
        Chart.of(figures.folded_logits(record), "Logits after folding against before, on a diagonal.", columns=5),
        Chart.of(
            figures.folding_differences(record), f"Histogram of differences, at most {difference:.1e}.", columns=5
        ),
        Chart.of(factors, "Histogram of the factors that were merged into the weights."),
    ]


_folding = computed(batch_norm.folding, 50_000_000, "Training…")
