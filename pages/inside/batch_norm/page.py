import streamlit as st

from lmcore.inspection.batch_norm import fold
from lmcore.nn.layers import BatchNorm1d
from pages.inside.batch_norm import folding, one_batch, running_statistics, settings, wrong_axis
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.show_code import show_code
from ui.tabs import draw_tabs

st.write(
    "Drag **one example** and watch all others move: in training, the examples of a batch are normalized together."
)

corpus_config, _ = pick_corpus()
config, unit = settings.pick(corpus_config)
batches = settings.batches(config, unit)

draw_tabs(
    {
        "One batch": lambda: one_batch.show(batches),
        "Running statistics": lambda: running_statistics.show(batches),
        "3-D input": lambda: wrong_axis.show(config, unit),
        "Folding": lambda: folding.show(config),
    },
    key="bn_tab",
)

explain(__file__)
show_code(BatchNorm1d, fold)
