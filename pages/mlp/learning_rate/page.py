import streamlit as st

from lmcore.inspection import lr_finder
from lmcore.inspection.lr_finder import SweepConfig
from lmcore.models.mlp import MLPConfig
from lmcore.training.config import RunConfig, TrainConfig
from pages.mlp.learning_rate import suggestions, sweep
from ui import forms, race
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.show_code import show_code

PAGE = "lr"
MODEL = ["context", "embedding", "hidden", "hidden_layers"]
TRAIN = ["optimizer", "batch_size", "seed", "steps"]

st.write(
    "The learning rate grows at every step: the loss falls, flattens, then **diverges**. Five rules each suggest a "
    "rate, and a race compares them."
)

corpus_config, corpus = pick_corpus()
with st.sidebar:
    settings = SweepConfig.parse(forms.form(SweepConfig, list(SweepConfig.model_fields), prefix=PAGE))
    model = MLPConfig.parse(forms.form(MLPConfig, MODEL, prefix=PAGE))
    train = TrainConfig.parse(forms.form(TrainConfig, TRAIN, prefix=PAGE, defaults={"steps": 5000}))
config = RunConfig(corpus=corpus_config, model=model, train=train)

found = sweep.curve(config, settings)
if found is not None:
    suggestions.rules(found, config)

    st.subheader("Race")
    st.write("A short training run with each suggestion, from the same initial weights and on the same minibatches.")
    rates = sorted({float(f"{rate:.3g}") for rate in found.suggestions.values()})
    entrants = {f"{rate:g}": config.model_copy(update={"train": train.updated(learning_rate=rate)}) for rate in rates}
    race.race(PAGE, entrants, suggestions.name_of_run(found), ["mlp"])

explain(__file__)
show_code(lr_finder.run_sweeps, lr_finder.valley, lr_finder.slide, lr_finder.steepest, lr_finder.below_divergence)
