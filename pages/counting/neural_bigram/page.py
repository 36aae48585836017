import streamlit as st

from lmcore.inspection import neural_bigram
from lmcore.models.neural_bigram import NeuralBigramConfig
from lmcore.nn import layers, losses
from lmcore.training.config import RunConfig, TrainConfig
from pages.counting import shared
from pages.counting.neural_bigram import against_counts, log_of_mean, step_by_step, weight_decay
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code
from ui.tabs import draw_tabs

PAGE = "nb"
TRAIN = ["learning_rate", "steps", "full_batch", "batch_size"]
MORE = ["l2", "l2_reduction", "seed", "evaluate_every", "minutes"]
DEFAULTS = {"learning_rate": 50.0, "steps": 3000, "full_batch": True, "evaluate_every": 500}

st.write("Press **Start** and watch gradient descent arrive at the same probabilities and the same loss as counting.")

view = attach.shown_run(PAGE, {"train": TrainConfig})
attach.list_interrupted()
corpus_config, corpus = pick_corpus(fixed=view is not None)
shared.count_pairs(corpus, "train")
options = controls.field_options(PAGE, view)
with st.sidebar:
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **options, defaults=DEFAULTS)
    train |= forms.folded_form("More settings", TrainConfig, MORE, prefix=PAGE, **options, defaults=DEFAULTS)
config = RunConfig(corpus=corpus_config, model=NeuralBigramConfig(), train=TrainConfig.parse(train))


def training() -> None:
    controls.buttons(PAGE, config, view)
    panel.show(PAGE, config, corpus, view, extra=against_counts.compare)


draw_tabs(
    {
        "Train": training,
        "Step by step": lambda: step_by_step.on_one_word(corpus, config.train.seed),
        "Smoothing = weight decay": lambda: weight_decay.against_smoothing(corpus),
        "A common mistake": lambda: log_of_mean.against_mean_of_logs(
            corpus, config.train.seed, config.train.learning_rate
        ),
    },
    key="nb_tab",
)

explain(__file__)
show_code(
    layers.Embedding,
    losses.cross_entropy,
    losses.cross_entropy_from_counts,
    neural_bigram.forward_backward,
    config=config,
    view=view,
)
