import streamlit as st

from lmcore import passages, sampling, writing
from lmcore.sampling import SampleConfig
from ui import forms, sample
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = sample.PAGE
SETTINGS = ["count", "length", "temperature", "top_k", "top_p", "seed", "prefix"]

st.title("What models write and read")
st.write("The darker a character, the more it **surprised** its writer: click one, and see where the dart fell.")

corpus_config, corpus = pick_corpus()
defaults = {"count": 10, "length": 30} if corpus.is_documents else {"count": 2, "length": 400}
with st.sidebar:
    chosen = forms.form(SampleConfig, SETTINGS, prefix=f"{PAGE}_{corpus.is_documents:d}", defaults=defaults)

settings = forms.parse(SampleConfig, chosen)
readers = sample.pick_models(corpus_config, corpus)
names = ["They write", "They read", "You against them"]
writes, reads, game = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if writes.open:
    with writes:
        sample.write(corpus, readers, settings)

if reads.open:
    with reads:
        sample.read(corpus, readers)

if game.open:
    with game:
        sample.play(corpus, readers)

show_code(sampling.draw, sampling.probabilities, sampling.choose, passages.how_drawn, writing.losses, writing.mark)
