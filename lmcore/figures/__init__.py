"""Plotly figures, one function each: a record in, a ``go.Figure`` out. No numbers are computed here.

Colours are Okabe and Ito's, which the colour-blind can tell apart; text takes the colour of its surroundings,
so that a figure suits a light page and a dark one.
"""

from lmcore.figures.corpus import character_frequencies, length_histogram
from lmcore.figures.counting import broadcasting, dart, difference, growth, pair_matrix, surprise, what_follows
from lmcore.figures.training import loss_curve, next_character

__all__ = [
    "broadcasting",
    "character_frequencies",
    "dart",
    "difference",
    "growth",
    "length_histogram",
    "loss_curve",
    "next_character",
    "pair_matrix",
    "surprise",
    "what_follows",
]
