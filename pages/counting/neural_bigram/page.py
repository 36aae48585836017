import streamlit as st

from lmcore.inspection import neural_bigram
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.nn import layers
from lmcore.training import training
from lmcore.training.training import RunConfig, TrainConfig
from pages.counting.neural_bigram import tabs
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.run import panel
from ui.show_code import show_code

PAGE = "nb"
TRAIN = ["learning_rate", "steps", "full_batch", "batch_size"]
MORE = ["l2", "seed", "evaluate_every", "minutes"]
DEFAULTS = {"learning_rate": 50.0, "steps": 3000, "full_batch": True, "evaluate_every": 500}

st.title("The same model as a neural net")
st.write("Press **Start**: gradient descent finds by itself what counting knows, and stops at the same loss.")

view = panel.attach(PAGE, {"train": TrainConfig})
panel.offer_interrupted(PAGE)
corpus_config, corpus = pick_corpus()
steering = panel.steering(PAGE, view)
with st.sidebar:
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults=DEFAULTS)
    with st.expander("More settings"):
        train |= forms.form(TrainConfig, MORE, prefix=PAGE, **steering, defaults=DEFAULTS)

config = RunConfig(corpus=corpus_config, model=NeuralBigramConfig(), train=forms.parse(TrainConfig, train))
names = ["Train", "Step by step", "Smoothing = weight decay", "The common mistake"]
training_tab, steps, decay, mistake = st.tabs(names, on_change="rerun", key="nb_tab")

if training_tab.open:
    with training_tab:
        panel.buttons(PAGE, config, view)
        panel.show(PAGE, config, corpus, view, more=tabs.against_counts)

if steps.open:
    with steps:
        tabs.slow_motion(corpus, config.train.seed)

if decay.open:
    with decay:
        tabs.weight_decay(corpus)

if mistake.open:
    with mistake:
        tabs.mistake(corpus, config.train.seed, config.train.learning_rate)

show_code(
    build_neural_bigram,
    layers.Embedding,
    training.cross_entropy,
    training.counted_cross_entropy,
    neural_bigram.one_step,
)
