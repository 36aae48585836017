"""What the pages of the section Lab share: the export and import of a run."""

import functools

import streamlit as st

from lmcore.errors import UserError
from lmcore.runs.archive import MAX_ARCHIVE_BYTES
from lmcore.runs.export import export_run
from lmcore.runs.import_archive import Imported, import_archive
from lmcore.runs.script_data import SCRIPT_AND_DATA
from lmcore.runs.view import RunView
from ui import gate
from ui.navigation import page_of
from ui.run import attach
from ui.server import engine

EXPORTS = {  # by file suffix: label, icon, MIME type, tooltip
    ".zip": ("Run", ":material/folder_zip:", "application/zip", "The complete run, to import on another computer."),
    ".py": (
        "Script",
        ":material/terminal:",
        "text/x-python",
        "The run in plain PyTorch or NumPy: the same losses.",
    ),
    ".ipynb": ("Notebook", ":material/book_2:", "application/x-ipynb+json", "The same code as a Jupyter notebook."),
    ".script.zip": (
        SCRIPT_AND_DATA,
        ":material/folder_data:",
        "application/zip",
        "Script and notebook in a zip file, beside the text or table that they read.",
    ),
    ".csv": ("Losses", ":material/table:", "text/csv", "The losses of all steps and snapshots, for a spreadsheet."),
}
MAX_UPLOAD = MAX_ARCHIVE_BYTES // 1_000_000  # MB


# ---------------------------------------------------------------- export


def export_buttons(page: str, view: RunView) -> None:
    """One download button per export format; the file is made from the run's state at the click.

    Args:
        page: prefix of the widget keys.
        view: the run to export.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        for suffix, (label, icon, kind, tooltip) in EXPORTS.items():
            st.download_button(
                label,
                functools.partial(export, view.id, suffix),
                f"{view.config.family}-{view.step}{suffix}",
                kind,
                key=f"{page}.export{suffix}",
                on_click="ignore",
                icon=icon,
                help=tooltip,
            )


def export(run_id: str, suffix: str) -> bytes:
    """A run as a file of one of the formats in `EXPORTS`."""
    content: bytes = engine().compute(export_run, engine().copy(run_id), suffix)
    return content


# ---------------------------------------------------------------- import


def import_run(page: str) -> None:
    """An uploader for an exported run, with a link to the run once it is imported.

    Args:
        page: prefix of the widget keys.
    """
    file = st.file_uploader(
        "Import a run", "zip", key=f"{page}.import", max_upload_size=MAX_UPLOAD, help="A zip file exported as “Run”."
    )
    if file is None:
        return
    key = f"{page}.imported"
    if st.session_state.get(key, ("",))[0] != file.file_id:
        st.session_state[key] = (file.file_id, *_import(file.getvalue()))
        st.rerun()  # what was drawn before lacks the run
    _, imported, message = st.session_state[key]
    if imported is None:
        st.error("The run was not imported.")
        st.text(message)  # it may quote the file
        return
    st.success("The run was imported.", icon=":material/check:")
    if message:
        st.text(message)
    if (page_of_run := page_of(engine().view(imported.id).config)) is not None:
        attach.link_to(page_of_run, imported.id, "Open the imported run")


def _import(data: bytes) -> tuple[Imported | None, str]:
    """The imported run with a remark, or None with the reason why it was refused."""
    try:
        imported: Imported = engine().compute(import_archive, data, engine().store, gate.visitor())
    except UserError as error:
        return None, str(error)
    return imported, imported.remark
