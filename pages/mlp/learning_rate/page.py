import streamlit as st

from lmcore.models.mlp import MLPConfig
from lmcore.training import lr_finder
from lmcore.training.lr_finder import SweepConfig
from lmcore.training.training import RunConfig, TrainConfig
from pages.mlp.learning_rate import parts
from ui import forms, race
from ui.corpus_picker import pick_corpus
from ui.show_code import show_code

PAGE = "lr"
MODEL = ["context", "embedding", "hidden", "hidden_layers"]
TRAIN = ["optimizer", "batch_size", "seed", "steps"]

st.title("How large a step?")
st.write(
    "The rate grows at every step: the loss falls, flattens, **blows up**. Five rules read the curve; a race decides."
)

corpus_config, corpus = pick_corpus()
with st.sidebar:
    settings = forms.parse(SweepConfig, forms.form(SweepConfig, list(SweepConfig.model_fields), prefix=PAGE))
    model = forms.parse(MLPConfig, forms.form(MLPConfig, MODEL, prefix=PAGE))
    train = forms.parse(TrainConfig, forms.form(TrainConfig, TRAIN, prefix=PAGE, defaults={"steps": 5000}))
config = RunConfig(corpus=corpus_config, model=model, train=train)

found = parts.finding(config, settings)
if found is not None:
    parts.jury(found, config)

    st.subheader("The race")
    st.write("A short real run from each suggestion, with the same starting weights and the same batches.")
    rates = sorted({float(f"{rate:.3g}") for rate in found.suggestions.values()})
    entrants = {f"{rate:g}": config.model_copy(update={"train": train.updated(learning_rate=rate)}) for rate in rates}
    race.race(PAGE, entrants, parts.namer(found))

show_code(lr_finder.go_on, lr_finder.valley, lr_finder.slide, lr_finder.steepest, lr_finder.below_divergence)
