"""The table of runs, and the filters above it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from lmcore.data import uploads
from lmcore.runs.filtering import filter_runs
from lmcore.runs.run import Status
from lmcore.runs.settings import describe_settings
from lmcore.runs.store import Header
from pages.lab.runs import selection
from pages.lab.runs.selection import PAGE
from ui.run import controls

T = TypeVar("T")
MAX_ROWS = 13  # without scrolling


def filtered(headers: Sequence[Header]) -> list[Header]:
    """The filter widgets; returns the runs that match all of them."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Search", key=f"{PAGE}.find", placeholder="name, note or setting", width=180)
        families = _filter("Model", "family", sorted({header.config.family for header in headers}))
        data = _filter("Data", "data", sorted({header.config.data_name for header in headers}))
        statuses = _filter("Status", "status", list(Status), controls.STATUS_LABELS.__getitem__)
        starred = st.toggle("Starred only", key=f"{PAGE}.starred")
    return filter_runs(headers, text, families, data, statuses, starred)


def _filter(title: str, name: str, options: Sequence[T], format_func: Callable[[T], str] = str) -> list[T]:
    return st.multiselect(title, options, format_func=format_func, key=f"{PAGE}.{name}", width=180, placeholder="all")


def table(headers: list[Header], names: dict[str, str]) -> list[Header]:
    """Draws the table of runs; returns the selected ones.

    Args:
        headers: the runs, one per row.
        names: display name by run id.
    """
    if not headers:
        st.info("No run matches these filters.")
        return []
    ids = [header.id for header in headers]
    selected = selection.selected_ids()
    # A changed list of runs needs a new table, which starts with the previous selection.
    key = f"{PAGE}.table.{hash((*ids, selection.version()))}"
    state = st.dataframe(
        _rows(headers, names),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [i for i, run_id in enumerate(ids) if run_id in selected]}},
        column_config=_columns(),
        height=min(len(ids), MAX_ROWS) * 35 + 38,
        alt=f"{len(ids)} runs, newest first.",
    )
    rows = [headers[i] for i in state["selection"]["rows"] if i < len(headers)]
    selection.store([header.id for header in rows])
    return rows


def _rows(headers: Sequence[Header], names: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "★": "★" if header.annotations.starred else "",
                "name": names[header.id],
                "fork of": _origin(header, names),
                "model": header.config.family,
                "data": _title(header.config.data_name),
                "settings": describe_settings(header.config),
                "parameters": header.n_parameters or None,
                "step": header.step,
                "train": header.loss("train"),
                "dev": header.loss("dev"),
                "seconds": header.wall_seconds,
                "status": controls.STATUS_LABELS[header.status],
                "note": header.annotations.note,
                "total steps": header.config.train.steps,
                "started": datetime.fromtimestamp(header.created),
            }
            for header in headers
        ]
    )


def _title(data_name: str) -> str:
    return uploads.title_of(data_name) if uploads.is_upload(data_name) else data_name


def _origin(header: Header, names: dict[str, str]) -> str:
    if header.origin is None:
        return ""
    return f"{names.get(header.origin.parent, 'a deleted run')} at step {header.origin.step:,}"


def _columns() -> dict[str, Any]:
    column = st.column_config
    return {
        "★": column.TextColumn(width=30, help="Starred runs are never suggested for deletion."),
        "name": column.TextColumn(pinned=True),
        "model": column.TextColumn(width=100),
        "settings": column.TextColumn(width=180, help="Settings that differ from their defaults."),
        "parameters": column.NumberColumn(format="localized"),
        "step": column.NumberColumn(format="localized"),
        "total steps": column.NumberColumn(format="localized"),
        "train": column.NumberColumn(
            "train loss (nats)", format="%.4f", help="Loss on the train split at the last evaluation."
        ),
        "dev": column.NumberColumn(
            "dev loss (nats)", format="%.4f", help="Loss on the dev split at the last evaluation."
        ),
        "seconds": column.NumberColumn("time (s)", format="%.1f", help="Time spent training."),
        "started": column.DatetimeColumn(format="D MMM, HH:mm"),
    }
