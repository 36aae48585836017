import streamlit as st

from lmcore.inspection import activations, recurrent_activations, saturation, updates
from lmcore.inspection.treatments import HEALTHY
from lmcore.models.mlp import MLPConfig
from lmcore.nn import layers
from lmcore.training.config import RunConfig, TrainConfig
from pages.inside.activations import one_change, pictures, presets, recurrent
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code
from ui.tabs import draw_tabs

PAGE = "act"
MODEL = ["hidden_layers", "hidden", "activation", "batch_norm", "hidden_scheme", "hidden_bias_scale", "output_scale"]
TRAIN = ["learning_rate", "optimizer", "batch_size", "steps", "seed"]

st.write("Choose a **preset** and press **Start**: does every layer keep its spread, and do updates stay near 10⁻³?")

view = attach.shown_run(PAGE, {"model": MLPConfig, "train": TrainConfig}, like=("mlp", "wave"))
corpus_config, corpus = pick_corpus(fixed=view is not None)
options = controls.field_options(PAGE, view)
model = {}
with st.sidebar:
    preset = st.container()
    has_widgets = view is None or isinstance(view.config.model, MLPConfig)  # the other models have different settings
    if has_widgets:
        model = presets.gain_slider(PAGE, view)
        model |= forms.form(MLPConfig, MODEL, prefix=PAGE, **options, defaults=HEALTHY)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **options, defaults={"steps": 20_000})
    if has_widgets:
        with preset:
            presets.pick(PAGE, view, model | train)

config = RunConfig(corpus=corpus_config, model=MLPConfig.parse(model), train=TrainConfig.parse(train))
controls.buttons(PAGE, config, view)


def layers_of_a_network() -> None:
    panel.show(PAGE, config, corpus, view, extra=pictures.drawer(PAGE, config), language_model=False)
    one_change.show(PAGE, config, view)


draw_tabs(
    {
        "MLP & WaveNet": layers_of_a_network,
        "Recurrent networks": lambda: recurrent.show(PAGE, corpus_config),
    },
    key="act_tab",
)

explain(__file__)
show_code(
    activations.batch_activations,
    updates.updates,
    saturation.saturation,
    layers.Embedding,
    layers.FlattenConsecutive,
    layers.Linear,
    layers.BatchNorm1d,
    layers.Tanh,
    layers.ReLU,
    recurrent_activations.gru_step,
    recurrent_activations.lstm_step,
    config=config,
    view=view,
)
