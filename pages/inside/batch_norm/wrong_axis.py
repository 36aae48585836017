"""The tab 3-D input: normalization over examples and positions, and by mistake over examples only."""

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.inspection import batch_norm
from lmcore.training.config import RunConfig
from pages.inside.batch_norm.settings import N_HIDDEN, SLIDER_WIDTH
from ui.computed import computed
from ui.live_chart import Chart, live


def show(config: RunConfig, unit: int) -> None:
    """Correct and wrong means in a table, and the position that the visitor chooses in two charts."""
    st.write(
        "The lowest level of a WaveNet has **positions**: its shape is (B, T, F). A mean over axis 0 alone raises no "
        "error, because it broadcasts, but then every position is normalized **differently**, from fewer values."
    )
    config = config.updated(model={"family": "wavenet", "hidden": N_HIDDEN})
    record = _wrong_axis(config)
    B, T, F = record.before.shape
    position = st.slider("Position", 1, T, 1, key="bn_position", width=SLIDER_WIDTH) - 1
    table = {
        "code": ["x.mean((0, 1), keepdim=True)", "x.mean(0, keepdim=True)"],
        "shape of the mean": [f"(1, 1, {F})", f"(1, {T}, {F})"],
        "values per mean": [f"{B * T:,}", f"{B:,}"],
        "spread between batches": [f"{record.right_spread:.3f}", f"{record.wrong_spread:.3f}"],
    }
    st.dataframe(pd.DataFrame(table, index=["correct", "wrong"]), width=760)
    st.caption(
        f"x has shape ({B}, {T}, {F}). Spread: standard deviation of a mean from batch to batch, "
        "in standard deviations of x."
    )
    where = f"position {position + 1} in orange"
    live(
        Chart.of(figures.axis_means(record, position), f"Mean of each unit, {where}.", columns=5),
        Chart.of(figures.axis_map(record, unit, position), f"Output against input, {where}.", columns=5),
        key="bn.axis",
    )


_wrong_axis = computed(batch_norm.wrong_axis, 50_000_000)
