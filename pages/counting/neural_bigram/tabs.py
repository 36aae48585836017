"""The parts of the Neural bigram page."""

import functools
from dataclasses import replace

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import neural_bigram, ngrams
from lmcore.inspection.neural_bigram import Descent, Objective
from lmcore.models.ngram import mean_loss, normalize
from lmcore.runs.engine import RunView
from lmcore.training.history import Snapshot
from pages.counting.bigram import tabs
from ui.live_chart import Chart, live

OBJECTIVES: dict[Objective, str] = {
    "mean of logarithms": "-p.log().mean()",
    "logarithm of the mean": "-p.mean().log()",
}
PENALTIES = [10 ** (exponent / 10) for exponent in range(-90, 11)]


def against_counts(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    """The net of a snapshot beside the counts."""
    st.subheader("The net against the counts")
    record, parts = _against_counts(snapshot, corpus)
    st.write(
        f"Counting the training split costs {record.counted_loss:.4f} nats per character, no bigram model can do "
        f"better there; the net is at {snapshot.train:.4f} after step {snapshot.step:,}. "
        f"Its probabilities differ from the counted ones by {record.largest:.1%} at most."
    )
    live(*parts, key="nb.against")


@functools.lru_cache(maxsize=64)
def _against_counts(snapshot: Snapshot, corpus: Corpus) -> tuple[ngrams.AgainstCounts, list[Chart]]:
    record = ngrams.against_counts(corpus, snapshot.arrays["next_character"])
    matrix = record.matrix
    counted = replace(matrix, probabilities=matrix.unsmoothed)
    logs = neural_bigram.log_counts(matrix.counts, matrix.probabilities, matrix.labels)
    top = float(matrix.unsmoothed.max())
    return record, [
        Chart.of(figures.probabilities(matrix, "softmax(W)", top), "Probabilities of the net.", columns=5),
        Chart.of(figures.probabilities(counted, "N / N.sum(1)", top), "Probabilities of the counts.", columns=5),
        Chart.of(figures.difference(matrix, title="net − counts"), "Their difference.", columns=5),
        Chart.of(figures.log_counts(logs), "Scatter of W against log N.", columns=5),
    ]


def slow_motion(corpus: Corpus, seed: int) -> None:
    """Every tensor of a step on one word, forward and backward, one gradient step at a time."""
    st.write(
        "One word, every tensor of the forward pass, and beside it the **gradient** of the loss with respect to it. "
        "Press *One gradient step* and watch the picked probabilities rise."
    )
    taken = st.session_state.setdefault("nb.taken", 0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        word = st.text_input("Word", _short_example(corpus), key=f"nb.word.{corpus.title}", max_chars=29, width=200)
        rate = st.number_input("Rate", 0.0, 100.0, 10.0, step=1.0, key="nb.rate", width=140)
        objective = st.selectbox(
            "Loss", list(OBJECTIVES), format_func=OBJECTIVES.__getitem__, key="nb.objective", width=220
        )
        st.button("One gradient step", key="nb.once", on_click=_take, args=(1,), icon=":material/skip_next:")
        st.button("Back to the start", key="nb.back", on_click=_take, args=(-taken,), disabled=not taken)
    try:
        record = neural_bigram.slow_motion(corpus, word, taken, rate, seed, objective)
    except UserError as error:
        st.error(str(error))
        return
    losses = ", ".join(f"{loss:.4f}" for loss in record.losses[-8:])
    st.text(f"Loss after {taken} step{'' if taken == 1 else 's'}: {losses if taken < 8 else f'… {losses}'}")
    charts = []
    for stage in record.stages:
        for gradient in (False, True):
            alt = f"{'Gradient of ' if gradient else ''}{stage.name}, shape {stage.shape[0]} by {stage.shape[1]}."
            charts.append(Chart.of(figures.tensor(stage, gradient), alt, columns=5))
    live(*charts, key="nb.tensors")


def _take(steps: int) -> None:
    st.session_state["nb.taken"] = st.session_state.get("nb.taken", 0) + steps


def _short_example(corpus: Corpus) -> str:
    return "emma" if corpus.is_documents and "emma" in corpus.documents else corpora.example(corpus, 6)[:6]


def weight_decay(corpus: Corpus) -> None:
    """Two sliders, add-k smoothing of the counts and an L2 penalty on the net, and how near they come."""
    st.write(
        "Both pull every row towards 1/V, for the same reason: **no pair is impossible**. "
        "Choose k, then let the button find the penalty whose net comes nearest."
    )
    counts = ngrams.counted(corpus, "train")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        k = st.select_slider("k", tabs.STEPS[1:], 100.0, format_func=lambda k: f"{k:g}", key="nb.k", width=280)
        l2 = st.select_slider(
            "L2 penalty on W", PENALTIES, PENALTIES[40], format_func=lambda l2: f"{l2:.2g}", key="nb.l2", width=280
        )
        found = st.button("Find the penalty", key="nb.mimic", on_click=_mimic, args=(corpus, k), type="primary")
    if message := st.session_state.pop("nb.mimic_error", None):
        st.error(message)
    try:
        with st.spinner("Training to the end…"):
            decayed = _decayed(corpus, l2)
    except UserError as error:
        st.error(str(error))
        return
    smoothed = normalize(counts, k)
    apart = neural_bigram.divergence(counts, smoothed, decayed)
    with st.container(horizontal=True):
        st.metric("Divergence (nats)", f"{apart:.5f}", help="Kullback-Leibler, of the net from the counts", width=190)
        for name, p in (("counts, k", smoothed), ("net, penalty", decayed)):
            for split in ("train", "dev"):
                loss = mean_loss(ngrams.counted(corpus, split), p)
                st.metric(f"{split.capitalize()}, {name} (nats)", f"{loss:.4f}", width=190)
    if found:
        st.text(f"Of all penalties, {l2:.2g} comes nearest to k = {k:g}.")
    matrix = ngrams.pair_matrix(corpus, counts, k)
    chosen = corpus.most_frequent(40)
    net = replace(matrix, probabilities=decayed[chosen][:, chosen], unsmoothed=matrix.probabilities)
    top = float(max(matrix.probabilities.max(), net.probabilities.max()))
    live(
        Chart.of(figures.probabilities(matrix, f"counts + {k:g}", top), "Smoothed counts.", columns=5),
        Chart.of(figures.probabilities(net, f"net, penalty {l2:.2g}", top), "The penalized net.", columns=5),
        Chart.of(figures.difference(net, title="net − counts"), "Their difference.", columns=5),
        key="nb.decay",
    )


def _mimic(corpus: Corpus, k: float) -> None:
    try:
        penalty = neural_bigram.mimic(ngrams.counted(corpus, "train"), k)
    except UserError as error:
        st.session_state["nb.mimic_error"] = str(error)
        return
    st.session_state["nb.l2"] = min(PENALTIES, key=lambda l2: abs(l2 / penalty - 1))


@functools.lru_cache(maxsize=64)
def _decayed(corpus: Corpus, l2: float) -> ngrams.Matrix:
    return neural_bigram.softmax(neural_bigram.decayed(ngrams.counted(corpus, "train"), l2))


def mistake(corpus: Corpus, seed: int, rate: float) -> None:
    """What a net learns when the mean and the logarithm change places."""
    steps = 1000
    right, wrong = (_descent(corpus, steps, rate, seed, objective) for objective in OBJECTIVES)
    st.write(
        "`-p.mean().log()` looks like the loss `-p.log().mean()`, runs without an error, and is **another number**: "
        f"{wrong.logarithm_of_mean[0]:.4f} against {wrong.mean_of_logarithms[0]:.4f} for the same untrained net. "
        "It hardly minds a pair that was called impossible, so each row bets everything on a single pair, "
        "mostly its most frequent."
    )
    table = {
        "trained on": list(OBJECTIVES.values()),
        "-p.log().mean()": [descent.mean_of_logarithms[-1] for descent in (right, wrong)],
        "-p.mean().log()": [descent.logarithm_of_mean[-1] for descent in (right, wrong)],
    }
    st.dataframe(pd.DataFrame(table), hide_index=True, width=560)
    st.caption(f"After {steps:,} full-batch steps at rate {rate:g}, in nats per character.")
    chosen = corpus.most_frequent(40)
    matrix = ngrams.pair_matrix(corpus, ngrams.counted(corpus, "train"), 0.0)
    learned = replace(matrix, probabilities=wrong.probabilities[chosen][:, chosen])
    live(
        Chart.of(figures.two_objectives(right, wrong), "Loss of both nets over steps.", columns=5),
        Chart.of(figures.probabilities(learned, title="what the mistake learns"), "Its probabilities.", columns=5),
        key="nb.mistake",
    )


@functools.lru_cache(maxsize=16)
def _descent(corpus: Corpus, steps: int, rate: float, seed: int, objective: Objective) -> Descent:
    return neural_bigram.descend(ngrams.counted(corpus, "train"), steps, rate, seed, objective)
