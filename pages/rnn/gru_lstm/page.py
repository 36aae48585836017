import streamlit as st

from lmcore import families
from lmcore.inspection import hidden_units
from lmcore.models.recurrent import RecurrentConfig, parameter_matched
from lmcore.training.config import RunConfig, TrainConfig
from pages.rnn import shared
from pages.rnn.gru_lstm import race
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code
from ui.tabs import draw_tabs

PAGE = "lstm"
MODEL = ["cell", "hidden", "layers", "sequence", "embedding", "dropout"]
TRAIN = ["learning_rate", "steps", "batch_size"]
MORE = {
    "Optimizer, schedule and clipping": ["optimizer", "schedule", "factor", "clip", "clip_threshold"],
    "More settings": ["evaluate_every", "seed"],
}
DEFAULTS = dict(families.find("recurrent").train_defaults) | {
    "steps": 3000,
    "optimizer": "adam",
    "learning_rate": 0.004,
    "evaluate_every": 500,
}

st.write("Press **Start**, then race a plain RNN, a **GRU** and an **LSTM**: does a longer memory write better text?")

view = attach.shown_run(PAGE, {"model": RecurrentConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus(fixed=view is not None)
options = controls.field_options(PAGE, view)
with st.sidebar:
    model = forms.form(RecurrentConfig, MODEL, prefix=PAGE, **options)
    train = forms.form_with_more(TrainConfig, TRAIN, MORE, prefix=PAGE, **options, defaults=DEFAULTS)

architecture = RecurrentConfig.parse(model)
config = RunConfig(corpus=corpus_config, model=architecture, train=TrainConfig.parse(train))
controls.buttons(PAGE, config, view)

draw_tabs(
    {
        "Train": lambda: panel.show(PAGE, config, corpus, view, extra=shared.statistics(config)),
        "Passage": lambda: shared.passage(PAGE, config, view),
        "Words": lambda: shared.words(PAGE, config, view),
        "Hidden units": lambda: shared.units(PAGE, config, view),
        "Race": lambda: race.race_of_cells(config, architecture, corpus),
    },
    key="lstm_tab",
)

explain(__file__)
show_code(parameter_matched, hidden_units.best_units, config=config, view=view)
