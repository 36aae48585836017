"""Help with tuning: hints from the losses, the settings tried so far, and overfitting one minibatch as a test."""

import math
from typing import cast

import streamlit as st

from lmcore.data.corpora import Corpus
from lmcore.inspection import advice, one_batch
from lmcore.runs.view import RunView
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.history import Snapshot
from lmcore.training.trainer import MAX_EVALUATION_EXAMPLES
from ui import forms, load
from ui.computed import computed
from ui.run import controls

ONE_BATCH = {"one_batch": True, "steps": 3000, "learning_rate": 0.5, "evaluate_every": 500}


def hints(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    """What a run's losses suggest, and a table of the settings tried; of a run on one minibatch, what to expect."""
    if view is None:
        return
    assert isinstance(view.config, RunConfig)
    if view.config.train.one_batch:
        _what_to_expect(view.config)
        return
    sizes = load.split_sizes(corpus)
    n_train, n_dev = (min(sizes[split], MAX_EVALUATION_EXAMPLES) for split in ("train", "dev"))
    for sentence in advice.advice(view.snapshots, math.log(len(corpus.vocabulary)), n_dev, n_train):
        st.info(sentence, icon=":material/lightbulb:")
    if view.changes:
        st.markdown("**Settings tried**")
        initial = cast(TrainConfig, view.initial_train)
        table = advice.settings_table(initial, view.changes, view.snapshots, view.step)
        st.dataframe(table.rename(columns=lambda name: name.replace("_", " ")), hide_index=True)


def _what_to_expect(config: RunConfig) -> None:
    lowest, n_ambiguous = _lowest_loss(config)
    examples = forms.counted(config.train.batch_size, "example")
    why = f" It cannot reach zero: {n_ambiguous} examples have a context that another one continues differently."
    st.info(
        f"Every step uses the same minibatch of {examples}. A working model memorizes it: the minibatch loss should "
        f"approach {lowest:.4f}.{why if n_ambiguous else ''} If the loss stays higher, something is broken."
    )


_lowest_loss = computed(one_batch.irreducible_loss, 1_000_000)


def overfit_button(page: str) -> None:
    """A button that starts a run on a single minibatch: the quickest test that a model can learn at all."""
    st.button(
        "Overfit one batch",
        key=f"{page}.one_batch",
        icon=":material/filter_1:",
        on_click=controls.start_and_show,
        args=(page,),
        kwargs=ONE_BATCH,
        help="Train a new model on a single minibatch. If it cannot memorize that, something is broken.",
    )
