import streamlit as st

from lmcore import expressions, gradients
from lmcore.backprop import forward_backward, grade
from lmcore.training import TrainConfig
from ui import backprop, forms, gradient_check
from ui.code import show_code
from ui.corpus import pick_corpus

st.title("Backprop by hand")
st.write("Walk **backward** from the loss: each gradient follows from those after it, and has the shape of its tensor.")

corpus_config, corpus = pick_corpus()
with st.sidebar:
    seed = forms.widget(TrainConfig, "seed", key="bp_seed")
record = backprop.one_pass(corpus, seed)

names = ["Tensor by tensor", "The exam", "Gradient check"]
tensors, exam, check = st.tabs(names, on_change="rerun", key="bp_tab")

if tensors.open:
    with tensors:
        backprop.tensor_by_tensor(record)

if exam.open:
    with exam:
        backprop.exam(record)

if check.open:
    with check:
        gradient_check.gradient_check(corpus_config)

show_code(forward_backward, grade, expressions.evaluate, expressions.Interpreter, gradients.check)
