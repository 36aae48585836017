import streamlit as st

from lmcore.models.mlp import MLPConfig
from lmcore.nn import layers, losses
from lmcore.training import loss_curve
from lmcore.training.config import RunConfig, TrainConfig
from pages.mlp import shared
from pages.mlp.mlp import splits, tuning
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code

PAGE = "mlp"
MODEL = ["context", "embedding", "hidden", "hidden_layers", "activation", "direct_connections"]
TRAIN = ["learning_rate", "batch_size", "steps", "seed"]
MORE = {
    "Optimizer and schedule": ["optimizer", "momentum", "weight_decay", "schedule", "factor", "decay_at", "warmup"],
    "Regularization": ["l2", "l2_reduction", "l2_embedding", "l2_hidden", "l2_output", "clip", "clip_threshold"],
    "More settings": ["one_batch", "evaluate_every", "minutes"],
}

st.write("Press **Start** and watch the loss fall below the dashed line of guessing, while noise turns into names.")

view = attach.shown_run(PAGE, {"model": MLPConfig, "train": TrainConfig})
attach.list_interrupted()
corpus_config, corpus = pick_corpus(fixed=view is not None)
options = controls.field_options(PAGE, view)
with st.sidebar:
    model = forms.form(MLPConfig, MODEL, prefix=PAGE, **options)
    train = forms.form_with_more(TrainConfig, TRAIN, MORE, prefix=PAGE, **options)
    if view is None:
        model |= forms.folded_form("Initialization and BatchNorm", MLPConfig, shared.INITIALIZATION, prefix=PAGE)
    else:
        model |= forms.fixed(view.config.model, shared.INITIALIZATION, prefix=PAGE)

config = RunConfig(corpus=corpus_config, model=MLPConfig.parse(model), train=TrainConfig.parse(train))
controls.buttons(PAGE, config, view, more=tuning.overfit_button)
panel.show(PAGE, config, corpus, view, extra=tuning.hints)
splits.train_dev_test(PAGE, corpus, view)

explain(__file__)
show_code(
    layers.Embedding,
    layers.Linear,
    layers.Tanh,
    losses.cross_entropy,
    loss_curve.loss_curve,
    config=config,
    view=view,
)
