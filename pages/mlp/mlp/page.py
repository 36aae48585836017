import streamlit as st

from lmcore.generation import sampling
from lmcore.models.mlp import MLPConfig, build_mlp
from lmcore.nn import layers
from lmcore.training import history, training
from lmcore.training.training import RunConfig, TrainConfig
from pages.mlp import shared
from pages.mlp.mlp import tuning
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.run import panel
from ui.show_code import show_code

PAGE = "mlp"
MODEL = ["context", "embedding", "hidden", "hidden_layers", "activation", "direct"]
TRAIN = ["learning_rate", "batch_size", "steps", "seed"]
FOLDED = {
    "Optimizer and schedule": ["optimizer", "momentum", "weight_decay", "schedule", "factor", "decay_at", "warmup"],
    "Penalties": ["l2", "l2_embedding", "l2_hidden", "l2_output"],
    "More settings": ["one_batch", "evaluate_every", "minutes"],
}

st.title("A network that learns to write")
st.write("Press **Start** and watch the loss fall below the dashed line of guessing, while noise turns into names.")

view = panel.attach(PAGE, {"model": MLPConfig, "train": TrainConfig})
panel.offer_interrupted(PAGE)
corpus_config, corpus = pick_corpus()
steering = panel.steering(PAGE, view)
with st.sidebar:
    model = forms.form(MLPConfig, MODEL, prefix=PAGE, **steering)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering)
    for title, names in FOLDED.items():
        with st.expander(title):
            train |= forms.form(TrainConfig, names, prefix=PAGE, **steering)
    if view is None:
        with st.expander("Starting weights, BatchNorm"):
            model |= forms.form(MLPConfig, shared.FIELDS, prefix=PAGE)
    else:
        model |= forms.hold(view.config.model, shared.FIELDS, prefix=PAGE)

config = RunConfig(corpus=corpus_config, model=forms.parse(MLPConfig, model), train=forms.parse(TrainConfig, train))
with st.container(horizontal=True, vertical_alignment="center"):
    panel.buttons(PAGE, config, view)
    tuning.over_fit_button(PAGE, config)
panel.show(PAGE, config, corpus, view, more=tuning.hints)
tuning.splits(PAGE, corpus, view)

show_code(
    build_mlp,
    layers.Embedding,
    layers.Linear,
    layers.Tanh,
    training.cross_entropy,
    training.Trainer,
    training.rates,
    sampling.choose,
    history.loss_curve,
)
