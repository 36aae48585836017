"""The parts of the Bigram page."""

import functools

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.generation import sampling as darts
from lmcore.generation.sampling import SampleConfig
from lmcore.inspection import ngrams
from lmcore.inspection.ngrams import LossStory, PairMatrix
from lmcore.models.ngram import CountConfig, Counts, NGram, score, table_size
from ui import forms
from ui.live_chart import Chart, Click, live

STEPS = [0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]


def smoothing_slider() -> float:
    """Add-k smoothing on a logarithmic scale, from none to 1000."""
    text = CountConfig.model_fields["smoothing"].description
    return st.select_slider(
        "Smoothing k", STEPS, 1.0, format_func=lambda k: f"{k:g}", key="smoothing", bind="query-params", help=text
    )


@functools.lru_cache(maxsize=8)
def model(corpus: Corpus, config: CountConfig) -> NGram:
    """The count model of a text, counted once."""
    return NGram(corpus, config)


def row_of(clicked: Click | None, matrix: PairMatrix) -> int:
    """The row that was clicked, else that of the letter a, else the first."""
    if clicked is not None and 0 <= int(clicked.y) < len(matrix.labels):
        return int(clicked.y)
    return matrix.labels.index("a") if "a" in matrix.labels else 0


def pair_tables(table: pd.DataFrame) -> None:
    """The most frequent and the missing pairs, searchable and to take home."""
    searched = st.text_input("Search pairs", key="search", placeholder="two characters, or one", max_chars=2)
    found = table[table["pair"].str.contains(searched, regex=False)] if searched else table
    left, right = st.columns(2)
    formats = {"count": "{:,}", "probability": "{:.3%}"}
    seen = found[found["count"] > 0]
    left.markdown(f"**{len(seen):,} pairs that occur**")
    left.dataframe(seen.head(1000).style.format(formats), hide_index=True, height=300)
    missing = found[found["count"] == 0][["pair", "first", "second"]]
    right.markdown(f"**{len(missing):,} pairs that never occur**")
    right.dataframe(missing.head(1000), hide_index=True, height=300)
    st.download_button("Download as CSV", lambda: table.to_csv(index=False), "pairs.csv", "text/csv", key="pairs_csv")


def smoothing_losses(corpus: Corpus, counts: Counts, smoothing: float) -> None:
    """The loss of each split with the smoothing chosen, and the change from none."""
    with_k, without = (ngrams.loss_story(corpus, counts, k).table.iloc[-1] for k in (smoothing, 0.0))
    with st.container(horizontal=True):
        for part in ("all", *corpora.SPLITS):
            change = with_k[part] - without[part]
            delta = f"{change:+.6f}" if np.isfinite(change) else None
            st.metric(f"Loss, {part} (nats)", f"{with_k[part]:.6f}", delta, delta_color="inverse", width=180)


def loss_story(story: LossStory) -> None:
    """From the likelihood to the loss, and beside simpler guesses."""
    st.latex(r"\text{loss} = -\frac{1}{N}\sum_{i=1}^{N}\ln p(\text{next}_i \mid \text{character}_i)")
    with st.container(horizontal=True):
        st.metric("Pairs N", f"{story.pairs:,}", width=160)
        st.metric(
            "Likelihood", f"10^{story.log10_likelihood:,.0f}", help="the product of all N probabilities", width=200
        )
        st.metric("Log-likelihood", f"{story.log_likelihood:,.0f}", help="the sum of their logarithms", width=180)
        st.metric("Negative", f"{-story.log_likelihood:,.0f}", width=160)
        st.metric("Mean: the loss", f"{story.loss:.6f}", help="nats per character", width=160)
    st.dataframe(story.table.style.format("{:.6f}", subset=["all", *corpora.SPLITS]), hide_index=True)
    st.caption("Loss in nats per character. Infinite where a pair of that split was never counted and k is 0.")


