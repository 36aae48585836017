import streamlit as st

from lmcore.batch_norm import fold
from lmcore.layers import BatchNorm1d
from ui import batch_norm
from ui.code import show_code
from ui.corpus import pick_corpus

st.title("Batch normalisation")
st.write("Drag **one example** of a batch and watch all the others move: in training they are normalised together.")

corpus_config, _ = pick_corpus()
config, unit = batch_norm.settings(corpus_config)
given = batch_norm.batches(config, unit)
batch, running, axis, folding = st.tabs(
    ["One batch", "Running statistics", "3-D input", "Folding"], on_change="rerun", key="bn_tab"
)

if batch.open:
    with batch:
        batch_norm.one_batch(given, unit)

if running.open:
    with running:
        batch_norm.running(given)

if axis.open:
    with axis:
        batch_norm.wrong_axis(config, unit)

if folding.open:
    with folding:
        batch_norm.folding(config)

show_code(BatchNorm1d, fold)
