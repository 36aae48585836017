import streamlit as st

from lmcore.inspection import embeddings
from lmcore.models.mlp import MLPConfig
from lmcore.nn import layers
from lmcore.training.training import RunConfig, TrainConfig
from pages.mlp.embeddings import parts
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.run import panel
from ui.show_code import show_code

PAGE = parts.PAGE
MODEL = ["embedding", "context", "hidden"]
TRAIN = ["learning_rate", "steps", "batch_size", "seed"]

st.title("Letters find their families")
st.write("Press **Start** and watch the **vowels** move away from the consonants; at rest, play it again from step 0.")

panel.adopt(PAGE, "mlp")  # the net that was trained on the MLP page
view = panel.attach(PAGE, {"model": MLPConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(MLPConfig, MODEL, prefix=PAGE, **steering, defaults={"embedding": 2})
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults={"steps": 20_000})

config = RunConfig(corpus=corpus_config, model=forms.parse(MLPConfig, model), train=forms.parse(TrainConfig, train))
panel.buttons(PAGE, config, view)
panel.show(PAGE, config, corpus, view, more=parts.pictures, standard=False, play=False)

show_code(layers.Embedding, embeddings.positions, embeddings.neighbors, embeddings.similarity)
