"""The address bar: it holds the settings of a page, or the id of the run that the page shows."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import streamlit as st

from ui import navigation

RUN = "run"  # the parameter that names the run
LESSON = "lesson"  # the parameter that names the lesson, and the step
NOT_SETTINGS = {RUN, LESSON, "race", "runs", "class", "present", "embed", "embed_options"}
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
    if (named := newly_named(key)) and named[-1] in options:
        st.session_state[key] = named[-1]


def newly_named(key: str) -> list[str]:
    """The values of a parameter of the address, once each time that a visitor enters a page; empty otherwise."""
    is_new = st.session_state.get(f"{key}.visit") != navigation.visit()
    st.session_state[f"{key}.visit"] = navigation.visit()
    return st.query_params.get_all(key) if is_new else []


def write(key: str, value: Any, default: Any, bound: bool = True) -> None:
    """Makes the address hold a value that no bound widget has; a default need not be there. Arguments as for `bind`.

    A default that a link names stays: taking it out would leave the address of the link in the browser's history, and
    the Back button would lead to it again and again.
    """
    if not bind(key, default, bound) or st.query_params.get_all(key) == (texts := texts_of(value)):
        return
    if value == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = texts


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


def texts_of(value: Any) -> list[str]:
    """A value as an address has it, one text per item; an item of several numbers has spaces between them."""
    text = _text(value)
    return [text] if isinstance(text, str) else text


def _text(value: Any) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [" ".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in value]
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
    kept = {name: values for name, values in now.items() if name in (LESSON, "race", "runs", "recipe")}
    wanted = kept | {name: [text] if isinstance(text, str) else text for name, text in changed.items()}
    if force or wanted != now:
        st.query_params.from_dict(wanted)
