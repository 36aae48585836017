import streamlit as st

from lmcore import inspection, layers
from lmcore.models.wavenet import WaveNetConfig, build_wavenet
from lmcore.training import RunConfig, TrainConfig
from ui import forms, run_panel, wavenet
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = wavenet.PAGE
MODEL = ["context", "embedding", "hidden", "batch_norm", "output_scale"]
TRAIN = ["steps", "batch_size", "learning_rate", "schedule", "optimiser", "seed"]

st.title("Two by two")
st.write("Characters are fused **two by two**, level by level: press **Start**, then click a node to see what it sees.")

view = run_panel.attach(PAGE, {"model": WaveNetConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = run_panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(WaveNetConfig, MODEL, prefix=PAGE, **steering)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults={"steps": 20_000})

config = RunConfig(corpus=corpus_config, model=forms.parse(WaveNetConfig, model), train=forms.parse(TrainConfig, train))
run_panel.buttons(PAGE, config, view)
run_panel.show(PAGE, config, corpus, view, more=wavenet.tree(config))
wavenet.flat_against_hierarchy(config, corpus)

show_code(build_wavenet, layers.FlattenConsecutive, layers.BatchNorm1d, layers.Linear, inspection.levels)
