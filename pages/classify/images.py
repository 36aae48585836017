import streamlit as st

from lmcore import classifiers, decisions
from lmcore import pictures as given_pictures
from lmcore.classifiers import ClassifierRunConfig, ClassifierTrainConfig
from lmcore.datasets import DataConfig
from lmcore.scratch import mlp
from ui import classify, forms, images, run_panel
from ui.code import show_code

PAGE = images.PAGE
TRAIN = ["learning_rate", "descent", "batch_size", "steps", "evaluate_every", "seed"]

st.title("Telling pictures apart")
st.write("Press **Start** and watch the weights turn from noise into strokes; then draw a digit of your own.")

parts = {"data": DataConfig, "model": tuple(images.FAMILIES.values()), "train": ClassifierTrainConfig}
view = run_panel.attach(PAGE, parts, classify.TASK)
run_panel.offer_interrupted(PAGE, classify.TASK)
steering = run_panel.steering(PAGE, view)
data_config, data = images.pick_data(steering, view is not None)
with st.sidebar:
    family = st.selectbox("Model", list(images.FAMILIES), key=f"{PAGE}_family", disabled=view is not None)
    kind = images.FAMILIES[family]
    model = forms.form(kind, images.FIELDS[family], prefix=PAGE, **steering, defaults={"initial": "0.01"})
    train = forms.form(ClassifierTrainConfig, TRAIN, prefix=PAGE, **steering, defaults=images.DEFAULTS)
    with st.expander("Schedule of the rate"):
        train |= forms.form(ClassifierTrainConfig, classify.SCHEDULE, prefix=PAGE, **steering)
    with st.expander("Clipping, early stopping"):
        train |= forms.form(ClassifierTrainConfig, classify.HOLD, prefix=PAGE, **steering)

config = ClassifierRunConfig(
    data=data_config, model=forms.parse(kind, model), train=forms.parse(ClassifierTrainConfig, train)
)
st.session_state[f"{PAGE}.config"] = config
run_panel.buttons(PAGE, config, view)
names = ["Train", "Examples", "Right and wrong", "Hidden units", "Draw or upload"]
training, examples, right, hidden, own = st.tabs(names, on_change="rerun", key=f"{PAGE}_tab")

if training.open:
    with training:
        run_panel.show(PAGE, config, data, view, more=images.pictures, standard=False, measures=classify.measures)

if examples.open:
    with examples:
        images.examples(data)

if right.open:
    with right:
        images.mistakes(config, view)

if hidden.open:
    with hidden:
        images.hidden(config, view)

if own.open:
    with own:
        images.own_picture(config, view)

show_code(mlp.MLPClassifier, mlp.clip, classifiers.ClassifierTrainer, given_pictures.as_digit, decisions.worst)
