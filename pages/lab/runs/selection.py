"""The runs selected in the table, and the error message of the last action."""

from collections.abc import Callable

import streamlit as st

from lmcore.errors import UserError
from lmcore.runs.view import RunView
from ui import errors

PAGE = "runs"
MAX_COMPARED = 8  # runs drawn on one chart
SELECTED, VERSION, ERROR = f"{PAGE}.selected", f"{PAGE}.table_version", f"{PAGE}.error"  # keys of the session state


def selected_ids() -> list[str]:
    """Ids of the selected runs; on the first visit, those in the address."""
    ids: list[str] = st.session_state.get(SELECTED) or st.query_params.get(PAGE, "").split(".")
    return ids


def store(ids: list[str]) -> None:
    """Records the selection in the session state and in the address."""
    st.session_state[SELECTED] = ids
    if ids:
        st.query_params[PAGE] = ".".join(ids)
    else:
        st.query_params.pop(PAGE, None)


def select(ids: list[str]) -> None:
    """Selects runs from code; a new table version makes the table start with this selection."""
    store(ids)
    st.session_state[VERSION] = version() + 1


def version() -> int:
    """How often runs were selected from code."""
    number: int = st.session_state.get(VERSION, 0)
    return number


def attempt(action: Callable[[], None]) -> bool:
    """Runs an action of a callback; the next rerun shows its error, if there is one. Returns whether it succeeded."""
    try:
        action()
    except UserError as error:
        st.session_state[ERROR] = str(error)
        return False
    return True


def show_error() -> None:
    """Shows the error of the last action once."""
    if message := st.session_state.pop(ERROR, None):
        errors.show(message)


def has_at_least(n_runs: int, views: dict[str, RunView]) -> bool:
    """Whether at least one or two runs are selected; shows a message if not."""
    if len(views) < n_runs:
        st.info(f"Select {'at least two runs' if n_runs > 1 else 'a run'} in the table above.")
    return len(views) >= n_runs
