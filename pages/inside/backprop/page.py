import streamlit as st

from lmcore.inspection import expressions
from lmcore.inspection.backprop import forward_backward, grade
from lmcore.inspection.gradient_check import check
from lmcore.training.training import TrainConfig
from pages.inside.backprop import exam, gradient_check
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.show_code import show_code

st.title("Backprop by hand")
st.write("Walk **backward** from the loss: each gradient follows from those after it, and has the shape of its tensor.")

corpus_config, corpus = pick_corpus()
with st.sidebar:
    seed = forms.widget(TrainConfig, "seed", key="bp_seed")
record = exam.one_pass(corpus, seed)

names = ["Tensor by tensor", "The exam", "Gradient check"]
by_tensor, examination, checking = st.tabs(names, on_change="rerun", key="bp_tab")

if by_tensor.open:
    with by_tensor:
        exam.tensor_by_tensor(record)

if examination.open:
    with examination:
        exam.exam(record)

if checking.open:
    with checking:
        gradient_check.gradient_check(corpus_config)

show_code(forward_backward, grade, expressions.evaluate, expressions.Interpreter, check)
