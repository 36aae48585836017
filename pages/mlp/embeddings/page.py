import streamlit as st

from lmcore.inspection import embeddings
from lmcore.models.mlp import MLPConfig
from lmcore.nn import layers
from lmcore.training.config import RunConfig, TrainConfig
from pages.mlp.embeddings import embedding_map
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code

PAGE = "emb"
MODEL = ["embedding", "context", "hidden"]
TRAIN = ["learning_rate", "steps", "batch_size", "seed"]

st.write(
    "Press **Start** and watch the **vowels** move away from the consonants; once the run stops, replay it from step 0."
)

view = attach.shown_run(PAGE, {"model": MLPConfig, "train": TrainConfig}, like=["mlp"])
corpus_config, corpus = pick_corpus(fixed=view is not None)
options = controls.field_options(PAGE, view)
with st.sidebar:
    model = forms.form(MLPConfig, MODEL, prefix=PAGE, **options, defaults={"embedding": 2})
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **options, defaults={"steps": 20_000})

config = RunConfig(corpus=corpus_config, model=MLPConfig.parse(model), train=TrainConfig.parse(train))
controls.buttons(PAGE, config, view)
panel.show(PAGE, config, corpus, view, extra=embedding_map.explore, language_model=False)

explain(__file__)
show_code(
    layers.Embedding,
    embeddings.embedding_map,
    embeddings.nearest_neighbors,
    embeddings.cosine_similarity,
    config=config,
    view=view,
)
