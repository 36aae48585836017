"""The parts of the BatchNorm page."""

import functools

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.inspection import batch_norm
from lmcore.inspection.batch_norm import Batches, Folding, WrongAxis
from lmcore.models.mlp import MLPConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.training.training import RunConfig, TrainConfig
from ui import forms
from ui.live_chart import Chart, Numbers, live
from ui.server import engine

HIDDEN = 100  # units of every net here
SIZES = [2, 4, 8, 16, 32, 64, 128, 256]
MOMENTA = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
WIDTH = 240  # of a slider, in pixels
DRAGGED = 30.0  # as far as the example goes, to both sides
STEPS = 300  # before a net is folded
NETS = {
    "MLP, hidden layer normalized": MLPConfig(hidden=HIDDEN, batch_norm="hidden"),
    "MLP, logits normalized too": MLPConfig(hidden=HIDDEN, batch_norm="all"),
    "MLP with direct connections": MLPConfig(hidden=HIDDEN, batch_norm="hidden", direct=True),
    "WaveNet": WaveNetConfig(hidden=HIDDEN),
}


def settings(corpus: CorpusConfig) -> tuple[RunConfig, int]:
    """The batch and the unit that are looked at, chosen in the sidebar: an untrained MLP and the unit's index."""
    with st.sidebar, st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.select_slider("Batch size", SIZES, 32, key="bn_batch_size", bind="query-params")
        seed = forms.widget(TrainConfig, "seed", key="bn_seed")
        unit = st.number_input("Unit", 1, HIDDEN, 1, key="bn_unit", bind="query-params", help=f"One of {HIDDEN}.")
    model = MLPConfig(hidden=HIDDEN, hidden_scheme="normal", batch_norm="hidden")
    return RunConfig(corpus=corpus, model=model, train=TrainConfig(batch_size=size, seed=seed)), unit - 1


def batches(config: RunConfig, unit: int) -> Batches:
    """What the unit gets; the page stops, in words, if the settings allow no batch."""
    try:
        return _batches(config, unit)
    except UserError as error:
        st.error(str(error))
        st.stop()


@functools.lru_cache(maxsize=64)
def _batches(config: RunConfig, unit: int) -> Batches:
    return batch_norm.batches(config, unit)


def one_batch(given: Batches, unit: int) -> None:
    """A batch before and after; gain, bias, and an example to drag."""
    st.write(
        "One hidden unit of an untrained net, one value for each example of the batch. "
        "BatchNorm subtracts **their** mean and divides by **their** standard deviation, then applies gain and bias."
    )
    own = min(max(round(float(given.inputs[0, 0]), 1), -DRAGGED), DRAGGED)
    with st.container(horizontal=True):
        gain = st.slider("Gain", 0.0, 3.0, 1.0, 0.05, key="bn_gain", width=WIDTH)
        bias = st.slider("Bias", -3.0, 3.0, 0.0, 0.05, key="bn_bias", width=WIDTH)
        dragged = st.slider(
            "Value of the first example",
            -DRAGGED,
            DRAGGED,
            own,
            0.1,
            key=f"bn_dragged.{given.inputs[0, 0]}",  # another batch begins with its own value
            help=f"Its context is {given.contexts[0]!r}.",
            width=WIDTH,
        )
    record = batch_norm.one_batch(given.inputs[0], gain, bias, None if dragged == own else dragged)
    others = abs(record.shifts[1:])
    numbers = {
        "Mean before": f"{record.mean:.3f}",
        "Variance before": f"{record.variance:.3f}",
        "Mean after": f"{_zero(record.after.mean()):.3f}",
        "Variance after": f"{record.after.var(ddof=1):.3f}",
        "Others moved by": f"{others.mean():.3f}",
    }
    moved = f"The other outputs moved by {others.mean():.3f} on average."
    live(
        Numbers(tuple(numbers.items())),
        Chart.of(figures.batch_values(record, after=False), "Histogram of the batch before.", columns=5),
        Chart.of(figures.batch_values(record, after=True), "Histogram of the batch after.", columns=5),
        Chart.of(figures.batch_map(record, given.contexts), f"Output against input. {moved}", columns=5),
        Chart.of(figures.batch_shifts(record, given.contexts), f"Bars, one for each other example. {moved}", columns=5),
        key="bn.one",
    )


def _zero(value: float) -> float:
    """Without the sign that a rounding error leaves on a zero."""
    return round(value, 6) + 0.0


