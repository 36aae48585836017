import streamlit as st

from lmcore.generation import sampling
from lmcore.models import ngram
from lmcore.models.ngram import CountConfig
from pages.counting import shared
from pages.counting.bigram import losses, pairs, score_and_sample
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.show_code import show_code
from ui.tabs import draw_tabs

st.write("Look for the bright cells: all a bigram model knows is **how often one character follows another**.")

_, corpus = pick_corpus()
with st.sidebar:
    description = CountConfig.model_fields["smoothing"].description
    smoothing = shared.smoothing_slider(1.0, key="smoothing", bind="query-params", help=description)
    counted = forms.widget(CountConfig, "counted", key="counted")
config = CountConfig(smoothing=smoothing, counted=counted)
counts = shared.count_pairs(corpus, counted)

draw_tabs(
    {
        "Pairs": lambda: pairs.matrix(corpus, counts, config),
        "Smoothing": lambda: losses.smoothing(corpus, counts, config),
        "Loss": lambda: losses.from_likelihood(corpus, config),
        "Score words": lambda: score_and_sample.score_words(corpus, config),
        "Sampling": lambda: score_and_sample.sample(corpus, config),
        "n-grams": lambda: losses.higher_orders(corpus, smoothing),
        "Broadcasting": lambda: pairs.broadcasting(corpus, counts),
    },
    key="bigram_tab",
)

explain(__file__)
show_code(ngram.bigram_counts, ngram.normalize, ngram.mean_loss, ngram.NGram, ngram.score, sampling.choose)
