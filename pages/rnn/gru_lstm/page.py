import streamlit as st

from lmcore.generation import passages, sampling
from lmcore.models import recurrent
from lmcore.models.recurrent import RecurrentConfig
from lmcore.training.training import RunConfig, TrainConfig
from pages.rnn import shared
from pages.rnn.gru_lstm import race
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.run import panel
from ui.show_code import show_code

PAGE = race.PAGE
MODEL = ["cell", "embedding", "hidden", "layers", "dropout", "sequence", "clip_at"]
TRAIN = ["steps", "batch_size", "optimizer", "learning_rate", "schedule", "factor", "evaluate_every", "seed"]

st.title("Gates that keep a memory")
st.write("Press **Start**, then let the plain layer, the **GRU** and the **LSTM** race: who remembers, writes better.")

view = panel.attach(PAGE, {"model": RecurrentConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(RecurrentConfig, MODEL, prefix=PAGE, **steering)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults=race.DEFAULTS)

settings = forms.parse(TrainConfig, train)
config = RunConfig(corpus=corpus_config, model=forms.parse(RecurrentConfig, model), train=settings)
panel.buttons(PAGE, config, view)
names = ["Train", "A passage", "Words", "Hidden units", "The race"]
training, passage, words, units, racing = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

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

if racing.open:
    with racing:
        race.race_of_cells(config, corpus)

show_code(recurrent.RecurrentNet, recurrent.Lanes, recurrent.rival, sampling.draw, passages.gallery)
