"""The tab One batch: one hidden unit before and after normalization, with an example to drag."""

import streamlit as st

from lmcore import figures
from lmcore.inspection.batch_norm import UnitBatches, normalize_batch
from pages.inside.batch_norm.settings import SLIDER_WIDTH
from ui.live_chart import Chart, Numbers, live

MAX_VALUE = 30.0  # range of the example that can be dragged, to both sides


def show(batches: UnitBatches) -> None:
    """Sliders for gain, bias and the first example, and four views of the batch."""
    st.write(
        "One hidden unit of an untrained MLP, with one pre-activation per example of the batch. BatchNorm subtracts "
        "the **batch** mean, divides by the **batch** standard deviation, then multiplies by a gain and adds a bias."
    )
    original = min(max(round(float(batches.values[0, 0]), 1), -MAX_VALUE), MAX_VALUE)
    with st.container(horizontal=True):
        gain = st.slider("Gain", 0.0, 3.0, 1.0, 0.05, key="bn_gain", width=SLIDER_WIDTH)
        bias = st.slider("Bias", -3.0, 3.0, 0.0, 0.05, key="bn_bias", width=SLIDER_WIDTH)
        dragged = st.slider(
            "Value of the first example",
            -MAX_VALUE,
            MAX_VALUE,
            original,
            0.1,
            key=f"bn_dragged.{batches.values[0, 0]}",  # every batch starts with its own value
            help=f"Pre-activation of the first example, whose context is {batches.contexts[0]!r}.",
            width=SLIDER_WIDTH,
        )
    record = normalize_batch(batches.values[0], gain, bias, None if dragged == original else dragged)
    shift = abs(record.shifts[1:]).mean()
    numbers = {
        "Mean before": f"{record.mean:.3f}",
        "Variance before": f"{record.variance:.3f}",
        "Mean after": f"{_without_negative_zero(record.after.mean()):.3f}",
        "Variance after": f"{record.after.var(ddof=1):.3f}",
        "Mean shift of the others": f"{shift:.3f}",
    }
    finding = f"The other outputs shift by {shift:.3f} on average."
    live(
        Numbers(tuple(numbers.items())),
        Chart.of(figures.batch_histogram(record, after=False), "Histogram of the batch before BatchNorm.", columns=5),
        Chart.of(figures.batch_histogram(record, after=True), "Histogram of the batch after BatchNorm.", columns=5),
        Chart.of(figures.batch_map(record, batches.contexts), f"Output against input. {finding}", columns=5),
        Chart.of(figures.batch_shifts(record, batches.contexts), f"Shift of each other example. {finding}", columns=5),
        key="bn.one",
    )


def _without_negative_zero(value: float) -> float:
    """The value, where a rounding error would print as "-0.000"."""
    return round(value, 6) + 0.0
