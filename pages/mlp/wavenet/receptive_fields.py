"""The layers as a tree over a text: what each position of each layer can see."""

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import activations, receptive_field
from lmcore.inspection.receptive_field import Level
from lmcore.models.wavenet import WaveNetConfig
from lmcore.runs.view import RunView
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.history import Snapshot
from ui import errors
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.run import panel

NODE = "wave.node"  # key in the session state: level and position of the chosen node


def tree_of(config: RunConfig) -> panel.Draw:
    """What `panel.show` draws below a run, or below the untrained model that ``config`` describes."""

    def draw(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
        shown = view.config if view else config
        assert isinstance(shown, RunConfig)
        assert isinstance(shown.model, WaveNetConfig)
        _tree(shown, shown.model.context, corpus)

    return draw


def _tree(config: RunConfig, T: int, corpus: Corpus) -> None:
    """The tree, with the receptive field of the node that was clicked last; and the shapes of all layers."""
    levels, shapes = _levels_and_shapes(config)
    st.subheader("Receptive fields")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Text", corpora.example(corpus, T)[:T], max_chars=T, key="wave.text", width=280)
        st.text("Click a node to highlight its receptive field.")
    text = corpus.vocabulary.composed(text)
    try:
        corpus.vocabulary.encode(text)
    except UserError as error:
        errors.show(error)
        text = ""
    padded = text.rjust(T, corpus.vocabulary.labels[0])
    level, position = node = _chosen_node(levels)
    low, high = levels[level].spans[position]
    alt = f"Tree of the layers; the chosen position of {levels[level].names[-1]} sees {padded[low:high]}."
    clicked = live(Chart.of(figures.receptive_field(levels, padded, node), alt), key="wave.tree")
    if clicked and clicked.customdata and tuple(clicked.customdata[:2]) != node:
        st.session_state[NODE] = tuple(clicked.customdata[:2])
        st.rerun(scope="fragment")
    with st.expander("Layers and shapes"):
        st.dataframe(shapes, hide_index=True)


def _chosen_node(levels: list[Level]) -> tuple[int, int]:
    """The node that was clicked last, if the tree still has it; else the top one."""
    top = len(levels) - 1, 0
    level, position = st.session_state.get(NODE, top)
    return (level, position) if level < len(levels) and position < len(levels[level].spans) else top


def _levels_and_shapes(config: RunConfig) -> tuple[list[Level], pd.DataFrame]:
    assert isinstance(config.model, WaveNetConfig)
    # Of the training settings only the batch size matters; the others may change while the run trains.
    record = _activations(config.model_copy(update={"train": TrainConfig(batch_size=config.train.batch_size)}))
    shapes = activations.layer_table(record)[["layer", "kind", "input", "output", "parameters"]]
    return receptive_field.receptive_fields(record, config.model.context), shapes


_activations = computed(activations.activations, 20_000_000)
