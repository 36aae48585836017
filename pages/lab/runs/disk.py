"""The tab Disk: how much space the runs use, and the trash."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lmcore.errors import UserError
from lmcore.runs.disk import disk_use
from lmcore.runs.filtering import display_names
from lmcore.runs.store import TRASH_DAYS, Header
from pages.lab.runs import actions
from pages.lab.runs.selection import PAGE
from ui import errors, forms
from ui.run import attach
from ui.server import engine


def show(headers: Sequence[Header], names: dict[str, str]) -> None:
    """Total disk use, suggestions for deletion, the size of each run, and the trash."""
    try:
        use = disk_use(engine().store, engine().headers())
    except UserError as error:
        errors.show(error)
        return
    st.text(
        f"The runs on this machine use {_size(use.total)} of {_size(use.limit)}, including "
        f"{_size(sum(use.trash.values()))} in the trash. No run is deleted automatically; runs that have been in the "
        f"trash for {TRASH_DAYS} days are removed when the app starts or a run is deleted."
    )
    st.progress(min(1.0, use.total / use.limit))
    if offered := [run_id for run_id in use.offered if run_id in names]:
        st.warning("The runs exceed the disk limit. Suggested for deletion (the oldest unstarred runs):")
        st.text(", ".join(names[run_id] for run_id in offered))
        st.button(
            f"Delete {forms.counted(len(offered), 'run')}",
            key=f"{PAGE}.offered",
            on_click=actions.delete,
            args=(offered,),
        )
    sizes = {names[run_id]: size / 1e6 for run_id, size in use.sizes.items() if run_id in names}
    table = pd.DataFrame({"run": list(sizes), "MB": list(sizes.values())}).sort_values("MB", ascending=False)
    left, right = st.columns(2)
    with left:
        st.dataframe(table, hide_index=True, column_config={"MB": st.column_config.NumberColumn(format="%.2f")})
    with right:
        _trash()


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _trash() -> None:
    """The newest runs in the trash that this visitor may see, each with a button that restores it."""
    trashed = [header for header in engine().store.trash.headers() if attach.may_see(header)]
    st.markdown("**Trash**")
    if not trashed:
        st.text("The trash is empty.")
        return
    names = display_names(trashed)
    for header in trashed[:20]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Restore", key=f"{PAGE}.back.{header.id}", on_click=actions.restore, args=([header.id],))
            st.text(names[header.id])
    st.button(
        "Empty trash",
        key=f"{PAGE}.empty",
        icon=":material/delete_forever:",
        on_click=_empty,
        args=([header.id for header in trashed],),
        help="Deletes these runs permanently.",
    )


def _empty(ids: list[str]) -> None:
    engine().store.empty_trash(only=ids)
    st.session_state.pop(actions.DELETED, None)
