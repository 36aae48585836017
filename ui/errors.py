"""Errors that a visitor can correct are shown where they happened."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from lmcore.errors import UserError


@contextmanager
def told() -> Iterator[None]:
    """Shows the sentence of a `UserError` in place of what was to be drawn; what follows is drawn all the same."""
    try:
        yield
    except UserError as error:
        st.error(str(error))
