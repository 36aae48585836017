"""Plotly figures, one function each: a record in, a ``go.Figure`` out. No numbers are computed here.

Colours are Okabe and Ito's, which the colour-blind can tell apart; text takes the colour of its surroundings,
so that a figure suits a light page and a dark one.
"""

from lmcore.figures.corpus import character_frequencies, length_histogram
from lmcore.figures.counting import (
    broadcasting,
    dart,
    difference,
    growth,
    log_counts,
    pair_matrix,
    probabilities,
    surprise,
    tensor,
    two_objectives,
    what_follows,
)
from lmcore.figures.embeddings import embedding_map, similarity
from lmcore.figures.training import first_guesses, loss_curve, next_character, race, rate_finder, values

__all__ = [
    "broadcasting",
    "character_frequencies",
    "dart",
    "difference",
    "embedding_map",
    "first_guesses",
    "growth",
    "length_histogram",
    "log_counts",
    "loss_curve",
    "next_character",
    "pair_matrix",
    "probabilities",
    "race",
    "rate_finder",
    "similarity",
    "surprise",
    "tensor",
    "two_objectives",
    "values",
    "what_follows",
]
