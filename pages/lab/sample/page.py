import streamlit as st

from lmcore.generation import passages, sampling, scoring
from lmcore.generation.sampling import SampleConfig
from pages.lab.sample import parts
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.show_code import show_code

PAGE = parts.PAGE
SETTINGS = ["count", "length", "temperature", "top_k", "top_p", "seed", "prefix"]

st.title("What models write and read")
st.write("The darker a character, the more it **surprised** its writer: click one, and see where the dart fell.")

corpus_config, corpus = pick_corpus()
defaults = {"count": 10, "length": 30} if corpus.is_documents else {"count": 2, "length": 400}
with st.sidebar:
    chosen = forms.form(SampleConfig, SETTINGS, prefix=f"{PAGE}_{corpus.is_documents:d}", defaults=defaults)

settings = forms.parse(SampleConfig, chosen)
readers = parts.pick_models(corpus_config, corpus)
names = ["They write", "They read", "You against them"]
writes, reads, game = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if writes.open:
    with writes:
        parts.write(corpus, readers, settings)

if reads.open:
    with reads:
        parts.read(corpus, readers)

if game.open:
    with game:
        parts.play(corpus, readers)

show_code(sampling.draw, sampling.probabilities, sampling.choose, passages.how_drawn, scoring.losses, scoring.mark)
