"""The matrix of character pairs: counts, probabilities, and what a lost dimension does to them."""

import functools

import numpy as np
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.inspection import ngrams
from lmcore.inspection.ngrams import Order, PairMatrix
from lmcore.models.ngram import CountConfig, Counts
from ui.computed import computed
from ui.live_chart import Chart, Click, live
from ui.server import engine


def matrix(corpus: Corpus, counts: Counts, config: CountConfig) -> None:
    """The heatmap of all pairs, the row of one character, and the pairs as tables."""
    orders: list[Order] = ["alphabet", "frequency"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        values = st.segmented_control("Show", ["counts", "probabilities"], default="counts", required=True, key="show")
        order = st.segmented_control("Sort by", orders, default=orders[0], required=True, key="order")
        log = st.toggle("Logarithmic colors", True, key="log")
    record = ngrams.pair_matrix(corpus, counts, config.smoothing, order)
    heatmap = figures.pair_matrix(record, values == "probabilities", log)
    clicked = live(Chart.of(heatmap, f"Heatmap of the {values} of all character pairs."), key="pairs")
    first = st.selectbox(
        "First character", record.labels, _chosen_row(clicked, record), help="You can also click a row of the heatmap."
    )
    bars = figures.next_characters(record, record.labels.index(first))
    live(Chart.of(bars, f"Bar chart of the characters that follow {first}."), key="follows")
    _tables(corpus, config)


def _chosen_row(clicked: Click | None, record: PairMatrix) -> int:
    """The row that was clicked last, else the row of the letter a, else the first one."""
    if clicked is not None and 0 <= int(clicked.y) < len(record.labels):
        return int(clicked.y)
    return record.labels.index("a") if "a" in record.labels else 0


def _tables(corpus: Corpus, config: CountConfig) -> None:
    """Pairs that occur and pairs that never do, with a search field and a download."""
    searched = st.text_input("Search pairs", key="search", placeholder="one or two characters", max_chars=2)
    found = _find_pairs(corpus, config.counted, searched, config.smoothing)
    left, right = st.columns(2)
    left.markdown(f"**{found.n_seen:,} {'pair occurs' if found.n_seen == 1 else 'pairs occur'}**")
    styled = found.seen.style.format({"count": "{:,}", "probability": "{:.3%}"})
    left.dataframe(styled, hide_index=True, height=300)
    right.markdown(f"**{found.n_unseen:,} {'pair never occurs' if found.n_unseen == 1 else 'pairs never occur'}**")
    right.dataframe(found.unseen, hide_index=True, height=300)
    csv = functools.partial(engine().compute, ngrams.pairs_csv, corpus, config.counted, config.smoothing)
    st.download_button("Download as CSV", csv, "pairs.csv", "text/csv", key="pairs_csv")


_find_pairs = computed(ngrams.find_pairs, 20_000_000)


def broadcasting(corpus: Corpus, counts: Counts) -> None:
    """The classic bug of this lesson: rows divided by their sums, with and without ``keepdim=True``."""
    st.write("Forget `keepdim=True` and PyTorch raises no error, but divides each **column** instead of each row.")
    record = ngrams.broadcasting(corpus, counts)
    st.code(record.shapes, language=None)
    cases = {"P / P.sum(1, keepdim=True)": True, "P / P.sum(1)": False}
    for column, (code, keepdim) in zip(st.columns(2), cases.items(), strict=True):
        divided = record.keepdim if keepdim else record.no_keepdim
        with column:
            st.code(code)
            st.caption(f"Row sums {_range(divided.sum(axis=1))}, column sums {_range(divided.sum(axis=0))}")
            live(Chart.of(figures.broadcasting(record, keepdim), f"Heatmap of {code}."), key=code)


def _range(sums: np.ndarray) -> str:
    return f"{sums.min():.3f} to {sums.max():.3f}"
