import streamlit as st

from lmcore.inspection import activations
from lmcore.models.wavenet import WaveNetConfig, build_wavenet
from lmcore.nn import layers
from lmcore.training.training import RunConfig, TrainConfig
from pages.mlp.wavenet import parts
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.run import panel
from ui.show_code import show_code

PAGE = parts.PAGE
MODEL = ["context", "embedding", "hidden", "batch_norm", "output_scale"]
TRAIN = ["steps", "batch_size", "learning_rate", "schedule", "optimizer", "seed"]

st.title("Two by two")
st.write("Characters are fused **two by two**, level by level: press **Start**, then click a node to see what it sees.")

view = panel.attach(PAGE, {"model": WaveNetConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(WaveNetConfig, MODEL, prefix=PAGE, **steering)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults={"steps": 20_000})

config = RunConfig(corpus=corpus_config, model=forms.parse(WaveNetConfig, model), train=forms.parse(TrainConfig, train))
panel.buttons(PAGE, config, view)
panel.show(PAGE, config, corpus, view, more=parts.tree(config))
parts.flat_against_hierarchy(config, corpus)

show_code(build_wavenet, layers.FlattenConsecutive, layers.BatchNorm1d, layers.Linear, activations.levels)
