"""The page shows the very functions that made its pictures."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import streamlit as st

from lmcore.inspection.expressions import PARSING


@functools.cache
def source(function: Callable[..., Any] | type) -> str:
    """The source of a function or class of lmcore, read once."""
    with PARSING:
        return inspect.getsource(function)


def show_code(*functions: Callable[..., Any] | type) -> None:
    """The source of functions and classes of lmcore, folded away at the end of a page."""
    unfolded = st.expander("Show the code", icon=":material/code:", key="show_code", on_change="rerun")
    if not unfolded.open:
        return  # a page with its code folded away draws in half the time
    with unfolded:
        for function in functions:
            st.caption(f"{function.__module__}.{function.__qualname__}")
            st.code(source(function), language="python")
