"""Links: the address bar holds a page's settings; what in it does not fit is named and replaced by the default."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from ui import forms

OWN = {"run", "race", "runs", "embed", "embed_options"}
"""Names in an address that are no widget's."""

STATE = {
    "visitor",
    "opened",
    "own_texts",
    "own_tables",
    "own_text_error",
    "own_text_read",
    "paste",
    "upload",
    "link_seen",
}
"""What a session knows beside its settings: it is never told, nor can a link set it."""

SHOWN = 60  # characters of a value that is named


@contextmanager
def checked() -> Iterator[None]:
    """Around a page: on a visitor's first one it says above it what of the link was not taken over."""
    notice = st.container()  # at every run, since what comes after it would be mounted anew where it is missing
    if "link_seen" in st.session_state:
        yield
        return
    st.session_state["link_seen"] = True
    given = {name: st.query_params.get_all(name) for name in st.query_params}
    try:
        yield
    finally:  # a page may stop in its middle
        for sentence in complaints(given):
            notice.warning(sentence)


def complaints(given: dict[str, list[str]]) -> list[str]:
    """A sentence for each name or value of a link that the page did not take over."""
    sentences = []
    for name, values in given.items():
        if name in OWN:
            continue
        value = " ".join(values)
        named = f"{name[:SHOWN]} = {value[:SHOWN]}"
        if name not in st.session_state or name in STATE or "." in name:
            sentences.append(f"The link says {named!r}, which is no setting of this page; it was left out.")
            _take_out(name)
        elif not _fits(st.session_state[name], values):
            instead = _in_words(st.session_state[name])
            sentences.append(f"The link says {named!r}, which does not fit; {instead} stands instead.")
    return [forms.plain(sentence) for sentence in sentences]


def _take_out(name: str) -> None:
    if name in st.query_params:
        del st.query_params[name]


def _fits(taken: Any, given: list[str]) -> bool:
    if isinstance(taken, list | tuple):
        return sorted(map(str, taken)) == sorted(given)
    if isinstance(taken, bool):
        return given[-1].lower() == str(taken).lower()
    try:
        return given[-1] == str(taken) or float(given[-1]) == float(taken)
    except (TypeError, ValueError):
        return False


def _in_words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
