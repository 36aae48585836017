"""The tab Leaderboard: the runs on one text, ranked by dev loss."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lmcore import figures
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.generation.baselines import baseline_losses
from lmcore.runs.leaderboard import describe_leaderboard, leaderboard, leaderboard_table
from lmcore.runs.settings import non_default_settings
from lmcore.runs.store import Header
from lmcore.training.config import RunConfig
from pages.lab.runs.selection import PAGE
from ui import errors, load
from ui.computed import computed
from ui.live_chart import Chart, live


def show(headers: Sequence[Header], names: dict[str, str]) -> None:
    """Dev loss against parameters and against training time, and the ranking as a table."""
    texts = {header.id: header.config.corpus for header in headers if isinstance(header.config, RunConfig)}
    configs = list(dict.fromkeys([*texts.values(), CorpusConfig()]))
    corpus_config = st.selectbox("Text", configs, format_func=_text_name, key=f"{PAGE}.text", width=420)
    if len(texts) < len(headers):
        st.text("Runs on other tasks are left out: their losses have different units.")
    try:
        corpus = load.corpus(corpus_config)
    except UserError as error:
        errors.show(error, st.info)
        return
    on_this = [header for header in headers if texts.get(header.id) == corpus_config]
    record = leaderboard(on_this, names, _baseline_losses(corpus))
    words = describe_leaderboard(record)
    st.text(words)
    live(
        Chart.of(figures.leaderboard(record, "parameters"), f"Dev loss against parameters. {words}", 5),
        Chart.of(figures.leaderboard(record, "time"), f"Dev loss against training time. {words}", 5),
        key=f"{PAGE}.leaderboard",
    )
    if record.entries:
        st.dataframe(leaderboard_table(record), hide_index=True, column_config=_columns())
        st.caption("Dev loss at the last evaluation; until a run has finished, it is measured on part of the split.")


_baseline_losses = computed(baseline_losses, 1_000_000)


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "dev loss (nats)": number(format="%.4f"),
        "parameters": number(format="localized"),
        "time (s)": number(format="%.1f"),
    }


def _text_name(config: CorpusConfig) -> str:
    return ", ".join([config.source, *non_default_settings(config, {"source"})])
