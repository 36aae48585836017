"""What the MLP page adds to a run: the table of tries, a teacher's hints, the test loss, over-fitting one batch."""

import functools
import math

import streamlit as st

from lmcore.data.corpora import SPLITS, Corpus
from lmcore.errors import UserError
from lmcore.inspection import advice
from lmcore.runs.engine import RunView
from lmcore.training.history import Snapshot
from lmcore.training.training import RunConfig, Trainer, batch_floor
from ui.run import panel
from ui.server import engine

ONE_BATCH = {"one_batch": True, "steps": 3000, "learning_rate": 0.5, "evaluate_every": 500}


def hints(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    """What the numbers say, and the settings that were tried."""
    if view is None:
        return
    if view.config.train.one_batch:
        floor, alike = _floor(view.config)
        st.info(
            f"One batch of {view.config.train.batch_size}: the net can learn it by heart, so the minibatch loss must "
            f"come near {floor:.4f}. Not nearer to zero, because {alike} of its examples share their context with one "
            "that goes on differently. If it does not come near, something is broken."
        )
        return
    for sentence in advice.hints(view.snapshots, math.log(len(corpus.vocabulary))):
        st.info(sentence, icon=":material/lightbulb:")
    if view.changes:
        st.markdown("**What was tried**")
        table = advice.tries(view.started, view.changes, view.snapshots, view.step)
        st.dataframe(table.rename(columns=lambda name: name.replace("_", " ")), hide_index=True)


@functools.lru_cache(maxsize=64)
def _floor(config: RunConfig) -> tuple[float, int]:
    return batch_floor(Trainer(config))


def over_fit_button(page: str, config: RunConfig) -> None:
    """Starts a run on one minibatch: the quickest test that a net can learn at all."""
    st.button(
        "Over-fit one batch",
        key=f"{page}.one_batch",
        icon=":material/filter_1:",
        on_click=panel.start_and_open,
        args=(page, config.updated(train=config.train.model_dump() | ONE_BATCH)),
        help="Trains a fresh net on one minibatch. If it cannot learn that by heart, something is broken.",
    )


def splits(page: str, corpus: Corpus, view: RunView | None) -> None:
    """What train, dev and test are for, and the test loss when it is asked for."""
    unfolded = st.expander("Train, dev and test", icon=":material/call_split:", key=f"{page}.splits", on_change="rerun")
    if not unfolded.open:
        return
    with unfolded:
        sizes = ", ".join(f"{split} {len(corpus.streams[split]):,}" for split in SPLITS)
        st.write(
            f"Characters: {sizes}. The net learns from **train**; you choose settings by **dev**; **test** tells once, "
            "at the end, how good the choice was. Each look at it that leads to another try makes it a second dev."
        )
        st.button(
            "Look at the test loss",
            key=f"{page}.test",
            on_click=_look,
            args=(page,),
            disabled=not view or not view.step,
        )
        if view and view.looks:
            step, loss = view.looks[-1]
            told = "–: that split is empty" if loss is None else f"{loss:.4f} nats"
            st.text(f"Test loss {told} after step {step:,}. Looks so far: {len(view.looks)}.")


def _look(page: str) -> None:
    try:
        engine().look_at_test(st.session_state[f"{page}.run"])
    except UserError as error:
        st.session_state[f"{page}.error"] = str(error)
