"""Words in samples of a model."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, empty_figure, figure, line


def known_word_shares(shares: Sequence[tuple[int, float]]) -> go.Figure:
    """The share of sampled words that occur in the text, over the steps (`inspection.sampled_words`)."""
    if not shares:
        return empty_figure("No snapshots with weights yet.", height=300)
    steps, values = np.array(shares, dtype=float).T
    x = np.maximum(steps, 1)  # the untrained model, step 0, is drawn at step 1 of the logarithmic axis
    y = {"title": "Sampled words that occur in the text", "tickformat": ".0%", "range": [0, 1]}
    return figure(
        [line("known words", x, values, BLUE, symbol="circle")], {"title": "Step", "type": "log"}, y, height=300
    )
