"""The tab Score a text: the loss of each character of the visitor's text under each model."""

import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.generation import baselines, scoring
from lmcore.generation.reader import Reader
from ui.live_chart import Chart, live
from ui.server import engine


def show(page: str, corpus: Corpus, readers: dict[str, Reader]) -> None:
    """A field for a text, and a heatmap with one row per model and one column per character."""
    st.write("Type a text: a character has a **high loss** where the model did not expect it.")
    example = corpora.example(corpus, 24)
    text = st.text_input("Text", example, max_chars=200, key=f"{page}.text.{corpus.name}", width=480)
    with_uniform = {baselines.UNIFORM: baselines.baseline_reader(corpus, baselines.UNIFORM)} | readers
    record = engine().compute(scoring.score_text, corpus, with_uniform, text)
    best = min(record.mean_losses, key=lambda name: record.mean_losses[name])
    alt = f"Loss of each character under each model. Best: {best}, {record.mean_losses[best]:.2f} nats per character."
    live(Chart.of(figures.scored_text(record), alt), key=f"{page}.reading")
    if corpus.is_documents and text:
        st.text(f"{text!r}: {engine().compute(scoring.novelty, corpus, text)}.")
