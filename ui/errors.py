"""Errors that a visitor can correct are shown where they happened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from lmcore.errors import UserError
from ui import forms


def show(error: UserError | str, element: Callable[[str], Any] = st.error) -> None:
    """Shows the sentence of an error, as text: it may quote what somebody typed or uploaded.

    Args:
        error: the error, or its sentence.
        element: what shows it, such as `st.error` or `st.info`.
    """
    element(forms.plain(str(error)))


class Ended(Exception):
    """Raise it where nothing more can be drawn. After `st.stop`, nothing else could be said on the page either."""


@contextmanager
def told() -> Iterator[None]:
    """Shows the sentence of a `UserError` in place of what was to be drawn; what follows is drawn all the same."""
    try:
        yield
    except UserError as error:
        show(error)
    except Ended:
        pass
