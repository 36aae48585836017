"""A link sets a page's settings. What in it cannot be used is named above the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from ui import address, forms
from ui.address import NOT_SETTINGS, RUN

SESSION = {"visitor", "known_runs", "own_texts", "own_tables", "own_text_error", "own_text_read", "paste", "upload"}
"""Keys of the session state that are not settings, beside those with a dot: never shown, and no link can set them."""

CHECKED = "links.checked"  # key in the session state
MAX_SHOWN = 60  # characters of a value in a message


@contextmanager
def checked() -> Iterator[None]:
    """Around each full run of a page; on a visitor's first one it says what in the link could not be used."""
    notice = st.container()  # at every run, because the elements after it would be remounted if it went missing
    given = {} if CHECKED in st.session_state else {name: st.query_params.get_all(name) for name in st.query_params}
    st.session_state[CHECKED] = True
    address.begin()
    try:
        yield
        address.end()
    finally:  # a page may stop early
        for sentence in complaints(given):
            notice.warning(sentence)


def complaints(given: dict[str, list[str]]) -> list[str]:
    """A sentence for each parameter of a link that the page could not use."""
    sentences = []
    for name, values in given.items():
        if name in NOT_SETTINGS:
            continue
        named = f"{name[:MAX_SHOWN]} = {' '.join(values)[:MAX_SHOWN]}"
        if name not in st.session_state or name in SESSION or "." in name:
            sentences.append(f"The link sets {named!r}, which is not a setting of this page. It was ignored.")
            _remove(name)
        elif not fits(st.session_state[name], values):
            used = _in_words(st.session_state[name])
            if RUN in given:
                sentences.append(f"The link sets {named!r}, but the run that it opens has {used}.")
            else:
                sentences.append(f"The link sets {named!r}, which is not allowed. The page uses {used} instead.")
    return [forms.plain(sentence) for sentence in sentences]


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


def _in_words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
