"""Plotly figures, one function each: a record in, a ``go.Figure`` out. No numbers are computed here.

Colors are Okabe and Ito's, which the color-blind can tell apart; text takes the color of its surroundings,
so that a figure suits a light page and a dark one.
"""

from lmcore.figures import classifiers
from lmcore.figures.backprop import step_tensor
from lmcore.figures.batch_norm import (
    axis_map,
    axis_means,
    batch_map,
    batch_shifts,
    batch_values,
    folded_logits,
    folding_differences,
    one_example,
    running_statistic,
)
from lmcore.figures.comparison import curves, leaderboard
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
from lmcore.figures.gradients import gradient_check, rounding_and_truncation
from lmcore.figures.inspection import histograms, saturation_board, tree, unit, updates
from lmcore.figures.passages import how_drawn, known_words, passage
from lmcore.figures.recipes import recipe_board, recipe_curve
from lmcore.figures.recurrent import fading, time_check
from lmcore.figures.style import escape
from lmcore.figures.training import first_guesses, loss_curve, next_character, race, rate_finder, values
from lmcore.figures.words import finding
from lmcore.figures.writing import reading, standing, written

__all__ = [
    "axis_map",
    "axis_means",
    "batch_map",
    "batch_shifts",
    "batch_values",
    "broadcasting",
    "character_frequencies",
    "classifiers",
    "curves",
    "dart",
    "difference",
    "embedding_map",
    "escape",
    "fading",
    "finding",
    "first_guesses",
    "folded_logits",
    "folding_differences",
    "gradient_check",
    "growth",
    "histograms",
    "how_drawn",
    "known_words",
    "leaderboard",
    "length_histogram",
    "log_counts",
    "loss_curve",
    "next_character",
    "one_example",
    "pair_matrix",
    "passage",
    "probabilities",
    "race",
    "rate_finder",
    "reading",
    "recipe_board",
    "recipe_curve",
    "rounding_and_truncation",
    "running_statistic",
    "saturation_board",
    "similarity",
    "standing",
    "step_tensor",
    "surprise",
    "tensor",
    "time_check",
    "tree",
    "two_objectives",
    "unit",
    "updates",
    "values",
    "what_follows",
    "written",
]