def score_words(corpus: Corpus, smoothing: float, counted: str) -> None:
    """One word character by character, and several ranked."""
    bigram = model(corpus, CountConfig(smoothing=smoothing, counted=counted))
    left, right = st.columns(2)
    word = left.text_input("A word", corpora.example(corpus), key=f"word.{corpus.title}", max_chars=200)
    several = right.text_area(
        "Rank the class, one word a line", key="class", placeholder="emma\nandrejq", max_chars=5000
    )
    try:
        scored = score(bigram, corpus, word)
        left.text(f"Loss: {ngrams.verdict(scored)}")
        table = ngrams.score_table(scored)
        live(Chart.of(figures.surprise(table), "What each character costs."), key="surprise")
        st.dataframe(table, hide_index=True)
        if lines := [line.strip() for line in several.splitlines() if line.strip()]:
            right.dataframe(ngrams.rank(bigram, corpus, lines), hide_index=True)
    except UserError as error:
        st.error(str(error))


def sampling(corpus: Corpus, smoothing: float, counted: str) -> None:
    """One text dart by dart, then many at once."""
    bigram = model(corpus, CountConfig(smoothing=smoothing, counted=counted))
    with st.container(horizontal=True):
        seed = forms.widget(SampleConfig, "seed", key="sample_seed")
        count = forms.widget(SampleConfig, "count", key="sample_count")
        temperature = forms.widget(SampleConfig, "temperature", key="sample_temperature")
    forms.parse(SampleConfig, {"seed": seed, "count": count, "temperature": temperature})
    thrown = darts.throws(bigram, 1, torch.Generator().manual_seed(seed), temperature=temperature)
    at = st.slider("Character", 1, len(thrown), 1, key="dart") if len(thrown) > 1 else 1
    throw = thrown[at - 1]
    live(Chart.of(figures.dart(throw, corpus.vocabulary.labels), "The dart on the stacked bar."), key="dart_chart")
    written = "".join(corpus.vocabulary.labels[earlier.chosen] for earlier in thrown[:at])
    st.text(f"{ngrams.throw_in_words(corpus, throw)} So far: {written}")
    random = darts.sample_in_turn(bigram, corpus, 1, count, seed, temperature)
    (greedy,) = darts.sample_in_turn(bigram, corpus, 1, 1, seed, 0.0)
    st.dataframe(ngrams.sample_table(corpus, random, greedy), hide_index=True)


def higher_orders(corpus: Corpus, smoothing: float) -> None:
    """How tables explode with the order, and what that does to the loss."""
    with st.container(horizontal=True):
        mixing = forms.widget(CountConfig, "mixing", key="mixing")
        weight = forms.widget(CountConfig, "weight", key="weight", disabled=mixing != "interpolation")
        discount = forms.widget(CountConfig, "discount", key="discount", disabled=mixing != "back-off")
    settings = {"smoothing": smoothing, "mixing": mixing, "weight": weight, "discount": discount}
    sizes = [table_size(corpus, order, "train") for order in range(2, 6)]
    costs = ", ".join(f"order {size.order}: {size.contexts:,} contexts, {size.megabytes:,.1f} MB" for size in sizes)
    st.caption(f"Before anything is built: {costs}.")
    with st.spinner("Counting…", show_time=True):
        table = _growth(corpus, forms.parse(CountConfig, settings))
    live(Chart.of(figures.growth(table), "Train and dev loss by order."), key="growth")
    formats = {"contexts": "{:,}", "megabytes": "{:,.2f}", "share seen": "{:.2%}", "train": "{:.4f}", "dev": "{:.4f}"}
    st.dataframe(table.style.format(formats, na_rep="too large"), hide_index=True)


@functools.lru_cache(maxsize=16)
def _growth(corpus: Corpus, config: CountConfig) -> pd.DataFrame:
    return ngrams.growth(corpus, config)


def divided(place: DeltaGenerator, code: str, matrix: np.ndarray, figure: go.Figure) -> None:
    """One way to divide, with what rows and columns then sum to."""
    with place:
        st.code(code)
        rows, columns = matrix.sum(axis=1), matrix.sum(axis=0)
        st.caption(
            f"row sums {rows.min():.3f} to {rows.max():.3f}, column sums {columns.min():.3f} to {columns.max():.3f}"
        )
        live(Chart.of(figure, f"The matrix after {code}."), key=code)
