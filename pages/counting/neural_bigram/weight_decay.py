"""An L2 penalty on the weights does what add-k smoothing does to the counts."""

from dataclasses import replace

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import neural_bigram, ngrams
from lmcore.models.ngram import Matrix, mean_loss, normalize
from pages.counting import shared
from ui import busy, errors
from ui.live_chart import Chart, live
from ui.server import engine

PENALTIES = [10 ** (exponent / 10) for exponent in range(-90, 11)]
L2 = "nb.l2"  # key of the slider
ERROR = "nb.penalty_error"  # key in the session state: why no penalty was found


def against_smoothing(corpus: Corpus) -> None:
    """Two sliders, one for the smoothing and one for the penalty, and how close the two models come."""
    st.write(
        "Both pull every row toward the uniform distribution 1/V, for the same reason: **no pair should be "
        "impossible**. Choose k, then let the button find the L2 penalty whose network comes closest."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        k = shared.smoothing_slider(100.0, zero=False, key="nb.k", width=280)
        l2 = st.select_slider(
            "L2 penalty on W", PENALTIES, PENALTIES[40], format_func=lambda l2: f"{l2:.2g}", key=L2, width=280
        )
        found = st.button(
            "Find the closest penalty", key="nb.find_penalty", on_click=_find_penalty, args=(corpus, k), type="primary"
        )
    if message := st.session_state.pop(ERROR, None):
        errors.show(message)
    with busy.spinner("Training to convergence…"):
        penalized = _penalized(corpus, l2)
    n_weights = penalized.size
    st.caption(f"{l2:.2g} × the sum of all squared weights is {l2 * n_weights:.2g} × their mean (L2 reduction: mean).")
    if found:
        st.text(f"An L2 penalty of {l2:.2g} comes closest to k = {k:g}.")
    _losses(corpus, k, penalized)
    _heatmaps(corpus, k, l2, penalized)


def _losses(corpus: Corpus, k: float, penalized: Matrix) -> None:
    """The divergence of the two models, and their losses."""
    counts = shared.count_pairs(corpus, "train")
    smoothed = normalize(counts, k)
    divergence = neural_bigram.kl_divergence(counts, smoothed, penalized)
    with st.container(horizontal=True):
        description = "Kullback–Leibler divergence KL(smoothed counts ‖ network), in nats per character"
        st.metric("KL divergence (nats)", f"{divergence:.5f}", help=description, width="content")
        for model, probabilities in (("counts", smoothed), ("network", penalized)):
            for split in ("train", "dev"):
                loss = mean_loss(shared.count_pairs(corpus, split), probabilities)
                st.metric(f"{split.capitalize()} loss, {model} (nats)", f"{loss:.4f}", width="content")


def _heatmaps(corpus: Corpus, k: float, l2: float, penalized: Matrix) -> None:
    counts = ngrams.pair_matrix(corpus, shared.count_pairs(corpus, "train"), k)
    shown = corpus.most_frequent(len(counts.labels))
    network = replace(counts, probabilities=penalized[shown][:, shown], unsmoothed=counts.probabilities)
    top = float(max(counts.probabilities.max(), network.probabilities.max()))
    pictures = {
        "Heatmap of the smoothed counts.": figures.pair_probabilities(counts, f"counts + {k:g}", top),
        "Heatmap of the penalized network.": figures.pair_probabilities(network, f"network, L2 penalty {l2:.2g}", top),
        "Heatmap of their difference.": figures.pair_difference(network, title="network − counts"),
    }
    live(*(Chart.of(figure, alt, columns=5) for alt, figure in pictures.items()), key="nb.decay")


def _find_penalty(corpus: Corpus, k: float) -> None:
    try:
        penalty = engine().compute(neural_bigram.equivalent_penalty, shared.count_pairs(corpus, "train"), k)
    except UserError as error:
        st.session_state[ERROR] = str(error)
        return
    st.session_state[L2] = min(PENALTIES, key=lambda l2: abs(l2 / penalty - 1))


@cached(max_bytes=20_000_000)
def _penalized(corpus: Corpus, l2: float) -> Matrix:
    """The probabilities of the network that minimizes loss and penalty, shape (V, V)."""
    W = engine().compute(neural_bigram.penalized_weights, shared.count_pairs(corpus, "train"), l2)
    return neural_bigram.softmax(W)
