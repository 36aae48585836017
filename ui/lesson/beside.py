"""The lesson beside a page. A page without one does not wait until the player of lessons has been imported."""

import streamlit as st

from ui.lesson import position as positions
from ui.navigation import Page


def show(here: Page) -> None:
    """Sets up the step of the visitor's lesson, if there is one, and draws its panel. Call it before the page runs.

    Args:
        here: the page that is about to be drawn.
    """
    place = st.container()  # at every run, because the elements after it would be remounted if it went missing
    moved = positions.take_move()
    if moved is None:
        positions.follow_address()
    position = positions.current()
    if position is not None:
        from ui.lesson import panel

        with place:
            panel.show(here, position, moved)
    positions.write()
