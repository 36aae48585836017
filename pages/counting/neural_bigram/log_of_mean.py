"""A common mistake: the logarithm of the mean probability in place of the mean of the logarithms."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data.corpora import Corpus
from lmcore.inspection import neural_bigram, ngrams
from lmcore.inspection.neural_bigram import CountTraining, Objective
from pages.counting import shared
from ui.live_chart import Chart, live
from ui.server import engine

OBJECTIVES: dict[Objective, str] = {
    "mean of logs": "-p.log().mean()",
    "log of mean": "-p.mean().log()",
}
STEPS = 1000


def against_mean_of_logs(corpus: Corpus, seed: int, learning_rate: float) -> None:
    """Two networks, one trained on the loss and one on the mistake."""
    right, wrong = (_training(corpus, learning_rate, seed, objective) for objective in OBJECTIVES)
    st.write(
        "`-p.mean().log()` looks like the loss `-p.log().mean()` and runs without an error, but it is **a different "
        f"number**: {wrong.log_of_mean[0]:.4f} instead of {wrong.mean_of_logs[0]:.4f} for the same "
        "untrained network. It hardly penalizes a pair that gets probability 0, so each row puts all its probability "
        "on a single pair, usually the most frequent one."
    )
    table = {
        "trained on": list(OBJECTIVES.values()),
        "-p.log().mean()": [training.mean_of_logs[-1] for training in (right, wrong)],
        "-p.mean().log()": [training.log_of_mean[-1] for training in (right, wrong)],
    }
    st.dataframe(pd.DataFrame(table), hide_index=True, width=560)
    st.caption(f"After {STEPS:,} full-batch steps with a learning rate of {learning_rate:g}, in nats per character.")
    matrix = ngrams.pair_matrix(corpus, shared.count_pairs(corpus, "train"), 0.0)
    shown = corpus.most_frequent(len(matrix.labels))
    learned = replace(matrix, probabilities=wrong.probabilities[shown][:, shown])
    heatmap = figures.pair_probabilities(learned, title="learned from −log(mean p)")
    live(
        Chart.of(figures.objective_comparison(right, wrong), "Line chart of the loss of both networks.", columns=5),
        Chart.of(heatmap, "Heatmap of the probabilities that the mistake leads to.", columns=5),
        key="nb.mistake",
    )


@cached(max_bytes=20_000_000)
def _training(corpus: Corpus, learning_rate: float, seed: int, objective: Objective) -> CountTraining:
    counts = shared.count_pairs(corpus, "train")
    training: CountTraining = engine().compute(
        neural_bigram.train_on_counts, counts, STEPS, learning_rate, seed, objective
    )
    return training
