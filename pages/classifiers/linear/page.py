import streamlit as st

from lmcore.data import datasets
from lmcore.data.datasets import DataConfig
from lmcore.inspection import decision_regions
from lmcore.models import numpy_linear
from lmcore.models.numpy_linear import SoftmaxConfig
from lmcore.training import classifiers
from lmcore.training.classifiers import ClassifierRunConfig, ClassifierTrainConfig
from pages.classifiers import shared
from ui import forms
from ui.run import panel
from ui.show_code import show_code

PAGE = shared.PAGE
TRAIN = ["descent", "batch_size", "learning_rate", "steps", "evaluate_every", "seed"]

st.title("Drawing a line between classes")
st.write("Press **Start** and watch the boundary turn until it parts the clouds; a ring marks every mistake.")

parts = {"data": DataConfig, "model": SoftmaxConfig, "train": ClassifierTrainConfig}
view = panel.attach(PAGE, parts, shared.TASK)
panel.offer_interrupted(PAGE, shared.TASK)
steering = panel.steering(PAGE, view)
data_config, data = shared.pick_data(steering, view is not None)
with st.sidebar:
    family = st.selectbox("Model", list(shared.FAMILIES), key=f"{PAGE}_family", disabled=view is not None)
    kind = shared.FAMILIES[family]
    model = forms.form(kind, ["start", "scale"], prefix=PAGE, **steering, defaults={"start": "normal"})
    train = forms.form(ClassifierTrainConfig, TRAIN, prefix=PAGE, **steering, defaults=shared.DEFAULTS)
    with st.expander("Schedule of the rate"):
        train |= forms.form(ClassifierTrainConfig, shared.SCHEDULE, prefix=PAGE, **steering)
    with st.expander("Clipping, early stopping"):
        train |= forms.form(ClassifierTrainConfig, shared.HOLD, prefix=PAGE, **steering)

config = ClassifierRunConfig(
    data=data_config, model=forms.parse(kind, model), train=forms.parse(ClassifierTrainConfig, train)
)
st.session_state[f"{PAGE}.config"] = config
panel.buttons(PAGE, config, view)
names = ["Train", "Right and wrong", "The formula", "Three descents", "Loss surface"]
training, right, formula, compare, surface = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if training.open:
    with training:
        panel.show(PAGE, config, data, view, more=shared.pictures, standard=False, measures=shared.measures)

if right.open:
    with right:
        shared.confusion(*shared.shown(PAGE, config, view), PAGE)

if formula.open:
    with formula:
        shared.formula(config, view)

if compare.open:
    with compare:
        shared.compare(config, data)

if surface.open:
    with surface:
        shared.surface(config)

show_code(
    numpy_linear.augmented,
    numpy_linear.binary_cross_entropy,
    numpy_linear.categorical_cross_entropy,
    numpy_linear.stochastic,
    classifiers.ClassifierTrainer,
    datasets.load,
    decision_regions.regions,
)
