import streamlit as st

from lmcore import passages, sampling
from lmcore.models import recurrent
from lmcore.models.recurrent import RecurrentConfig
from lmcore.training import RunConfig, TrainConfig
from ui import forms, gates, rnn, run_panel
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = gates.PAGE
MODEL = ["cell", "embedding", "hidden", "layers", "dropout", "sequence", "clip_at"]
TRAIN = ["steps", "batch_size", "optimiser", "learning_rate", "schedule", "factor", "evaluate_every", "seed"]

st.title("Gates that keep a memory")
st.write("Press **Start**, then let the plain layer, the **GRU** and the **LSTM** race: who remembers, writes better.")

view = run_panel.attach(PAGE, {"model": RecurrentConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = run_panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(RecurrentConfig, MODEL, prefix=PAGE, **steering)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults=gates.DEFAULTS)

settings = forms.parse(TrainConfig, train)
config = RunConfig(corpus=corpus_config, model=forms.parse(RecurrentConfig, model), train=settings)
run_panel.buttons(PAGE, config, view)
names = ["Train", "A passage", "Words", "Hidden units", "The race"]
training, passage, words, units, racing = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

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

if racing.open:
    with racing:
        gates.race_of_cells(config, corpus)

show_code(recurrent.RecurrentNet, recurrent.Lanes, recurrent.rival, sampling.draw, passages.gallery)
