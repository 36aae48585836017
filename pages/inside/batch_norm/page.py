import streamlit as st

from lmcore.inspection.batch_norm import fold
from lmcore.nn.layers import BatchNorm1d
from pages.inside.batch_norm import parts
from ui.corpus_picker import pick_corpus
from ui.show_code import show_code

st.title("Batch normalization")
st.write("Drag **one example** of a batch and watch all the others move: in training they are normalized together.")

corpus_config, _ = pick_corpus()
config, unit = parts.settings(corpus_config)
given = parts.batches(config, unit)
batch, running, axis, folding = st.tabs(
    ["One batch", "Running statistics", "3-D input", "Folding"], on_change="rerun", key="bn_tab"
)

if batch.open:
    with batch:
        parts.one_batch(given, unit)

if running.open:
    with running:
        parts.running(given)

if axis.open:
    with axis:
        parts.wrong_axis(config, unit)

if folding.open:
    with folding:
        parts.folding(config)

show_code(BatchNorm1d, fold)
