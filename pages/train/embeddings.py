import streamlit as st

from lmcore import embeddings as lmcore_embeddings
from lmcore import layers
from lmcore.models.mlp import MLPConfig
from lmcore.training import RunConfig, TrainConfig
from ui import embeddings, forms, run_panel
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = embeddings.PAGE
MODEL = ["embedding", "context", "hidden"]
TRAIN = ["learning_rate", "steps", "batch_size", "seed"]

st.title("Letters find their families")
st.write("Press **Start** and watch the **vowels** move away from the consonants; at rest, play it again from step 0.")

run_panel.adopt(PAGE, "mlp")  # the net that was trained on the MLP page
view = run_panel.attach(PAGE, {"model": MLPConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = run_panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(MLPConfig, MODEL, prefix=PAGE, **steering, defaults={"embedding": 2})
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults={"steps": 20_000})

config = RunConfig(corpus=corpus_config, model=forms.parse(MLPConfig, model), train=forms.parse(TrainConfig, train))
run_panel.buttons(PAGE, config, view)
run_panel.show(PAGE, config, corpus, view, more=embeddings.pictures, standard=False, play=False)

show_code(layers.Embedding, lmcore_embeddings.positions, lmcore_embeddings.neighbours, lmcore_embeddings.similarity)
