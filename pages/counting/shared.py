"""Shared by the pages on counting."""

from typing import Any

import streamlit as st

from lmcore.inspection import ngrams
from ui.computed import computed

SMOOTHING = [0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]


count_pairs = computed(ngrams.count_pairs, 20_000_000, "Counting…")


def smoothing_slider(default: float, *, zero: bool = True, **options: Any) -> float:
    """A slider for the k of add-k smoothing, on a logarithmic scale up to 1000.

    Args:
        zero: whether k = 0, no smoothing, can be chosen.
        options: of `st.select_slider`.
    """
    values = SMOOTHING if zero else SMOOTHING[1:]
    return st.select_slider("Smoothing k", values, default, format_func=lambda k: f"{k:g}", **options)
