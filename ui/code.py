"""The page shows the very functions that made its pictures."""

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

import streamlit as st

_reading = threading.Lock()  # Python 3.11 cannot parse in two threads at once


@functools.cache
def _source(function: Callable[..., Any] | type) -> str:
    with _reading:
        return inspect.getsource(function)


def show_code(*functions: Callable[..., Any] | type) -> None:
    """The source of functions and classes of lmcore, folded away at the end of a page."""
    unfolded = st.expander("Show the code", icon=":material/code:", key="show_code", on_change="rerun")
    if not unfolded.open:
        return  # a page with its code folded away draws in half the time
    with unfolded:
        for function in functions:
            st.caption(f"{function.__module__}.{function.__qualname__}")
            st.code(_source(function), language="python")
