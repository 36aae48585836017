import streamlit as st

from lmcore.inspection import backprop, backprop_exam, expression_interpreter, expressions
from lmcore.inspection.gradient_check import check_gradients
from lmcore.training.config import TrainConfig
from pages.inside.backprop import exam, gradient_check, tensors
from ui import forms
from ui.corpus_picker import pick_corpus
from ui.explain import explain
from ui.show_code import show_code
from ui.tabs import draw_tabs

st.write("Walk **backward** from the loss: every gradient follows from the ones after it, and has its tensor's shape.")

corpus_config, corpus = pick_corpus()
with st.sidebar:
    seed = forms.widget(TrainConfig, "seed", key="bp_seed")
record = tensors.forward_backward(corpus, seed)

draw_tabs(
    {
        "Tensor by tensor": lambda: tensors.show(record),
        "Exam": lambda: exam.show(record),
        "Gradient check": lambda: gradient_check.show(corpus_config),
    },
    key="bp_tab",
)

explain(__file__)
show_code(
    backprop.forward_backward,
    backprop_exam.grade,
    expressions.evaluate,
    expression_interpreter.Interpreter,
    check_gradients,
)
