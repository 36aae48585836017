"""The source code of the functions that make a page's pictures, shown at the end of the page."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import streamlit as st

from lmcore.inspection.expressions import PARSING


@functools.cache
def source(function: Callable[..., Any] | type) -> str:
    """The source of a function or class."""
    with PARSING:
        return inspect.getsource(function)


def show_code(*functions: Callable[..., Any] | type) -> None:
    """The expander "Show the code", with the source of functions and classes of lmcore."""
    unfolded = st.expander("Show the code", icon=":material/code:", key="show_code", on_change="rerun")
    if not unfolded.open:
        return  # a page draws twice as fast without it
    with unfolded:
        for function in functions:
            st.caption(f"{function.__module__}.{function.__qualname__}")
            st.code(source(function), language="python")
