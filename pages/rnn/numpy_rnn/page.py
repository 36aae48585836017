import streamlit as st

from lmcore import families
from lmcore.inspection import hidden_units
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.training.config import RunConfig, TrainConfig
from pages.rnn import shared
from pages.rnn.numpy_rnn import gradient_check, step_by_step
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code
from ui.tabs import draw_tabs

PAGE = "rnn"
MODEL = ["hidden", "sequence", "scale"]
TRAIN = ["learning_rate", "steps"]
MORE = {"Schedule and clipping": ["schedule", "clip", "clip_threshold"], "More settings": ["evaluate_every", "seed"]}
DEFAULTS = dict(families.find("rnn").train_defaults)

st.write("Press **Start**: noise turns into names; on running text, into words, quotes and lines of the right length.")

view = attach.shown_run(PAGE, {"model": RNNConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus(fixed=view is not None)
options = controls.field_options(PAGE, view)
with st.sidebar:
    model = forms.form(RNNConfig, MODEL, prefix=PAGE, **options)
    train = forms.form_with_more(TrainConfig, TRAIN, MORE, prefix=PAGE, **options, defaults=DEFAULTS)

config = RunConfig(corpus=corpus_config, model=RNNConfig.parse(model), train=TrainConfig.parse(train))
controls.buttons(PAGE, config, view)

draw_tabs(
    {
        "Train": lambda: panel.show(PAGE, config, corpus, view, extra=shared.statistics(config)),
        "Passage": lambda: shared.passage(PAGE, config, view),
        "Words": lambda: shared.words(PAGE, config, view),
        "Hidden units": lambda: shared.units(PAGE, config, view),
        "Step by step": lambda: step_by_step.unrolled(PAGE, config, view),
        "Gradient check": lambda: gradient_check.check(PAGE, config, view),
    },
    key="rnn_tab",
)

explain(__file__)
show_code(hidden_units.best_units, config=config, view=view)
