"""The course as a path of five stops, and the pages that belong to all of them."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from ui import navigation
from ui.component import component

RECORDED = Path(__file__).with_name("recorded")  # by scripts/record_home.py


class Stop(NamedTuple):
    """A stop of the course, and what its miniature shows."""

    title: str
    sentence: str
    folders: tuple[str, ...]  # of its pages


STOPS = {
    "data": Stop("Data", "A text becomes windows of characters, each with the one that follows.", ("data/dataset",)),
    "counting": Stop(
        "Counting",
        "How often does one character follow another? The simplest model is a table.",
        ("counting/bigram", "counting/neural_bigram"),
    ),
    "mlp": Stop(
        "MLP",
        "A network learns where letters belong, and predicts from three of them.",
        ("mlp/mlp", "mlp/initialization", "mlp/learning_rate", "mlp/embeddings"),
    ),
    "wavenet": Stop("WaveNet", "Pairs of pairs of letters: a longer context, and a lower loss.", ("mlp/wavenet",)),
    "rnn": Stop("RNN", "A memory instead of a window: noise becomes text.", ("rnn/numpy_rnn", "rnn/gru_lstm")),
}
BESIDE = {
    "Classifiers": "the same training on points and pictures",
    "Inside": "activations, gradients, BatchNorm and backprop of what you train",
    "Lab": "sample from your models, compare runs, reproduce published numbers, teach a lesson",
}

_miniature = component(__file__, '<div class="miniature"></div>')


def path() -> None:
    """The stops, each with a miniature of a recorded run and links to its pages."""
    st.header("The course")
    with st.container(key="path"):
        for number, (name, stop) in enumerate(STOPS.items(), 1):
            with st.container(border=True, key=f"stop-{name}", gap="small"):
                st.subheader(f"{number} {stop.title}")
                _miniature(key=f"miniature-{name}", data=(RECORDED / f"{name}.svg").read_text(encoding="utf-8"))
                st.write(stop.sentence)
                links(*stop.folders)


def beside_the_path() -> None:
    """Links to the pages of the other sections."""
    st.header("Beside the path")
    for section, sentence in BESIDE.items():
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"beside-{section}"):
            st.markdown(f"**{section}**: {sentence}", width="content")
            links(*(page.folder for page in navigation.SECTIONS[section]))


def links(*folders: str) -> None:
    """Links to pages."""
    for folder in folders:
        page = navigation.find(folder)
        st.page_link(page.script, label=page.title, icon=page.icon)
