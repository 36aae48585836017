"""The data of the page Linear: toy data sets, points drawn by hand, or an uploaded table."""

from typing import Any

import streamlit as st

from lmcore.data import datasets, tables
from lmcore.data.datasets import TOYS, DataConfig, Dataset
from lmcore.errors import UserError
from pages.classifiers import shared
from pages.classifiers.linear import points
from ui import address, forms

FIELDS = {  # settings of each data set
    "clouds": ["examples", "features", "classes", "separation", "mislabeled"],
    "blobs": ["examples", "features", "classes", "separation"],
    "moons": ["examples", "noise"],
    "circles": ["examples", "noise"],
    "points": [],
}


def pick(page: str, options: dict[str, Any], fixed: bool) -> tuple[DataConfig, Dataset]:
    """Widgets in the sidebar; returns the data that they describe. The page stops with a message if there are none.

    Args:
        page: prefix of the widget keys.
        options: as for `forms.form`.
        fixed: whether the data can no longer be changed.
    """
    uploaded, key = _uploaded_tables(page), f"{page}_data_source"
    address.read_choice(key, [*TOYS, *uploaded])
    with st.sidebar:
        source = st.selectbox(
            "Data",
            [*TOYS, *uploaded],
            format_func=lambda name: uploaded.get(name, name.capitalize()),
            key=key,
            disabled=fixed,
            persist_state="session",
        )
        values: dict[str, Any] = {"source": source, "points": points.pick(page, fixed)}
        try:
            if source in uploaded:
                values |= {"label": _pick_label(page, source, fixed), "points": ()}
            fields = [*FIELDS.get(source, ["examples"]), *shared.SPLIT_FIELDS]
            values |= forms.form(DataConfig, fields, prefix=f"{page}_data", **options, defaults=_defaults(source))
        except UserError as error:
            st.error(str(error))
        _offer_upload(page, fixed)
    address.write(key, source, TOYS[0], bound=not fixed)
    config = forms.parse(DataConfig, values)
    try:
        return config, datasets.load(config)
    except UserError as error:
        if source == "points":
            st.info(str(error))
            points.show_empty_sheet(page, config)
        else:
            st.error(str(error))
        st.stop()


def _uploaded_tables(page: str) -> dict[str, str]:
    """Titles of the tables that this visitor uploaded, or that the shown run uses, by source name."""
    uploaded: dict[str, str] = st.session_state.setdefault("own_tables", {})
    source = st.session_state.get(f"{page}_data_source")
    if source and source.startswith("text:"):
        uploaded.setdefault(source, source.partition("-")[2])
    return uploaded


def _defaults(source: str) -> dict[str, Any]:
    """Defaults of this page where they differ from those of `DataConfig`."""
    if source == "clouds":
        return {"separation": 1.6, "seed": 7}
    return {"examples": 2000} if ":" in source else {}


def _pick_label(page: str, source: str, fixed: bool) -> str:
    """The column of a table with the class labels; the last one by default."""
    header = tables.read(source).header
    key = f"{page}_data_label"
    return str(
        st.selectbox(
            "Label column",
            header,
            len(header) - 1,
            key=key,
            disabled=fixed,
            bind=address.bind(key, header[-1], bound=not fixed),
            help="The column with the classes.",
        )
    )


def _offer_upload(page: str, fixed: bool) -> None:
    with st.expander("Upload a table", icon=":material/upload:"):
        st.file_uploader(
            "CSV file with a header and one example per line",
            type=["csv", "txt", "tsv"],
            key=f"{page}.upload",
            on_change=_keep_upload,
            args=(page,),
            disabled=fixed,
        )
        if message := st.session_state.get(f"{page}.upload_error"):
            st.error(message)


def _keep_upload(page: str) -> None:
    """Stores the uploaded table, and selects it."""
    file = st.session_state.get(f"{page}.upload")
    st.session_state.pop(f"{page}.upload_error", None)
    if file is None:
        return
    try:
        name = tables.save(file.getvalue(), file.name)
    except UserError as error:
        st.session_state[f"{page}.upload_error"] = str(error)
        return
    st.session_state.setdefault("own_tables", {})[name] = file.name
    st.session_state[f"{page}_data_source"] = name
