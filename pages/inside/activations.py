import streamlit as st

from lmcore import inspection, layers
from lmcore.models.mlp import MLPConfig
from lmcore.training import RunConfig, TrainConfig
from ui import forms, inside, run_panel
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = inside.PAGE
MODEL = ["hidden_layers", "hidden", "activation", "batch_norm", "hidden_scheme", "hidden_bias_scale", "output_scale"]
TRAIN = ["learning_rate", "optimiser", "batch_size", "steps", "seed"]

st.title("Inside the layers")
st.write(
    "Choose a net under **Show me** and press **Start**: every layer should keep its spread, and updates stay near −3."
)

run_panel.adopt(PAGE, "mlp", "wave")
view = run_panel.attach(PAGE, {"model": MLPConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus()
steering = run_panel.steering(PAGE, view)
model = {}
with st.sidebar:
    menu = st.container()
    layered = view is None or isinstance(view.config.model, MLPConfig)
    if layered:
        model = inside.gain(view) | forms.form(MLPConfig, MODEL, prefix=PAGE, **steering, defaults=inspection.HEALTHY)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **steering, defaults={"steps": 20_000})
    if layered:
        with menu:
            inside.case(view, model | train)

config = RunConfig(corpus=corpus_config, model=forms.parse(MLPConfig, model), train=forms.parse(TrainConfig, train))
run_panel.buttons(PAGE, config, view)
run_panel.show(PAGE, config, corpus, view, more=inside.pictures(config), standard=False)
inside.treatment(view.config if view else config)

show_code(
    inspection.on_batch,
    inspection.updates,
    inspection.saturation,
    layers.Embedding,
    layers.FlattenConsecutive,
    layers.Linear,
    layers.BatchNorm1d,
    layers.Tanh,
    layers.ReLU,
)
