"""Pictures of a text."""

import numpy as np
import plotly.graph_objects as go

from lmcore.data.corpora import Summary
from lmcore.figures.style import BLUE, SKY, characters, figure

MAX_BARS = 30


def length_histogram(summary: Summary) -> go.Figure:
    """How many documents (or lines) have how many characters."""
    what = "documents" if summary.documents else "lines"
    longest = int(summary.lengths.max(initial=0))
    width = max(1, -(-longest // 60))
    bars = {
        "type": "histogram",
        "x": summary.lengths,
        "xbins": {"start": -0.5, "end": longest + width, "size": width},
        "marker": {"color": BLUE},
        "hovertemplate": "%{x} characters: %{y:,} " + what + "<extra></extra>",
    }
    return figure([bars], "characters", what, height=320, bargap=0.05)


def character_frequencies(summary: Summary) -> go.Figure:
    """The shares of the most frequent characters, in falling order."""
    table = summary.vocabulary.sort_values("count", ascending=False).head(MAX_BARS)
    bars = {
        "type": "bar",
        "x": np.arange(len(table)),
        "y": table["share"].to_numpy(),
        "customdata": np.stack([table["character"], table["count"]], axis=1),
        "marker": {"color": SKY},
        "hovertemplate": "%{customdata[0]}: %{customdata[1]:,} times, %{y:.2%}<extra></extra>",
    }
    x = characters("character", list(table["character"]))
    return figure([bars], x, {"title": "share of the text", "tickformat": ".0%"}, height=320, bargap=0.15)
