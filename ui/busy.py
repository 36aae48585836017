"""What the page says while something is computed: at the top of the window, so that nothing on the page moves."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import streamlit as st

PLACE = "busy_place"
"""Key in the session state: the container that is always there."""


STYLE = """
.st-key-busy { position: fixed; top: 4rem; left: 50%; width: auto; transform: translateX(-50%); z-index: 999990; }
.st-key-busy [data-testid=stSpinner] {
  padding: 0.5rem 1rem; border-radius: 2rem; background: light-dark(#ffffff, #262730); box-shadow: 0 2px 8px #0004;
}
"""


def place() -> None:
    """Makes the place; once in each full rerun, before the page."""
    container = st.session_state[PLACE] = st.container(key="busy")
    # an element that keeps the container in the document, which leaves out containers without any
    container.html(f"<style>{STYLE}</style><span></span>")


@contextmanager
def spinner(text: str) -> Iterator[None]:
    """Shows what the page waits for, and how long it has waited, from half a second on."""
    with st.session_state.get(PLACE, nullcontext()), st.spinner(text, show_time=True):
        yield
