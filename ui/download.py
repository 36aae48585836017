"""A file that is downloaded on request: what it is, and a button."""

import functools

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lmcore.data import downloads
from lmcore.data.downloads import RemoteFile
from lmcore.errors import UserError
from ui import errors


def offer(file: RemoteFile, description: str, key: str = "download") -> None:
    """A description with a button that downloads the file and reruns the page, or says why it could not.

    Args:
        file: what to download.
        description: what is in it, how large it is, and its license.
        key: of the button.
    """
    st.info(description, icon=":material/download:")
    if st.button("Download", key=key, type="primary"):
        bar = st.progress(0.0, "Connecting…")
        try:
            downloads.download(file, functools.partial(_show_progress, bar))
        except UserError as error:
            bar.empty()
            errors.show(error)
        else:
            st.rerun()


def _show_progress(bar: DeltaGenerator, done: int, total: int) -> None:
    bar.progress(min(1.0, done / total), f"{done / 1e6:.1f} MB")
