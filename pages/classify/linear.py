import streamlit as st

from lmcore import classifiers, datasets, decisions
from lmcore.classifiers import ClassifierRunConfig, ClassifierTrainConfig
from lmcore.datasets import DataConfig
from lmcore.scratch import linear
from lmcore.scratch.linear import SoftmaxConfig
from ui import classify, forms, run_panel
from ui.code import show_code

PAGE = classify.PAGE
TRAIN = ["descent", "batch_size", "learning_rate", "steps", "evaluate_every", "seed"]

st.title("Drawing a line between classes")
st.write("Press **Start** and watch the boundary turn until it parts the clouds; a ring marks every mistake.")

parts = {"data": DataConfig, "model": SoftmaxConfig, "train": ClassifierTrainConfig}
view = run_panel.attach(PAGE, parts, classify.TASK)
run_panel.offer_interrupted(PAGE, classify.TASK)
steering = run_panel.steering(PAGE, view)
data_config, data = classify.pick_data(steering, view is not None)
with st.sidebar:
    family = st.selectbox("Model", list(classify.FAMILIES), key=f"{PAGE}_family", disabled=view is not None)
    kind = classify.FAMILIES[family]
    model = forms.form(kind, ["start", "scale"], prefix=PAGE, **steering, defaults={"start": "normal"})
    train = forms.form(ClassifierTrainConfig, TRAIN, prefix=PAGE, **steering, defaults=classify.DEFAULTS)
    with st.expander("Schedule of the rate"):
        train |= forms.form(ClassifierTrainConfig, classify.SCHEDULE, prefix=PAGE, **steering)
    with st.expander("Clipping, early stopping"):
        train |= forms.form(ClassifierTrainConfig, classify.HOLD, prefix=PAGE, **steering)

config = ClassifierRunConfig(
    data=data_config, model=forms.parse(kind, model), train=forms.parse(ClassifierTrainConfig, train)
)
st.session_state[f"{PAGE}.config"] = config
run_panel.buttons(PAGE, config, view)
names = ["Train", "Right and wrong", "The formula", "Three descents", "Loss surface"]
training, right, formula, compare, surface = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if training.open:
    with training:
        run_panel.show(PAGE, config, data, view, more=classify.pictures, standard=False, measures=classify.measures)

if right.open:
    with right:
        classify.confusion(*classify.shown(PAGE, config, view), PAGE)

if formula.open:
    with formula:
        classify.formula(config, view)

if compare.open:
    with compare:
        classify.compare(config, data)

if surface.open:
    with surface:
        classify.surface(config)

show_code(
    linear.augmented,
    linear.binary_cross_entropy,
    linear.categorical_cross_entropy,
    linear.stochastic,
    classifiers.ClassifierTrainer,
    datasets.load,
    decisions.regions,
)
