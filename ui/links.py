"""A link sets a page's settings. What in it cannot be used is named above the page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lmcore.config import format_value
from lmcore.errors import UserError
from ui import address, errors, navigation
from ui.address import NOT_SETTINGS, RUN
from ui.errors import Ended

SESSION = {"visitor", "known_runs", "own_texts", "own_tables", "own_text_error", "own_text_read", "paste", "upload"}
"""Keys of the session state that are not settings, beside those with a dot: never shown, and no link can set them."""

UNCHECKED = "links.unchecked"  # key in the session state: parameters of the link that no page could judge yet
MAX_SHOWN = 60  # characters of a value in a message


@contextmanager
def checked() -> Iterator[None]:
    """Around each full run of a page; on a visitor's first one it says what in the link could not be used.

    Where the page ends early, settings that it has not drawn yet are judged by the first run that comes to its end.
    """
    notice = st.container()  # at every run, because the elements after it would be remounted if it went missing
    if UNCHECKED not in st.session_state:
        st.session_state[UNCHECKED] = {name: st.query_params.get_all(name) for name in st.query_params}
    elif navigation.visit() > 1:
        st.session_state[UNCHECKED] = {}  # the visitor has left the page that the link opened
    address.begin()
    try:
        yield
    except (UserError, Ended):
        _complain(notice, lambda name: name in st.session_state or not may_be(name))
        raise
    address.end()
    _complain(notice, lambda name: True)


def _complain(notice: DeltaGenerator, can_judge: Callable[[str], bool]) -> None:
    """Says once which of the parameters that can be judged by now could not be used."""
    given: dict[str, list[str]] = st.session_state[UNCHECKED]
    judged = {name: values for name, values in given.items() if can_judge(name)}
    for sentence in complaints(judged, RUN in given):
        errors.show(sentence, notice.warning)
    st.session_state[UNCHECKED] = {name: values for name, values in given.items() if name not in judged}


def may_be(name: str) -> bool:
    """Whether a key of the session state can be a setting."""
    return name not in SESSION and "." not in name


def complaints(given: dict[str, list[str]], opens_run: bool) -> list[str]:
    """A sentence for each parameter of a link that the page could not use.

    Args:
        given: values by name.
        opens_run: whether the link names a run as well, whose settings win.
    """
    sentences = []
    for name, values in given.items():
        if name in NOT_SETTINGS:
            continue
        named = f"{name[:MAX_SHOWN]} = {' '.join(values)[:MAX_SHOWN]}"
        if name not in st.session_state or not may_be(name):
            sentences.append(f"The link sets {named!r}, which is not a setting of this page. It was ignored.")
            _remove(name)
        elif not fits(st.session_state[name], values):
            used = format_value(st.session_state[name], empty="none")
            if opens_run:
                sentences.append(f"The link sets {named!r}, but the run that it opens has {used}.")
            else:
                sentences.append(f"The link sets {named!r}, which is not allowed. The page uses {used} instead.")
    return sentences


def _remove(name: str) -> None:
    if name in st.query_params:
        del st.query_params[name]


def fits(used: Any, given: list[str]) -> bool:
    """Whether a setting has the value that a link gives it."""
    if isinstance(used, list | tuple):
        return sorted(address.texts_of(used)) == sorted(given)
    if isinstance(used, bool):
        return given[-1].lower() == str(used).lower()
    try:
        return given[-1] == str(used) or float(given[-1]) == float(used)
    except (TypeError, ValueError):
        return False
