"""The page shows the very functions that made its pictures."""

import inspect
from collections.abc import Callable
from typing import Any

import streamlit as st


def show_code(*functions: Callable[..., Any] | type) -> None:
    """The source of functions and classes of lmcore, folded away at the end of a page."""
    with st.expander("Show the code", icon=":material/code:"):
        for function in functions:
            st.caption(f"{function.__module__}.{function.__qualname__}")
            st.code(inspect.getsource(function), language="python")
