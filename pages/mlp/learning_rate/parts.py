"""The parts of the Learning rate page."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from lmcore import figures
from lmcore.errors import UserError
from lmcore.training import lr_finder
from lmcore.training.lr_finder import JURY, Finding, SweepConfig, Sweeps
from lmcore.training.training import RunConfig
from ui import forms, navigation
from ui.live_chart import Chart, live
from ui.server import engine

SLICE = 0.1  # seconds of sweeping between two pictures


@dataclass
class _Shared:
    """Sweeps that all visitors with the same settings watch, and of whom each one's page lets them go on."""

    sweeps: Sweeps | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(max_entries=100)
def _shared(config: str, settings: str) -> _Shared:
    return _Shared()


def finding(config: RunConfig, settings: SweepConfig) -> Finding | None:
    """Draws the curve, live while the sweeps go on; what the jury reads, or None until they are done.

    The page stops, in words, if the settings allow none.
    """
    shared = _shared(config.model_dump_json(), settings.model_dump_json())
    try:
        _go_on(shared, config, settings)
    except UserError as error:
        st.error(str(error))
        st.stop()
    done = shared.sweeps.done
    st.fragment(_curve, run_every=None if done else 0.05)(shared, config, settings, done)
    return lr_finder.read(shared.sweeps) if done else None


def _go_on(shared: _Shared, config: RunConfig, settings: SweepConfig) -> None:
    with shared.lock:
        if shared.sweeps is None or not shared.sweeps.done:
            shared.sweeps = engine().compute(lr_finder.go_on, config, settings, shared.sweeps, SLICE)


def _curve(shared: _Shared, config: RunConfig, settings: SweepConfig, was_done: bool) -> None:
    """The curve with the suggestions, and what to know of it."""
    _go_on(shared, config, settings)
    found = lr_finder.read(shared.sweeps)
    if found.remark:
        st.warning(found.remark)
    figure = figures.rate_finder(found, (settings.lowest, settings.highest))
    live(Chart.of(figure, "Smoothed loss against the learning rate."), key="lr.curve")
    if shared.sweeps.done and not was_done:
        st.rerun()  # once, for the jury and the race


def jury(found: Finding, config: RunConfig) -> None:
    """A line for each rule: what it suggests, how it reads the curve, and a button that takes the rate along."""
    for name, rate in found.suggestions.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"Take {rate:.2g} to the MLP", key=f"lr.take.{name}", on_click=_take, args=(rate, config), width=220
            )
            st.markdown(f"**{name}** {JURY[name][1]}", width="stretch")
    if st.session_state.pop("lr.taken", False):
        st.switch_page(navigation.find("mlp/mlp").script)


def _take(rate: float, config: RunConfig) -> None:
    """Lets the MLP page begin anew with this rate and this network."""
    st.session_state.pop("mlp.run", None)
    for name, value in config.model.model_dump(exclude={"family"}).items():
        st.session_state[forms.key_of("mlp", name)] = value
    st.session_state[forms.key_of("mlp", "learning_rate")] = float(f"{rate:.3g}")
    st.session_state["lr.taken"] = True


def namer(found: Finding) -> Callable[[RunConfig], str]:
    """The name of a run in the race: who suggested its rate, and the rate."""

    def name_of(config: RunConfig) -> str:
        rate = f"{config.train.learning_rate:.3g}"
        rules = [name for name, suggested in found.suggestions.items() if f"{suggested:.3g}" == rate]
        return f"{', '.join(rules) or 'rate'} {rate}"

    return name_of
