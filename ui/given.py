"""Values that the app gives to widgets, for example those of a run that a page shows.

The browser sends the values of all widgets with each of its messages, also with the timed updates of a page that
trains. A message that was on its way when the app gave a value still carries the previous one, which nobody chose.
"""

import time
from typing import Any, NamedTuple

import streamlit as st

SECONDS_ON_THE_WAY = 5.0  # that a message may take from the browser to the server
GIVEN = "given.values"  # key in the session state


class _Given(NamedTuple):
    value: Any
    previous: Any
    since: float  # on the monotonic clock


def give(key: str, value: Any) -> None:
    """Sets the value of a widget; one that has it already is left alone, since a visitor may be typing into it."""
    announce(key, value)
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def announce(key: str, value: Any) -> None:
    """Says that the address is about to give a value to a widget."""
    if key in st.session_state and st.session_state[key] != value:
        _given()[key] = _Given(value, st.session_state[key], time.monotonic())


def is_outdated(key: str) -> bool:
    """Whether a widget only has the value that it had before the app gave it another one."""
    given = _given().get(key)
    if given is None or time.monotonic() - given.since > SECONDS_ON_THE_WAY:
        return False
    is_previous: bool = st.session_state.get(key) == given.previous
    return is_previous


def restore() -> None:
    """Gives outdated widgets their value again. Call it before each full run of a page."""
    for key, given in _given().items():
        if is_outdated(key):
            st.session_state[key] = given.value


def _given() -> dict[str, _Given]:
    given: dict[str, _Given] = st.session_state.setdefault(GIVEN, {})
    return given
