import streamlit as st

from lmcore.inspection import receptive_field
from lmcore.models.wavenet import WaveNetConfig
from lmcore.nn import layers
from lmcore.training.config import RunConfig, TrainConfig
from pages.mlp.wavenet import flat_vs_hierarchical, receptive_fields
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.run import attach, controls, panel
from ui.show_code import show_code

PAGE = "wave"
MODEL = ["context", "embedding", "hidden", "batch_norm", "norm_axes", "output_scale"]
TRAIN = ["steps", "batch_size", "learning_rate", "schedule", "optimizer", "seed"]

st.write(
    "Neighboring characters are merged **two at a time**, level by level: click a node to see its receptive field, "
    "then press **Start**."
)

view = attach.shown_run(PAGE, {"model": WaveNetConfig, "train": TrainConfig})
corpus_config, corpus = pick_corpus(fixed=view is not None)
options = controls.field_options(PAGE, view)
with st.sidebar:
    model = forms.form(WaveNetConfig, MODEL, prefix=PAGE, **options)
    train = forms.form(TrainConfig, TRAIN, prefix=PAGE, **options, defaults={"steps": 20_000})

architecture = WaveNetConfig.parse(model)
config = RunConfig(corpus=corpus_config, model=architecture, train=TrainConfig.parse(train))
controls.buttons(PAGE, config, view)
panel.show(PAGE, config, corpus, view, extra=receptive_fields.tree_of(config))

flat_vs_hierarchical.race_of_equal_size(config, architecture, corpus)

explain(__file__)
show_code(
    layers.FlattenConsecutive,
    layers.BatchNorm1d,
    layers.Linear,
    receptive_field.receptive_fields,
    config=config,
    view=view,
)
