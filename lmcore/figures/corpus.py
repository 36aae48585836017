"""Pictures of a text."""

import numpy as np
import plotly.graph_objects as go

from lmcore.corpora import Summary
from lmcore.figures.style import BLUE, SKY, figure

MOST_BARS = 60


def length_histogram(summary: Summary) -> go.Figure:
    """How many documents (or lines) have how many characters."""
    what = "documents" if summary.documents else "lines"
    result = figure("characters", what, height=320, bargap=0.05)
    longest = int(summary.lengths.max(initial=0))
    width = max(1, -(-longest // 60))
    result.add_histogram(
        x=summary.lengths,
        xbins={"start": -0.5, "end": longest + width, "size": width},
        marker_color=BLUE,
        hovertemplate="%{x} characters: %{y:,} " + what + "<extra></extra>",
    )
    return result


def character_frequencies(summary: Summary) -> go.Figure:
    """The share of each character, most frequent first."""
    table = summary.vocabulary.sort_values("count", ascending=False).head(MOST_BARS)
    result = figure("character", "share of the text", height=320, bargap=0.15)
    result.add_bar(
        x=np.arange(len(table)),
        y=table["share"],
        customdata=np.stack([table["character"], table["count"]], axis=1),
        marker_color=SKY,
        hovertemplate="%{customdata[0]}: %{customdata[1]:,} times, %{y:.2%}<extra></extra>",
    )
    # The ticks are numbers, so that no character of a text is ever read as a number, a date or markup.
    result.update_xaxes(
        tickmode="array", tickvals=np.arange(len(table)), ticktext=list(table["character"]), tickangle=0
    )
    result.update_yaxes(tickformat=".0%")
    return result
