"""The data of the page Linear: toy data sets, points drawn by hand, or an uploaded table."""

from typing import Any

import pandas as pd
import streamlit as st

from lmcore.data import datasets, encoding, table_features, tables, uploads
from lmcore.data.datasets import TOYS, DataConfig, Dataset
from lmcore.errors import UserError
from pages.classifiers import shared
from pages.classifiers.linear import points
from ui import address, errors, forms, load
from ui.computed import computed
from ui.errors import Ended
from ui.server import engine

FIELDS = {  # settings of each data set
    "clouds": ["examples", "features", "classes", "separation", "mislabeled"],
    "blobs": ["examples", "features", "classes", "separation"],
    "moons": ["examples", "noise"],
    "circles": ["examples", "noise"],
    "points": [],
}
TABLE_FIELDS = ["examples", "row_numbers"]
FILE_TYPES = ["csv", "tsv", "tab", "txt", "dat", "data"]


def pick(page: str, options: dict[str, Any], fixed: bool) -> tuple[DataConfig, Dataset]:
    """Widgets in the sidebar; returns the data that they describe.

    Args:
        page: prefix of the widget keys.
        options: as for `forms.form`.
        fixed: whether the data can no longer be changed.

    Raises:
        UserError: if there are none.
        Ended: if points must be entered first.
    """
    with st.sidebar:
        source = _pick_source(page, fixed)
        values: dict[str, Any] = {"source": source, "points": points.pick(page, fixed)}
        try:
            if tables.is_table(source):
                values |= {"label": _pick_label(page, source, fixed), "points": ()}
            fields = [*FIELDS.get(source, TABLE_FIELDS), *shared.SPLIT_FIELDS]
            values |= forms.form(DataConfig, fields, prefix=f"{page}_data", **options, defaults=_defaults(source))
        except UserError as error:
            errors.show(error)
        _offer_upload(page, fixed)
    address.write(f"{page}_data_source", source, TOYS[0], bound=not fixed)
    config = DataConfig.parse(values)
    try:
        return config, load.dataset(config)
    except UserError as error:
        if source != "points":
            raise
        errors.show(error, st.info)
        points.show_empty_sheet(page, config)
        raise Ended from None


def _pick_source(page: str, fixed: bool) -> str:
    """A toy data set, or one of the visitor's tables."""
    uploaded, key = _uploaded_tables(page), f"{page}_data_source"
    address.read_choice(key, [*TOYS, *uploaded])
    return str(
        st.selectbox(
            "Data",
            [*TOYS, *uploaded],
            format_func=lambda name: uploaded.get(name, name.capitalize()),
            key=key,
            disabled=fixed,
            persist_state="session",
            on_change=_use_defaults,
            args=(page, st.session_state.get(key, TOYS[0])),
        )
    )


def _uploaded_tables(page: str) -> dict[str, str]:
    """Titles of the tables that this visitor uploaded, or that the shown run uses, by source name."""
    uploaded: dict[str, str] = st.session_state.setdefault("own_tables", {})
    source = st.session_state.get(f"{page}_data_source")
    if source and tables.is_table(source):
        uploaded.setdefault(source, uploads.title_of(source))
    return uploaded


def _defaults(source: str) -> dict[str, Any]:
    """Defaults of this page where they differ from those of `DataConfig`."""
    if source == "clouds":
        return {"separation": 1.6, "seed": 7}
    return datasets.defaults(source)


def _use_defaults(page: str, before: str) -> None:
    """Resets the settings whose defaults differ between the data set ``before`` and the one that is selected now."""
    old, new = _defaults(before), _defaults(st.session_state[f"{page}_data_source"])
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            default = DataConfig.model_fields[name].default
            st.session_state[f"{page}_data_{name}"] = new.get(name, default)


def _pick_label(page: str, source: str, fixed: bool) -> str:
    """The column of a table with the class labels."""
    key = f"{page}_data_label"
    header, default = _label_columns(source)
    return str(
        st.selectbox(
            "Label column",
            header,
            header.index(default),
            key=key,
            disabled=fixed,
            bind=address.bind(key, default, bound=not fixed),
            help="The column with the classes.",
        )
    )


_label_columns = computed(table_features.label_columns, 5_000_000, "Reading the table…")


def show_columns(data: Dataset) -> None:
    """How a table was read, and what became of each of its columns; nothing for other data."""
    for remark in data.remarks:
        st.text(remark)
    if not data.columns:
        return
    n_left_out = sum(column.use.startswith("left out") for column in data.columns)
    with st.expander(f"Columns: {len(data.columns) - n_left_out} used, {n_left_out} left out", icon=":material/table:"):
        listed = [(column.name, column.use) for column in data.columns]
        st.dataframe(pd.DataFrame(listed, columns=["Column", "What became of it"]), hide_index=True)


def _offer_upload(page: str, fixed: bool) -> None:
    with st.expander("Upload a table", icon=":material/upload:"):
        st.file_uploader(
            "CSV file, one example per line",
            type=FILE_TYPES,
            key=f"{page}.upload",
            on_change=_keep_upload,
            args=(page,),
            disabled=fixed,
        )
        if message := st.session_state.get(f"{page}.upload_error"):
            errors.show(message)


def _keep_upload(page: str) -> None:
    """Stores the uploaded table, and selects it."""
    file = st.session_state.get(f"{page}.upload")
    st.session_state.pop(f"{page}.upload_error", None)
    if file is None:
        return
    try:
        encoding.check_size(file.size, file.name)
        name = engine().compute(tables.save, file.getvalue(), file.name)
    except UserError as error:
        st.session_state[f"{page}.upload_error"] = str(error)
        return
    st.session_state.setdefault("own_tables", {})[name] = file.name
    before = st.session_state.get(f"{page}_data_source", TOYS[0])
    st.session_state[f"{page}_data_source"] = name
    _use_defaults(page, before)
