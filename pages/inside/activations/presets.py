"""Settings of the page: presets that each show one phenomenon, and the gain of the hidden weights."""

import math
from typing import Any

import streamlit as st

from lmcore.inspection.treatments import CASES, HEALTHY
from lmcore.models.mlp import MLPConfig
from lmcore.nn.initialization import GAINS
from lmcore.runs.view import RunView
from ui import address, forms

CUSTOM = "custom"


def pick(page: str, view: RunView | None, values: dict[str, Any]) -> None:
    """A menu of presets, which shows the one that the current settings match.

    Args:
        page: prefix of the widget keys.
        view: the run, if there is one; its settings are fixed.
        values: current model and training settings.
    """
    values = values | {"gain": values["hidden_scale"] * GAINS[values["activation"]]}
    matching = (name for name, preset in CASES.items() if all(_is_equal(values[key], preset[key]) for key in preset))
    st.session_state[f"{page}.case"] = next(matching, CUSTOM)
    tooltip = "Fills in the settings below."
    st.selectbox(
        "Preset",
        [*CASES, CUSTOM],
        key=f"{page}.case",
        on_change=_apply,
        args=(page,),
        disabled=view is not None,
        help=f"{tooltip} Press Reset to choose another one." if view else tooltip,
    )


def _is_equal(one: Any, other: Any) -> bool:
    return math.isclose(one, other, rel_tol=1e-3) if isinstance(other, float) else bool(one == other)


def _apply(page: str) -> None:
    """Copies the chosen preset into the widgets."""
    for name, value in CASES.get(st.session_state[f"{page}.case"], {}).items():
        st.session_state[forms.key_of(page, name)] = value


def gain_slider(page: str, view: RunView | None) -> dict[str, float]:
    """A slider for the gain of the hidden weights; returns the model setting that it stands for."""
    key = forms.key_of(page, "gain")
    if view is not None and isinstance(view.config.model, MLPConfig):
        st.session_state[key] = view.config.model.hidden_scale * GAINS[view.config.model.activation]
    gain = st.slider(
        "Gain of the hidden weights",
        0.5,
        3.0,
        HEALTHY["gain"],
        key=key,
        disabled=view is not None,
        bind=address.bind(key, HEALTHY["gain"], bound=view is None),
        help="Standard deviation of the initial weights × √(number of inputs). Kaiming: 5/3 for tanh, √2 for ReLU.",
    )
    activation = st.session_state.get(forms.key_of(page, "activation"), "tanh")
    return {"hidden_scale": gain / GAINS[activation]}
