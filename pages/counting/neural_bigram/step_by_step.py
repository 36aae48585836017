"""Every tensor of a gradient step on one word, forward and backward."""

import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.inspection import neural_bigram
from pages.counting.neural_bigram.log_of_mean import OBJECTIVES
from ui import forms
from ui.live_chart import Chart, live
from ui.server import engine

TAKEN = "nb.taken"  # key in the session state: gradient steps taken so far


def on_one_word(corpus: Corpus, seed: int) -> None:
    """The controls, the loss after each gradient step, and each tensor beside its gradient."""
    st.write(
        "One word, every tensor of the forward pass, and beside each tensor the **gradient** of the loss with respect "
        "to it. Press *One gradient step* and watch the picked probabilities rise."
    )
    taken = st.session_state.setdefault(TAKEN, 0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        word = st.text_input(
            "Word", corpora.example(corpus, 6)[:6], key=f"nb.word.{corpus.name}", max_chars=29, width=140
        )
        rate = st.number_input("Learning rate", 0.0, 100.0, 10.0, step=1.0, key="nb.rate", width=130)
        objective = st.selectbox(
            "Loss", list(OBJECTIVES), format_func=OBJECTIVES.__getitem__, key="nb.objective", width=180
        )
        st.button("One gradient step", key="nb.one_step", on_click=_take_step, icon=":material/skip_next:")
        st.button("Start over", key="nb.start_over", on_click=_start_over, disabled=not taken)
    record = engine().compute(neural_bigram.train_on_text, corpus, word, taken, rate, seed, objective)
    losses = ", ".join(f"{loss:.4f}" for loss in record.losses[-8:])
    st.text(f"Loss after {forms.counted(taken, 'step')}: {losses if taken < 8 else f'… {losses}'}")
    charts = []
    for tensor in record.tensors:
        size = f"{tensor.shape[0]} by {tensor.shape[1]}"
        charts += [
            Chart.of(figures.tensor_view(tensor), f"Heatmap of {tensor.name}, {size}.", columns=5),
            Chart.of(
                figures.tensor_view(tensor, True), f"Heatmap of the gradient of {tensor.name}, {size}.", columns=5
            ),
        ]
    live(*charts, key="nb.tensors")


def _take_step() -> None:
    st.session_state[TAKEN] += 1


def _start_over() -> None:
    st.session_state[TAKEN] = 0
