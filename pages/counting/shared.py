"""Shared by the pages on counting."""

from typing import Any, Literal

import streamlit as st

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import ngrams
from lmcore.models.ngram import Counts

SMOOTHING = [0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]


def pairs_or_stop(corpus: Corpus, counted: Literal["all", "train"]) -> Counts:
    """The bigram counts of a text, shape (V, V). The page stops with a message if there are too many characters."""
    try:
        return ngrams.count_pairs(corpus, counted)
    except UserError as error:
        st.error(str(error))
        st.stop()


def smoothing_slider(default: float, *, zero: bool = True, **options: Any) -> float:
    """A slider for the k of add-k smoothing, on a logarithmic scale up to 1000.

    Args:
        zero: whether k = 0, no smoothing, can be chosen.
        options: of `st.select_slider`.
    """
    values = SMOOTHING if zero else SMOOTHING[1:]
    return st.select_slider("Smoothing k", values, default, format_func=lambda k: f"{k:g}", **options)
