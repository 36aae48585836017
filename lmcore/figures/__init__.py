"""Plotly figures, one function each: a record in, a ``go.Figure`` out. No numbers are computed here.

`plain_loss_chart` returns plain data instead.
"""

from lmcore.figures.alt_text import alt_text
from lmcore.figures.backprop_through_time import gradient_through_time
from lmcore.figures.batch_norm import (
    axis_map,
    axis_means,
    batch_histogram,
    batch_map,
    batch_shifts,
    folded_logits,
    folding_differences,
    one_example,
    running_statistic,
)
from lmcore.figures.class_answers import answer_bars, predicted_curves
from lmcore.figures.confusion import confusion
from lmcore.figures.corpus_summary import character_frequencies, length_histogram
from lmcore.figures.decision_regions import decision_planes, decision_regions, point_canvas
from lmcore.figures.embeddings import cosine_similarity, embedding_map
from lmcore.figures.gradient_check import gradient_check, recurrent_gradient_check, truncation_and_rounding
from lmcore.figures.guessing_game import ranking
from lmcore.figures.histograms import histograms
from lmcore.figures.image_gallery import image_gallery, single_image
from lmcore.figures.leaderboard import leaderboard
from lmcore.figures.linear_scores import linear_scores
from lmcore.figures.loss import NO_STEPS_YET, loss_chart, plain_loss_chart
from lmcore.figures.loss_surface import loss_surface
from lmcore.figures.lr_finder import lr_finder
from lmcore.figures.neural_bigram import log_counts, objective_comparison
from lmcore.figures.ngrams import (
    broadcasting,
    character_losses,
    next_characters,
    order_comparison,
    pair_difference,
    pair_matrix,
    pair_probabilities,
)
from lmcore.figures.predictions import initial_predictions, next_character
from lmcore.figures.receptive_field import receptive_field
from lmcore.figures.recipes import recipe_deviations
from lmcore.figures.recurrent_activations import gate_saturation, state_gradients
from lmcore.figures.sampled_words import known_word_shares
from lmcore.figures.sampling import class_probabilities, probability_bars
from lmcore.figures.saturation import saturation, unit_activity, unit_response
from lmcore.figures.scoring import scored_samples, scored_text
from lmcore.figures.style import PlainFigure, escape
from lmcore.figures.surprise import annotated_text
from lmcore.figures.tensor_view import tensor_view
from lmcore.figures.updates import updates
from lmcore.figures.weight_images import weight_images

__all__ = [
    "NO_STEPS_YET",
    "PlainFigure",
    "alt_text",
    "annotated_text",
    "answer_bars",
    "axis_map",
    "axis_means",
    "batch_histogram",
    "batch_map",
    "batch_shifts",
    "broadcasting",
    "character_frequencies",
    "character_losses",
    "class_probabilities",
    "confusion",
    "cosine_similarity",
    "decision_planes",
    "decision_regions",
    "embedding_map",
    "escape",
    "folded_logits",
    "folding_differences",
    "gate_saturation",
    "gradient_check",
    "gradient_through_time",
    "histograms",
    "image_gallery",
    "initial_predictions",
    "known_word_shares",
    "leaderboard",
    "length_histogram",
    "linear_scores",
    "log_counts",
    "loss_chart",
    "loss_surface",
    "lr_finder",
    "next_character",
    "next_characters",
    "objective_comparison",
    "one_example",
    "order_comparison",
    "pair_difference",
    "pair_matrix",
    "pair_probabilities",
    "plain_loss_chart",
    "point_canvas",
    "predicted_curves",
    "probability_bars",
    "ranking",
    "receptive_field",
    "recipe_deviations",
    "recurrent_gradient_check",
    "running_statistic",
    "saturation",
    "scored_samples",
    "scored_text",
    "single_image",
    "state_gradients",
    "tensor_view",
    "truncation_and_rounding",
    "unit_activity",
    "unit_response",
    "updates",
    "weight_images",
]
