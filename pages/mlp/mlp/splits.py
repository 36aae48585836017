"""The train, dev and test splits, and the test loss on request."""

import streamlit as st

from lmcore.data.corpora import Corpus
from lmcore.runs.view import RunView
from ui import load
from ui.run import controls


def train_dev_test(page: str, corpus: Corpus, view: RunView | None) -> None:
    """What each split is for, and a button that evaluates the test loss."""
    expander = st.expander("Train, dev and test", icon=":material/call_split:", key=f"{page}.splits", on_change="rerun")
    if not expander.open:
        return
    with expander:
        sizes = ", ".join(f"{split} {n:,}" for split, n in load.split_sizes(corpus).items())
        st.write(
            f"Characters: {sizes}. The model learns from **train**, you choose settings by **dev**, and **test** shows "
            "once, at the end, how well the final choice generalizes. Every look at it that leads to another change "
            "turns it into a second dev split."
        )
        st.button(
            "Evaluate the test loss",
            key=f"{page}.test",
            on_click=controls.evaluate_on_test,
            args=(page, view.id if view else ""),
            disabled=view is None or view.step == 0,
        )
        if view and view.test_evaluations:
            last = view.test_evaluations[-1]
            loss = "none, because that split is empty," if last.loss is None else f"{last.loss:.4f} nats"
            st.text(f"Test loss: {loss} after step {last.step:,}. Evaluations so far: {len(view.test_evaluations)}.")
