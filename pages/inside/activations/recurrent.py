"""The tab Recurrent networks: hidden states, gates, and gradients by distance back in time."""

from typing import Any

import streamlit as st

from lmcore import figures
from lmcore.data.corpora import CorpusConfig
from lmcore.families import AnyRunConfig
from lmcore.inspection import recurrent_activations
from lmcore.inspection.histograms import histograms
from lmcore.inspection.recurrent_activations import OPEN, SHUT, RecurrentActivations, gate_table, saturated
from lmcore.models.recurrent import CELLS, RecurrentConfig
from lmcore.runs.store import Header
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot
from pages.inside.activations import probe
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.run import attach, time_slider
from ui.server import engine

FAMILIES = ("recurrent", "rnn")
PAGES = ("lstm", "rnn")  # prefixes of the pages that train such networks
UNTRAINED = {f"untrained {cell.upper()}": cell for cell in CELLS}
DEFAULT = "untrained LSTM"
MAX_LISTED = 30  # runs in the menu

_activations = computed(recurrent_activations.recurrent_activations, 200_000_000)


def show(page: str, corpus_config: CorpusConfig) -> None:
    """The network that the visitor chooses: an untrained one, or one of their runs.

    Args:
        page: prefix of the page's widget keys.
        corpus_config: text of the untrained networks.
    """
    st.write(
        "A network forgets by **gates that shut** and by **saturated** hidden states. How many characters back does "
        "the gradient of the last loss still reach?"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        config, snapshot = _pick(f"{page}.recurrent", corpus_config)
    record = _activations(probe.without_live_settings(config), snapshot)
    st.text(_finding(record))
    _pictures(page, record)


def _pick(page: str, corpus_config: CorpusConfig) -> tuple[RunConfig, Snapshot | None]:
    """The chosen network: its config, and the snapshot that the time slider selects; no snapshot if untrained."""
    runs = {header.id: header for header in engine().headers() if _is_shown(header)}
    options = [*UNTRAINED, *list(runs)[:MAX_LISTED]]
    last = next((run_id for run_id in map(attach.run_id_of, PAGES) if run_id in options), DEFAULT)
    chosen = st.selectbox(
        "Network",
        options,
        options.index(last),
        format_func=lambda name: _label(runs[name]) if name in runs else name,
        key=f"{page}.network",
        persist_state="session",
        width=360,
        help="An untrained network with default settings, or a run of the pages RNN from scratch and GRU & LSTM",
    )
    if chosen in UNTRAINED:
        return RunConfig(corpus=corpus_config, model=RecurrentConfig(cell=UNTRAINED[chosen])), None
    view = engine().view(chosen)
    config: AnyRunConfig = view.config
    assert isinstance(config, RunConfig)
    return config, time_slider.time_slider(page, view, view.snapshots)


def _is_shown(header: Header) -> bool:
    return header.config.family in FAMILIES and attach.may_see(header)


def _label(header: Header) -> str:
    model: Any = header.config.model
    cell = model.cell.upper() if isinstance(model, RecurrentConfig) else "RNN from scratch"
    name = header.annotations.name or f"{model.hidden} hidden units on {header.config.data_name}"
    return f"{cell}, {name}, step {header.step:,}"


def _finding(record: RecurrentActivations) -> str:
    norms = next(iter(record.gradients.values()))
    farthest = len(norms) - 1
    sentence = f"{saturated(record):.1%} of the hidden states are saturated. "
    if not norms[0]:
        return sentence + "The gradient of the last loss is zero."
    return (
        sentence + f"{farthest} characters back, {norms[-1] / norms[0]:.1e} of the gradient of the last loss is left."
    )


def _pictures(page: str, record: RecurrentActivations) -> None:
    hidden = figures.histograms(histograms(record.hidden, 1.0), "Hidden state")
    gradients = figures.state_gradients(record)
    charts = [
        Chart.of(hidden, "Histogram of the hidden states of each layer.", 5),
        Chart.of(gradients, "Norm of the gradient of the last loss over the distance back in time.", 5),
    ]
    if record.gates:
        gates = figures.histograms(histograms(record.gates, 1.0, low=0.0), "Value of the gate", stacked=True)
        alt = "Scatter plot of how often each unit of each gate is open, against how often it is shut."
        charts.append(Chart.of(gates, "Histograms of the values of each gate, from shut to open.", 5))
        charts.append(Chart.of(figures.gate_saturation(record), alt, 5))
    live(*charts, key=f"{page}.recurrent.pictures")
    if record.gates:
        st.markdown(f"**Gates.** Shut: below {SHUT:g}; open: above {OPEN:g}.")
        formats: Any = {"mean": "{:.2f}", "shut": "{:.1%}", "open": "{:.1%}"}
        st.dataframe(gate_table(record).style.format(formats), hide_index=True)
    else:
        st.caption("A vanilla RNN has no gates.")
