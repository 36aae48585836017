"""Tabs of which only the open one is drawn."""

from collections.abc import Callable, Collection, Mapping

import streamlit as st

from ui import address, errors


def draw_tabs(tabs: Mapping[str, Callable[[], None]], key: str) -> None:
    """Draws a row of tabs and the contents of the open one; the others cost nothing until they are opened.

    Args:
        tabs: what draws the contents of each tab, by title.
        key: of the widget, and the name by which a link opens a tab; until `open_tab` is called, its value in the
            session state is the title of the open tab.
    """
    _follow_link(key, tabs)
    for tab, draw in zip(st.tabs(list(tabs), on_change="rerun", key=_widget_key(key)), tabs.values(), strict=True):
        if tab.open:
            with tab, errors.told():
                draw()


def open_tab(key: str, title: str) -> None:
    """Opens a tab of `draw_tabs`. Call it before the row of tabs is drawn.

    An update that was already on its way still carries the tab that was open before, and would open it again. So the
    row of tabs becomes a new widget, about which that update says nothing. Only the visitor changes the tab of a row
    that stays, and present.js relies on that.
    """
    shown = st.session_state.get(_widget_key(key))
    if shown != title:
        st.session_state[_version(key)] = st.session_state.get(_version(key), 0) + (shown is not None)
        st.session_state[_widget_key(key)] = title


def _follow_link(key: str, titles: Collection[str]) -> None:
    """Opens the tab that the address names, which does not keep it: a visitor opens other tabs without a trace."""
    if (named := address.newly_named(key)) and named[-1] in titles:
        open_tab(key, named[-1])
        del st.query_params[key]


def _version(key: str) -> str:
    return f"{key}.version"


def _widget_key(key: str) -> str:
    version = st.session_state.get(_version(key), 0)
    return f"{key}.{version}" if version else key
