import streamlit as st

from lmcore.generation import passages, sampling
from lmcore.models import numpy_rnn as scratch
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.training.training import RunConfig, TrainConfig
from pages.rnn import shared
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.run import panel
from ui.show_code import show_code

PAGE = "rnn"
MODEL = ["hidden", "sequence", "scale", "clip", "clip_at"]
TRAIN = ["learning_rate", "steps", "schedule", "evaluate_every", "seed"]

st.title("A network that remembers")
st.write("Press **Start** on a running text: out of noise come words, then quotes and lines of the right length.")

view = panel.attach(PAGE, {"model": RNNConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(RNNConfig, MODEL, prefix=PAGE, **steering)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering)

config = RunConfig(corpus=corpus_config, model=forms.parse(RNNConfig, model), train=forms.parse(TrainConfig, train))
panel.buttons(PAGE, config, view)
names = ["Train", "A passage", "Words", "Hidden units", "Slow motion", "Gradient check"]
training, passage, words, units, motion, check = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if training.open:
    with training:
        panel.show(PAGE, config, corpus, view, more=shared.numbers)

if passage.open:
    with passage:
        shared.passage(PAGE, config, view)

if words.open:
    with words:
        shared.words(PAGE, config, view)

if units.open:
    with units:
        shared.units(PAGE, config, view)

if motion.open:
    with motion:
        shared.slow_motion(PAGE, config, view)

if check.open:
    with check:
        shared.gradient_check(PAGE, config, view)

show_code(scratch.RNN, scratch.AdaGrad, scratch.Stream, scratch.step, sampling.draw, passages.gallery)