def running(given: Batches) -> None:
    """The running statistics, and one example in training and in evaluation mode."""
    st.write(
        "In training each batch has its own mean and deviation, so that an example's output depends on its neighbors. "
        "A **running** average is kept for evaluation: `running += momentum × (batch − running)`."
    )
    momentum = st.select_slider(
        "Momentum", MOMENTA, 0.1, format_func=lambda value: f"{value:g}", key="bn_momentum", width=WIDTH
    )
    record = batch_norm.running(given, momentum)
    numbers = {
        "Running mean": f"{record.mean[-1]:.3f}",
        "of the whole split": f"{record.true_mean:.3f}",
        "Running deviation": f"{record.deviation[-1]:.3f}",
        "of the split": f"{record.true_deviation:.3f}",
    }
    live(
        Numbers(tuple(numbers.items())),
        Chart.of(figures.running_statistic(record, deviation=False), "Means of batches over steps.", columns=5),
        Chart.of(figures.running_statistic(record, deviation=True), "Deviations of batches over steps.", columns=5),
        Chart.of(figures.one_example(record), "Histogram of one example's output in many batches."),
        key="bn.running",
    )
    st.write(
        f"The same example, with the value {record.example:.3f} before. In evaluation mode it may stand **alone**. "
        "Alone in training mode it is its own mean and its variance is 0 / 0, **not a number**, which would "
        "stay in the running variance for ever: Glassbox refuses to train on a batch of one."
    )
    rows = {
        "training, within the first batch": record.in_batches[0],
        "training, within the second batch": record.in_batches[1],
        "training, alone": None,
        "evaluation, within the first batch": record.in_its_batch,
        "evaluation, alone": record.alone,
    }
    told = [f"{value:.4f}" if value is not None else "not defined: 0 / 0" for value in rows.values()]
    st.dataframe(pd.DataFrame({"mode": list(rows), "its output": told}), hide_index=True, width=480)


def wrong_axis(config: RunConfig, unit: int) -> None:
    """A level with positions, normalized over examples and positions, and by mistake over examples only."""
    st.write(
        "The lowest level of a WaveNet has **positions**: (B, T, F). A mean over axis 0 alone raises no error, because "
        "it broadcasts, but each unit is then normalized **differently at each position**, from fewer numbers."
    )
    config = config.updated(model={"family": "wavenet", "hidden": HIDDEN})
    try:
        record = _wrong_axis(config)
    except UserError as error:
        st.error(str(error))
        return
    B, T, F = record.before.shape
    position = st.slider("Position", 1, T, 1, key="bn_position", width=WIDTH) - 1
    table = {
        "code": ["x.mean((0, 1), keepdim=True)", "x.mean(0, keepdim=True)"],
        "shape of the mean": [f"(1, 1, {F})", f"(1, {T}, {F})"],
        "numbers in each mean": [f"{B * T:,}", f"{B:,}"],
        "spread from batch to batch": [f"{record.right_spread:.3f}", f"{record.wrong_spread:.3f}"],
    }
    st.dataframe(pd.DataFrame(table, index=["right", "wrong"]), width=760)
    st.caption(f"Spread: standard deviation of a mean, in standard deviations of what is averaged. x: ({B}, {T}, {F}).")
    where = f"position {position + 1}"
    live(
        Chart.of(figures.axis_means(record, position), f"Means of all units, {where} in orange.", columns=5),
        Chart.of(figures.axis_map(record, unit, position), f"Output against input, {where} in orange.", columns=5),
        key="bn.axis",
    )


@functools.lru_cache(maxsize=16)
def _wrong_axis(config: RunConfig) -> WrongAxis:
    return batch_norm.wrong_axis(config)


def folding(config: RunConfig) -> None:
    """BatchNorm folded into the Linear before it: a net with fewer layers and the same outputs."""
    st.write(
        "In evaluation mode BatchNorm multiplies and adds **constants**, which the Linear before it can do as well. "
        "The folded net has fewer layers and gives the same logits, but for rounding."
    )
    name = st.selectbox("Net", list(NETS), key="bn_net", width=360)
    config = config.updated(model=NETS[name].model_dump(), train=config.train.model_dump() | {"steps": STEPS})
    try:
        with st.spinner("Training…"):
            record = _folding(config)
    except UserError as error:
        st.error(str(error))
        return
    differences = abs(record.differences)
    numbers = {
        "Largest difference": f"{differences.max():.1e}",
        "Largest logit": f"{abs(record.logits).max():.3f}",
        "Numbers kept": f"{record.numbers:,} → {record.folded_numbers:,}",
        "Time (ms)": f"{1000 * record.seconds:.1f} → {1000 * record.folded_seconds:.1f}",
    }
    factors = figures.values(record.factors, "gain / sqrt(variance + eps), one for each unit")
    live(
        Numbers(tuple(numbers.items())),
        Chart.of(figures.folded_logits(record), "Scatter of both nets' logits, on a diagonal.", columns=5),
        Chart.of(
            figures.folding_differences(record),
            f"Histogram of differences, at most {differences.max():.1e}.",
            columns=5,
        ),
        Chart.of(factors, "Histogram of the factors that were folded into the weights."),
        key="bn.fold",
    )
    st.caption(
        f"After {STEPS} steps of training, on {len(record.logits):,} {record.split} examples. Numbers: weights, biases "
        f"and running statistics. Time: of a pass over these examples, the fastest of {batch_norm.TIMINGS}."
    )
    table = {
        "before": record.layers,
        "folded": [name if name in record.folded_layers else "" for name in record.layers],
    }
    st.dataframe(pd.DataFrame(table), hide_index=True, width=360)


@functools.lru_cache(maxsize=32)
def _folding(config: RunConfig) -> Folding:
    return engine().compute(batch_norm.folding, config)
