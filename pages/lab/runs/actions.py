"""The buttons below the table: open, star, delete, rename and annotate the selected runs."""

import functools

import streamlit as st

from lmcore.runs.store import TRASH_DAYS, Annotations, Header
from pages.lab.runs import selection
from pages.lab.runs.selection import PAGE
from ui import forms
from ui.navigation import page_of
from ui.server import engine

DELETED = f"{PAGE}.deleted"  # key of the session state: ids of the runs that Undo restores


def buttons(chosen: list[Header]) -> None:
    """One row of buttons for the selected runs; a single run also gets fields for its name and its note."""
    one = chosen[0] if len(chosen) == 1 else None
    ids = [header.id for header in chosen]
    starred = bool(chosen) and all(header.annotations.starred for header in chosen)
    with st.container(horizontal=True, vertical_alignment="bottom" if one else "center"):
        _open_button(one)
        st.button(
            "Unstar" if starred else "Star",
            key=f"{PAGE}.star",
            icon=":material/star:",
            disabled=not chosen,
            on_click=_star,
            args=(ids, not starred),
        )
        st.button(
            "Delete",
            key=f"{PAGE}.delete",
            icon=":material/delete:",
            disabled=not chosen,
            on_click=delete,
            args=(ids,),
            help=f"Move to the trash, which keeps runs for {TRASH_DAYS} days.",
        )
        if one:
            _name_and_note(one)
        else:
            st.text(f"{len(chosen)} runs selected." if chosen else "Select a run in the table.")


def _open_button(header: Header | None) -> None:
    page = page_of(header.config) if header else None
    pressed = st.button(
        "Open",
        key=f"{PAGE}.open",
        icon=":material/open_in_new:",
        disabled=page is None,
        help=None if header else "Select exactly one run.",
    )
    if pressed and header and page:
        st.switch_page(page.script, query_params={"run": header.id})


def _name_and_note(header: Header) -> None:
    for name, width in (("name", 200), ("note", 320)):
        key = f"{PAGE}.{name}.{header.id}"
        st.text_input(
            forms.label(name),
            getattr(header.annotations, name),
            key=key,
            max_chars=_max_length(name),
            width=width,
            on_change=_save_text,
            args=(header.id, name, key),
        )


def _max_length(name: str) -> int:
    rules = Annotations.model_fields[name].metadata
    limit: int = next(rule.max_length for rule in rules if hasattr(rule, "max_length"))
    return limit


def _save_text(run_id: str, name: str, key: str) -> None:
    selection.attempt(lambda: _update(run_id, name, st.session_state[key]))


def _star(ids: list[str], starred: bool) -> None:
    for run_id in ids:
        selection.attempt(functools.partial(_update, run_id, "starred", starred))


def _update(run_id: str, name: str, value: str | bool) -> None:
    engine().store.annotate(run_id, engine().store.annotations(run_id).updated(**{name: value}))


def delete(ids: list[str]) -> None:
    """Moves runs to the trash; those that cannot be deleted stay selected."""
    done = [run_id for run_id in ids if selection.attempt(functools.partial(engine().delete, run_id))]
    if done:
        st.session_state[DELETED] = done
    selection.select([run_id for run_id in ids if run_id not in done])


def undo_button() -> None:
    """Offers to restore the runs that were deleted last."""
    deleted = st.session_state.get(DELETED)
    if not deleted:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"{forms.counted(len(deleted), 'run')} deleted.")
        st.button("Undo", key=f"{PAGE}.undo", icon=":material/undo:", on_click=restore, args=(deleted,))


def restore(ids: list[str]) -> None:
    """Moves runs from the trash back into the table, and selects them."""
    for run_id in ids:
        selection.attempt(functools.partial(engine().undelete, run_id))
    st.session_state.pop(DELETED, None)
    selection.select(ids)
