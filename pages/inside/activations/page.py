import streamlit as st

from lmcore.inspection import activations
from lmcore.models.mlp import MLPConfig
from lmcore.nn import layers
from lmcore.training.training import RunConfig, TrainConfig
from pages.inside.activations import parts
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.run import panel
from ui.show_code import show_code

PAGE = parts.PAGE
MODEL = ["hidden_layers", "hidden", "activation", "batch_norm", "hidden_scheme", "hidden_bias_scale", "output_scale"]
TRAIN = ["learning_rate", "optimizer", "batch_size", "steps", "seed"]

st.title("Inside the layers")
st.write(
    "Choose a net under **Show me** and press **Start**: every layer should keep its spread, and updates stay near −3."
)

panel.adopt(PAGE, "mlp", "wave")
view = panel.attach(PAGE, {"model": MLPConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = panel.steering(PAGE, view)
model = {}
with st.sidebar:
    menu = st.container()
    layered = view is None or isinstance(view.config.model, MLPConfig)
    if layered:
        model = parts.gain(view) | forms.form(MLPConfig, MODEL, prefix=PAGE, **steering, defaults=activations.HEALTHY)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults={"steps": 20_000})
    if layered:
        with menu:
            parts.case(view, model | train)

config = RunConfig(corpus=corpus_config, model=forms.parse(MLPConfig, model), train=forms.parse(TrainConfig, train))
panel.buttons(PAGE, config, view)
panel.show(PAGE, config, corpus, view, more=parts.pictures(config), standard=False)
parts.treatment(view.config if view else config)

show_code(
    activations.on_batch,
    activations.updates,
    activations.saturation,
    layers.Embedding,
    layers.FlattenConsecutive,
    layers.Linear,
    layers.BatchNorm1d,
    layers.Tanh,
    layers.ReLU,
)
