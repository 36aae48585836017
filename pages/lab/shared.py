"""Taking a run along, and bringing one in: downloads and an uploader for any page that shows runs."""

import secrets
from collections.abc import Callable

import streamlit as st

from lmcore.errors import UserError
from lmcore.runs import exchange, scripts
from lmcore.runs.engine import RunView
from lmcore.runs.exchange import Imported
from ui.navigation import page_of
from ui.server import engine

BUTTONS = {  # by the end of the file's name: label, icon, type, what is in it
    ".zip": ("Run", ":material/folder_zip:", "application/zip", "All of it; it can be imported on another computer."),
    ".py": ("Script", ":material/terminal:", "text/x-python", "The experiment in plain torch, with the same losses."),
    ".ipynb": ("Notebook", ":material/book_2:", "application/x-ipynb+json", "The same as a Jupyter notebook."),
    ".csv": ("Losses", ":material/table:", "text/csv", "The loss of every step and snapshot, for a spreadsheet."),
}
LARGEST = exchange.MAX_PACKED // 1_000_000  # megabytes


def take_along(page: str, view: RunView) -> None:
    """Buttons that download a run as it is at the click: whole, as a script, as a notebook, its losses.

    Args:
        page: stands before the keys of the buttons.
        view: the run.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        for suffix, (label, icon, kind, what) in BUTTONS.items():
            st.download_button(
                label,
                _content(view.id, suffix),
                f"{view.config.family}-{view.step}{suffix}",
                kind,
                key=f"{page}.take{suffix}",
                on_click="ignore",
                icon=icon,
                help=what,
                disabled=suffix in (".py", ".ipynb") and not _has_script(view),
            )


def _content(run_id: str, suffix: str) -> Callable[[], bytes]:
    """What a button downloads, made when it is clicked."""

    def make() -> bytes:
        content = exchange.WAYS[suffix](engine().copy(run_id))
        return content if isinstance(content, bytes) else content.encode()

    return make


def _has_script(view: RunView) -> bool:
    try:
        scripts.Experiment.of(view.config, view.changes, view.step)
    except UserError:
        return False
    return True


def bring_in(page: str) -> Imported | None:
    """An uploader for an exported run; returns what has just come in, once, and offers a way to it.

    Args:
        page: stands before the keys of the widgets.
    """
    given = st.file_uploader(
        "Import a run", "zip", key=f"{page}.bring", max_upload_size=LARGEST, help="A zip that 'Run' downloaded."
    )
    if given is None:
        return None
    key, imported = f"{page}.brought", None
    if st.session_state.get(key, ("",))[0] != given.file_id:
        imported, told = _import(given.getvalue())
        st.session_state[key] = (given.file_id, imported, told)
    _, known, told = st.session_state[key]
    if known is None:
        st.error("The run was not imported.")
        st.text(told)  # it may hold words of the file
        return None
    st.success("The run was imported.", icon=":material/check:")
    if told:
        st.text(told)
    _way_to(known)
    return imported


def _import(data: bytes) -> tuple[Imported | None, str]:
    owner = st.session_state.setdefault("visitor", secrets.token_hex(8))
    try:
        imported = exchange.unpack(data, engine().store, owner)
    except UserError as error:
        return None, str(error)
    return imported, imported.remark


def _way_to(imported: Imported) -> None:
    page = page_of(engine().view(imported.id).config)
    st.page_link(page.script, label="Open it", icon=":material/open_in_new:", query_params={"run": imported.id})
