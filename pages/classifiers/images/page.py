import streamlit as st

from lmcore.data import images as given_pictures
from lmcore.data.datasets import DataConfig
from lmcore.inspection import decision_regions
from lmcore.models import numpy_mlp
from lmcore.training import classifiers
from lmcore.training.classifiers import ClassifierRunConfig, ClassifierTrainConfig
from pages.classifiers import shared
from pages.classifiers.images import parts
from ui import forms
from ui.run import panel
from ui.show_code import show_code

PAGE = parts.PAGE
TRAIN = ["learning_rate", "descent", "batch_size", "steps", "evaluate_every", "seed"]

st.title("Telling pictures apart")
st.write("Press **Start** and watch the weights turn from noise into strokes; then draw a digit of your own.")

parts = {"data": DataConfig, "model": tuple(parts.FAMILIES.values()), "train": ClassifierTrainConfig}
view = panel.attach(PAGE, parts, shared.TASK)
panel.offer_interrupted(PAGE, shared.TASK)
steering = panel.steering(PAGE, view)
data_config, data = parts.pick_data(steering, view is not None)
with st.sidebar:
    family = st.selectbox("Model", list(parts.FAMILIES), key=f"{PAGE}_family", disabled=view is not None)
    kind = parts.FAMILIES[family]
    model = forms.form(kind, parts.FIELDS[family], prefix=PAGE, **steering, defaults={"initial": "0.01"})
    train = forms.form(ClassifierTrainConfig, TRAIN, prefix=PAGE, **steering, defaults=parts.DEFAULTS)
    with st.expander("Schedule of the rate"):
        train |= forms.form(ClassifierTrainConfig, shared.SCHEDULE, prefix=PAGE, **steering)
    with st.expander("Clipping, early stopping"):
        train |= forms.form(ClassifierTrainConfig, shared.HOLD, prefix=PAGE, **steering)

config = ClassifierRunConfig(
    data=data_config, model=forms.parse(kind, model), train=forms.parse(ClassifierTrainConfig, train)
)
st.session_state[f"{PAGE}.config"] = config
panel.buttons(PAGE, config, view)
names = ["Train", "Examples", "Right and wrong", "Hidden units", "Draw or upload"]
training, examples, right, hidden, own = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if training.open:
    with training:
        panel.show(PAGE, config, data, view, more=parts.pictures, standard=False, measures=shared.measures)

if examples.open:
    with examples:
        parts.examples(data)

if right.open:
    with right:
        parts.mistakes(config, view)

if hidden.open:
    with hidden:
        parts.hidden(config, view)

if own.open:
    with own:
        parts.own_picture(config, view)

show_code(
    numpy_mlp.MLPClassifier,
    numpy_mlp.clip,
    classifiers.ClassifierTrainer,
    given_pictures.as_digit,
    decision_regions.worst,
)
