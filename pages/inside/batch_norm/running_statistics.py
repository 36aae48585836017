"""The tab Running statistics: what BatchNorm keeps for evaluation, and one example in both modes."""

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.inspection.batch_norm import UnitBatches, running_statistics
from pages.inside.batch_norm.settings import SLIDER_WIDTH
from ui.live_chart import Chart, Numbers, live

MOMENTA = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]


def show(batches: UnitBatches) -> None:
    """Running mean and standard deviation over steps, and the output of one example in five situations."""
    st.write(
        "In training mode, the output for an example depends on the other examples of its batch. For evaluation mode, "
        "BatchNorm keeps **running averages**: `running += momentum × (batch − running)`."
    )
    momentum = st.select_slider(
        "Momentum", MOMENTA, 0.1, format_func=lambda value: f"{value:g}", key="bn_momentum", width=SLIDER_WIDTH
    )
    record = running_statistics(batches, momentum)
    numbers = {
        "Running mean": f"{record.means[-1]:.3f}",
        "Mean of the train split": f"{record.true_mean:.3f}",
        "Running standard deviation": f"{record.stds[-1]:.3f}",
        "That of the train split": f"{record.true_std:.3f}",
    }
    live(
        Numbers(tuple(numbers.items())),
        Chart.of(figures.running_statistic(record, std=False), "Batch and running means.", columns=5),
        Chart.of(figures.running_statistic(record, std=True), "The same for standard deviations.", columns=5),
        Chart.of(figures.one_example(record), "Histogram of the outputs for one example in many batches."),
        key="bn.running",
    )
    st.write(
        f"The same example, with a pre-activation of {record.example:.3f}, in both modes. In evaluation mode its "
        "output does not depend on the batch. In training mode a batch of one has no variance (0 / 0), and the "
        "**nan** would stay in the running variance forever: Glassbox does not train BatchNorm with a batch size of 1."
    )
    outputs = {
        "training, in the first batch": record.in_batches[0],
        "training, in the second batch": record.in_batches[1],
        "training, alone": None,
        "evaluation, in the first batch": record.in_own_batch,
        "evaluation, alone": record.alone,
    }
    words = ["undefined: 0 / 0" if value is None else f"{value:.4f}" for value in outputs.values()]
    st.dataframe(pd.DataFrame({"mode": list(outputs), "output": words}), hide_index=True, width=480)
