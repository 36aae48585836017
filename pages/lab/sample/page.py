import streamlit as st

from lmcore.generation import sampling, scoring
from lmcore.generation.sampling import SampleConfig
from pages.lab.sample import game, generate, models, score
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.show_code import show_code
from ui.tabs import draw_tabs

PAGE = "sample"
SETTINGS = ["count", "length", "temperature", "top_k", "top_p", "seed", "prefix"]

st.write("The darker a character, the more it **surprised** its model. Click one to see how it was **drawn**.")

corpus_config, corpus = pick_corpus()
defaults = {"count": 10, "length": 30} if corpus.is_documents else {"count": 2, "length": 400}
with st.sidebar:
    values = forms.form(SampleConfig, SETTINGS, prefix=f"{PAGE}_{corpus.is_documents:d}", defaults=defaults)

settings = SampleConfig.parse(values)
readers = models.pick(PAGE, corpus_config, corpus)
draw_tabs(
    {
        "Generate": lambda: generate.show(PAGE, corpus, readers, settings),
        "Score a text": lambda: score.show(PAGE, corpus, readers),
        "Guessing game": lambda: game.show(PAGE, corpus, readers),
    },
    key=f"{PAGE}_tab",
)

explain(__file__)
show_code(
    sampling.sampling_loop,
    sampling.probabilities,
    sampling.choose,
    sampling.sampling_step,
    scoring.losses,
    scoring.novelty,
)
