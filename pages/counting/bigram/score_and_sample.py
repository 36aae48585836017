"""What a bigram model is used for: to score given words, and to sample new ones."""

import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.generation import sampling
from lmcore.generation.reader import WindowReader
from lmcore.generation.sampling import SampleConfig
from lmcore.inspection import ngrams
from lmcore.models.ngram import CountConfig, NGram, score
from ui import errors, forms
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.server import engine

_model = computed(NGram, 20_000_000, "Counting…")
_rank_texts = computed(ngrams.rank_texts, 5_000_000, "Scoring…")
_draw_texts = computed(ngrams.draw_texts, 5_000_000, "Sampling…")


def score_words(corpus: Corpus, config: CountConfig) -> None:
    """The loss of one word, character by character, and a ranking of several words."""
    model = _model(corpus, config)
    left, right = st.columns(2)
    word = left.text_input("Word", corpora.example(corpus), key=f"word.{corpus.name}", max_chars=200)
    words = right.text_area(
        "Rank several words, one per line", key="class", placeholder="emma\nandrejq", max_chars=5000
    )
    if lines := tuple(filter(None, map(str.strip, words.splitlines()))):
        right.dataframe(_rank_texts(model, corpus, lines), hide_index=True)
    try:
        scored = score(model, corpus, word)
    except UserError as error:
        errors.show(error)
        return
    left.text(f"Loss: {ngrams.describe_score(scored)}")
    table = ngrams.score_table(scored)
    live(Chart.of(figures.character_losses(table), "Bar chart of the loss of each character."), key="surprise")
    st.dataframe(table, hide_index=True)


def sample(corpus: Corpus, config: CountConfig) -> None:
    """One text, dart by dart, then several texts and the greedy one."""
    model = _model(corpus, config)
    with st.container(horizontal=True):
        names = ("seed", "count", "temperature")
        values = {name: forms.widget(SampleConfig, name, key=f"sample_{name}") for name in names}
    settings = SampleConfig.parse(values)
    first, table = _draw_texts(model, corpus, settings)
    n = first.ids.shape[1]
    at = st.slider("Character", 1, n, 1, key="dart") if n > 1 else 1
    step = engine().compute(sampling.sampling_step, WindowReader(model, 1), corpus, settings, first, at - 1)
    labels = corpus.vocabulary.labels
    bar = figures.probability_bars({"": step.probabilities}, labels, step.chosen, step.uniform)
    live(Chart.of(bar, "Stacked bar of the probabilities, and where the dart lands."), key="dart_chart")
    text = "".join(labels[i] for i in first.ids[0, :at])
    previous = labels[step.context[-1]] if len(step.context) else labels[0]
    st.text(f"After {previous!r}, the dart lands at {step.uniform:.4f} and hits {labels[step.chosen]!r}. Text: {text}")
    st.dataframe(table, hide_index=True)
