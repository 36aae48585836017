"""Which lesson a visitor plays, and where it stands: in the session, and in the address of every page."""

from typing import Literal, NamedTuple

import streamlit as st

from ui import address
from ui.address import LESSON

POSITION, MOVED = "lesson.position", "lesson.moved"  # keys in the session state
Move = Literal["everything", "page", "actions"]
"""What a move has yet to set up: the page with its settings and then the actions, or only one of them."""


class Position(NamedTuple):
    """A step of a lesson; in an address it is ``name.number``, counted from 1."""

    name: str
    step: int  # index; one more than the last one is the summary

    def __str__(self) -> str:
        return f"{self.name}.{self.step + 1}"


def current() -> Position | None:
    """Where the visitor's lesson stands; None if there is no lesson."""
    position: Position | None = st.session_state.get(POSITION)
    return position


def follow_address() -> None:
    """Takes the position from the address when the visitor enters a page; the menu says nothing about it."""
    if named := address.newly_named(LESSON):
        name, _, number = named[-1].rpartition(".")
        is_number = number.isascii() and number.isdigit() and len(number) < 4
        put(Position(name, max(0, int(number) - 1)) if is_number else Position(named[-1], 0))


def put(position: Position | None) -> None:
    """Moves the visitor to a step of a lesson; None ends the lesson. The address follows with `write`."""
    st.session_state[POSITION] = position


def move(to: Position | None, what: Move = "everything") -> None:
    """Moves to a step, which is set up by the next full run of the page. For callbacks.

    Args:
        to: the step; None ends the lesson.
        what: "everything" opens the page of the step with its settings and does its actions; "page" only opens the
            page as it was left; "actions" only does the actions.
    """
    put(to)
    st.session_state[MOVED] = what


def has_moved() -> bool:
    """Whether a move has yet to be set up."""
    return MOVED in st.session_state


def take_move() -> Move | None:
    """What is to be set up now, once."""
    moved: Move | None = st.session_state.pop(MOVED, None)
    return moved


def write() -> None:
    """Makes the address say where the lesson stands."""
    position = current()
    if position is None:
        st.query_params.pop(LESSON, None)
    elif st.query_params.get_all(LESSON) != [str(position)]:
        st.query_params[LESSON] = str(position)
