"""Shared by the pages on counting."""

from typing import Any

import streamlit as st

from lmcore.inspection import ngrams
from lmcore.models.ngram import SMOOTHING
from ui.computed import computed

count_pairs = computed(ngrams.count_pairs, 20_000_000, "Counting…")


def smoothing_slider(default: float, *, zero: bool = True, **options: Any) -> float:
    """A slider for the k of add-k smoothing, on a logarithmic scale up to 1000.

    Args:
        zero: whether k = 0, no smoothing, can be chosen.
        options: of `st.select_slider`.
    """
    values = SMOOTHING if zero else SMOOTHING[1:]
    return st.select_slider("Smoothing k", values, default, format_func=lambda k: f"{k:g}", **options)
