"""A text in numbers."""

import numpy as np
import plotly.graph_objects as go

from lmcore.data.corpus_summary import Summary
from lmcore.figures.style import BLUE, SKY, character_axis, figure

MAX_CHARACTERS = 30
MAX_BINS = 60


def length_histogram(summary: Summary) -> go.Figure:
    """How many documents (or lines) have how many characters."""
    name = "documents" if summary.n_documents else "lines"
    longest = int(summary.lengths.max(initial=0))
    width = max(1, -(-longest // MAX_BINS))
    counts = np.bincount(summary.lengths // width, weights=summary.n_of_length).astype(int)
    first, last = np.arange(len(counts)) * width, np.arange(1, len(counts) + 1) * width - 1
    bars = {
        "type": "bar",
        "x": (first + last) / 2,
        "y": counts,
        "width": width,
        "customdata": [f"{a:,}" if width == 1 else f"{a:,} to {b:,}" for a, b in zip(first, last, strict=True)],
        "marker": {"color": BLUE},
        "hovertemplate": "%{customdata} characters: %{y:,} " + name + "<extra></extra>",
    }
    return figure([bars], "Length (characters)", f"Number of {name}", height=320, bargap=0.05)


def character_frequencies(summary: Summary) -> go.Figure:
    """The shares of the most frequent characters, in descending order."""
    table = summary.vocabulary.sort_values("count", ascending=False).head(MAX_CHARACTERS)
    bars = {
        "type": "bar",
        "x": np.arange(len(table)),
        "y": table["share"].to_numpy(),
        "customdata": table["count"].to_numpy(),
        "marker": {"color": SKY},
        "hovertemplate": "%{x}: %{customdata:,} times, %{y:.2%}<extra></extra>",
    }
    x = character_axis("Character", list(table["character"]))
    return figure([bars], x, {"title": "Share of the text", "tickformat": ".0%"}, height=320, bargap=0.15)
