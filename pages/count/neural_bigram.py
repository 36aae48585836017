import streamlit as st

from lmcore import layers, one_layer, training
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.training import RunConfig, TrainConfig
from ui import forms, neural_bigram, run_panel
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = "nb"
TRAIN = ["learning_rate", "steps", "full_batch", "batch_size"]
MORE = ["l2", "seed", "evaluate_every", "minutes"]
DEFAULTS = {"learning_rate": 50.0, "steps": 3000, "full_batch": True, "evaluate_every": 500}

st.title("The same model as a neural net")
st.write("Press **Start**: gradient descent finds by itself what counting knows, and stops at the same loss.")

view = run_panel.attach(PAGE, {"train": TrainConfig})
run_panel.offer_interrupted(PAGE)
corpus_config, corpus = pick_corpus()
steering = run_panel.steering(PAGE, view)
with st.sidebar:
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults=DEFAULTS)
    with st.expander("More settings"):
        train |= forms.form(TrainConfig, MORE, prefix=PAGE, **steering, defaults=DEFAULTS)

config = RunConfig(corpus=corpus_config, model=NeuralBigramConfig(), train=forms.parse(TrainConfig, train))
names = ["Train", "Step by step", "Smoothing = weight decay", "The common mistake"]
training_tab, steps, decay, mistake = st.tabs(names, on_change="rerun", key="nb_tab")

if training_tab.open:
    with training_tab:
        run_panel.buttons(PAGE, config, view)
        run_panel.show(PAGE, config, corpus, view, more=neural_bigram.against_counts)

if steps.open:
    with steps:
        neural_bigram.slow_motion(corpus, config.train.seed)

if decay.open:
    with decay:
        neural_bigram.weight_decay(corpus)

if mistake.open:
    with mistake:
        neural_bigram.mistake(corpus, config.train.seed, config.train.learning_rate)

show_code(
    build_neural_bigram, layers.Embedding, training.cross_entropy, training.counted_cross_entropy, one_layer.one_step
)
