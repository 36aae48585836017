"""The parts of the Learning rate page."""

from pathlib import Path

import streamlit as st

from lmcore import figures, lr_finder
from lmcore.errors import UserError
from lmcore.lr_finder import JURY, Finding, SweepConfig
from lmcore.training import RunConfig
from ui import forms
from ui.live import Chart, live
from ui.server import engine


@st.cache_data(max_entries=100, show_spinner="Sweeping the learning rates…", show_time=True)
def _find(config: str, settings: str) -> Finding:
    parsed = RunConfig.model_validate_json(config), SweepConfig.model_validate_json(settings)
    found: Finding = engine().compute(lr_finder.find, *parsed)
    return found


def finding(config: RunConfig, settings: SweepConfig) -> Finding:
    """The sweeps; the page stops, in words, if the settings allow none."""
    try:
        return _find(config.model_dump_json(), settings.model_dump_json())
    except UserError as error:
        st.error(str(error))
        st.stop()


def curve(found: Finding) -> None:
    """The curve with the suggestions, and what to know of it."""
    if found.remark:
        st.warning(found.remark)
    live(Chart.of(figures.rate_finder(found), "Smoothed loss against the learning rate."), key="lr.curve")


def jury(found: Finding, config: RunConfig) -> None:
    """A line for each rule: what it suggests, how it reads the curve, and a button that takes the rate along."""
    for name, rate in found.suggestions.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"Take {rate:.2g} to the MLP", key=f"lr.take.{name}", on_click=_take, args=(rate, config), width=220
            )
            st.markdown(f"**{name}** {JURY[name][1]}", width="stretch")
    if st.session_state.pop("lr.taken", False):
        st.switch_page(Path(__file__).parent.parent / "pages" / "train" / "mlp.py")


def _take(rate: float, config: RunConfig) -> None:
    """Lets the MLP page begin anew with this rate and this network."""
    st.session_state.pop("mlp.run", None)
    for name, value in config.model.model_dump(exclude={"family"}).items():
        st.session_state[forms.key_of("mlp", name)] = value
    st.session_state[forms.key_of("mlp", "learning_rate")] = float(f"{rate:.3g}")
    st.session_state["lr.taken"] = True


def name_of(config: RunConfig) -> str:
    """The name of a run in the race: its rate."""
    return f"rate {config.train.learning_rate:.3g}"
