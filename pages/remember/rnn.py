import streamlit as st

from lmcore import passages, sampling
from lmcore.scratch import rnn as scratch
from lmcore.scratch.rnn import RNNConfig
from lmcore.training import RunConfig, TrainConfig
from ui import forms, rnn, run_panel
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = "rnn"
MODEL = ["hidden", "sequence", "scale", "clip", "clip_at"]
TRAIN = ["learning_rate", "steps", "schedule", "evaluate_every", "seed"]

st.title("A network that remembers")
st.write("Press **Start** on a running text: out of noise come words, then quotes and lines of the right length.")

view = run_panel.attach(PAGE, {"model": RNNConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = run_panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(RNNConfig, MODEL, prefix=PAGE, **steering)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering)

config = RunConfig(corpus=corpus_config, model=forms.parse(RNNConfig, model), train=forms.parse(TrainConfig, train))
run_panel.buttons(PAGE, config, view)
names = ["Train", "A passage", "Words", "Hidden units", "Slow motion", "Gradient check"]
training, passage, words, units, motion, check = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if training.open:
    with training:
        run_panel.show(PAGE, config, corpus, view, more=rnn.numbers)

if passage.open:
    with passage:
        rnn.passage(PAGE, config, view)

if words.open:
    with words:
        rnn.words(PAGE, config, view)

if units.open:
    with units:
        rnn.units(PAGE, config, view)

if motion.open:
    with motion:
        rnn.slow_motion(PAGE, config, view)

if check.open:
    with check:
        rnn.gradient_check(PAGE, config, view)

show_code(scratch.RNN, scratch.AdaGrad, scratch.Stream, scratch.step, sampling.draw, passages.gallery)
