"""Runs to start as soon as the page has read its widgets.

A callback knows only the settings that the page had when it was drawn last. Somebody who types a setting and clicks
Start at once expects the new one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException

_NEXT, _CURRENT = "requests.next", "requests.current"  # keys in the session state


@dataclass(frozen=True)
class Request:
    """A run to start."""

    page: str  # prefix of its widget keys
    options: Mapping[str, Any] = field(default_factory=dict)  # of `Engine.start`
    train: Mapping[str, Any] = field(default_factory=dict)  # training settings that differ from those on the page


def put(page: str, **parts: Mapping[str, Any]) -> None:
    """Requests a run, for the next full run of the page. For callbacks; arguments as in `Request`."""
    st.session_state[_NEXT] = Request(page, **parts)


def take(page: str) -> Request | None:
    """What was requested on a page, once."""
    request: Request | None = st.session_state.pop(_CURRENT, None)
    return request if request is not None and request.page == page else None


@contextmanager
def expire() -> Iterator[None]:
    """Around each full run of a page: if it stops before its buttons are drawn, what they requested never starts.

    Only a run that is interrupted by the next one hands its request on.
    """
    st.session_state[_CURRENT] = st.session_state.pop(_NEXT, None)
    try:
        yield
    except RerunException:
        st.session_state[_NEXT] = st.session_state.get(_CURRENT)
        raise
