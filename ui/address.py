"""The address bar: it holds the settings of a page, or the id of the run that the page shows."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import streamlit as st

from ui import navigation

RUN = "run"  # the parameter that names the run
NOT_SETTINGS = {RUN, "race", "runs", "embed", "embed_options"}
"""Parameters that are not the value of a widget."""

SETTINGS, DRAWN = "address.settings", "address.drawn"  # keys in the session state


def bind(key: str, default: Any, bound: bool = True) -> Literal["query-params"] | None:
    """What to pass to a widget as its ``bind``, so that its value is kept in the address.

    Args:
        key: of the widget, and its name in the address.
        default: value that is left out of the address.
        bound: False while the page shows a run, which holds the value; `settings` has it afterwards.
    """
    st.session_state.setdefault(DRAWN, {})[key] = default
    return "query-params" if bound else None


def read_choice(key: str, options: Collection[str]) -> None:
    """Chooses what the address names, once each time that a visitor enters a page. Call it before the widget.

    For selectboxes whose options have titles: Streamlit would put the title in the address, which may change.

    Args:
        key: of the widget, and its name in the address.
        options: the names that can be chosen.
    """
    if st.session_state.get(f"{key}.visit") != navigation.visit() and st.query_params.get(key) in options:
        st.session_state[key] = st.query_params[key]
    st.session_state[f"{key}.visit"] = navigation.visit()


def write_choice(key: str, name: str, default: str, bound: bool = True) -> None:
    """Makes the address name what was chosen in such a selectbox. Arguments as for `bind`."""
    if not bind(key, default, bound):
        return
    if name == default:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != name:
        st.query_params[key] = name


def begin() -> None:
    """Call it before each full run of a page, and `end` after one that was not interrupted."""
    st.session_state[DRAWN] = {}


def end() -> None:
    """Keeps which settings the page has, for `settings`."""
    st.session_state[SETTINGS] = st.session_state[DRAWN]


def settings() -> dict[str, str | list[str]]:
    """The current settings of the page as parameters of an address, without those at their defaults."""
    defaults: dict[str, Any] = st.session_state.get(SETTINGS, {})
    values = parameters({key: st.session_state[key] for key in defaults if key in st.session_state})
    return {key: value for key, value in values.items() if value != _text(defaults[key])}


def parameters(values: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Widget values by key as parameters of an address."""
    return {key: _text(value) for key, value in values.items()}


def _text(value: Any) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def names_settings() -> bool:
    """Whether the address holds settings."""
    return any(name not in NOT_SETTINGS for name in st.query_params)


def replace(changed: Mapping[str, str | list[str]], force: bool = False) -> None:
    """Replaces the run and the settings in the address, in one step of the browser's history.

    Args:
        changed: the run or the settings that the address should have instead.
        force: tell the browser even if nothing changes here; a link on the same page does not change its address bar.
    """
    now = {name: st.query_params.get_all(name) for name in st.query_params}
    kept = {name: values for name, values in now.items() if name in ("race", "runs", "recipe")}
    wanted = kept | {name: [text] if isinstance(text, str) else text for name, text in changed.items()}
    if force or wanted != now:
        st.query_params.from_dict(wanted)
