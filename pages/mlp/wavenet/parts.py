"""The parts of the WaveNet page."""

import functools

import pandas as pd
import streamlit as st

from lmcore import figures, models
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import activations
from lmcore.inspection.activations import Level
from lmcore.models import WaveNetConfig
from lmcore.runs.engine import RunView
from lmcore.training.history import Snapshot
from lmcore.training.training import RunConfig, TrainConfig
from ui import race
from ui.live_chart import Chart, live
from ui.run import panel

PAGE = "wave"


@functools.lru_cache(maxsize=64)
def _shape(config: RunConfig) -> tuple[list[Level], pd.DataFrame]:
    inside = activations.look(config)
    table = activations.summary(inside)[["layer", "kind", "input", "output", "parameters"]]
    return activations.levels(inside, config.model.context), table


def tree(config: RunConfig) -> panel.More:
    """What `panel.show` draws: the layers as a tree over a text; a click on a node shows what it can see."""
    return functools.partial(_tree, config)


def _tree(config: RunConfig, snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    given = view.config if view else config
    levels, table = _shape(given.model_copy(update={"train": TrainConfig(batch_size=given.train.batch_size)}))
    T = given.model.context
    st.subheader("What each position sees")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Text", corpora.example(corpus, T)[:T], max_chars=T, key=f"{PAGE}.text", width=280)
        st.text("Click a node: in color, all that it can see.")
    try:
        corpus.vocabulary.encode(text)
    except UserError as error:
        st.error(str(error))
        text = ""
    padded = text.rjust(T, corpus.vocabulary.labels[0])
    chosen = st.session_state.get(f"{PAGE}.node", (len(levels) - 1, 0))
    if chosen[0] >= len(levels) or chosen[1] >= len(levels[chosen[0]].spans):
        chosen = (len(levels) - 1, 0)
    low, high = levels[chosen[0]].spans[chosen[1]]
    words = f"Tree of the layers; the chosen position of {levels[chosen[0]].names[-1]} sees {padded[low:high]}."
    clicked = live(Chart.of(figures.tree(levels, padded, chosen), words), key=f"{PAGE}.tree")
    if clicked and clicked.customdata and tuple(clicked.customdata[:2]) != chosen:
        st.session_state[f"{PAGE}.node"] = tuple(clicked.customdata[:2])
        st.rerun(scope="fragment")
    with st.expander("Every layer with its shapes"):
        st.dataframe(table, hide_index=True)


def flat_against_hierarchy(config: RunConfig, corpus: Corpus) -> None:
    """A race with the flat MLP of equal size."""
    st.subheader("Flat against hierarchy")
    V = len(corpus.vocabulary)
    assert isinstance(config.model, WaveNetConfig)
    rival = config.model_copy(update={"model": models.flat_rival(config.model, V)})
    entrants = {name_of(one): one for one in (config, rival)}
    sizes = ", ".join(f"{name}: {_parameters(one, V):,} parameters" for name, one in entrants.items())
    st.text(f"The same context, text and batches. {sizes}.")
    race.race(PAGE, entrants, name_of)


def name_of(config: RunConfig) -> str:
    """The name of a run in the race."""
    return "hierarchy" if config.model.family == "wavenet" else f"flat, {config.model.hidden} hidden units"


@functools.lru_cache(maxsize=64)
def _parameters(config: RunConfig, vocabulary_size: int) -> int:
    return models.count_parameters(config.model, vocabulary_size)
