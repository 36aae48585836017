import streamlit as st

from lmcore import history, layers, sampling, training
from lmcore.models.mlp import MLPConfig, build_mlp
from lmcore.training import RunConfig, TrainConfig
from ui import forms, run_panel
from ui.code import show_code
from ui.corpus import pick_corpus

PAGE = "mlp"
MODEL = ["context", "embedding", "hidden", "initialisation"]
TRAIN = ["learning_rate", "batch_size", "steps", "seed"]
MORE = ["l2", "evaluate_every", "minutes"]

st.title("A network that learns to write")
st.write("Press **Start** and watch the loss fall below the dashed line of guessing, while noise turns into names.")

view = run_panel.attach(PAGE, {"model": MLPConfig, "train": TrainConfig})
run_panel.offer_interrupted(PAGE)
corpus_config, corpus = pick_corpus()


def fixed(name: str) -> bool:
    return view is not None and name not in TrainConfig.live_fields()


change = run_panel.changer(PAGE)
with st.sidebar:
    model = forms.form(MLPConfig, MODEL, prefix=PAGE, disabled=fixed)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, disabled=fixed, on_change=change)
    with st.expander("More settings"):
        train |= forms.form(TrainConfig, MORE, prefix=PAGE, disabled=fixed, on_change=change)

config = RunConfig(corpus=corpus_config, model=forms.parse(MLPConfig, model), train=forms.parse(TrainConfig, train))
run_panel.buttons(PAGE, config, view)
run_panel.show(PAGE, config, corpus, view)

show_code(
    build_mlp,
    layers.Embedding,
    layers.Linear,
    layers.Tanh,
    training.cross_entropy,
    training.Trainer.train,
    sampling.choose,
    history.loss_curve,
)
