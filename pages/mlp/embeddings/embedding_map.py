"""The map of the character embeddings, the neighbors of one character, and all cosine similarities."""

from typing import Literal

import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.inspection import embeddings
from lmcore.inspection.embeddings import EMBEDDING, EmbeddingMap, Method
from lmcore.runs.view import RunView
from lmcore.training.history import Snapshot
from lmcore.training.layered import MAX_EMBEDDED_CHARACTERS
from ui.computed import computed
from ui.live_chart import Chart, Click, live

Dimensions = Literal[2, 3]


def explore(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    """The pictures of a snapshot; once the run is at rest, the map has the same axes at each of its snapshots."""
    methods: list[Method] = ["PCA", "t-SNE"]
    choices: list[Dimensions] = [2, 3]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = st.segmented_control("Projection", methods, default="PCA", required=True, key="emb.method")
        dimensions = st.segmented_control("Dimensions", choices, default=2, required=True, key="emb.dimensions")
    snapshots: tuple[Snapshot, ...] = (snapshot,)
    if view is not None and not view.status.is_active and snapshot in view.snapshots and method == "PCA":
        snapshots = tuple(view.snapshots)
    record = _embedding_map(snapshots, tuple(_labels(corpus)), method, dimensions)
    alt = "Scatter plot of the character embeddings."
    figure = figures.embedding_map(record, record.steps.index(snapshot.step))
    chart = Chart.of(figure, alt, revision=f"{method}{dimensions}")
    clicked = live(chart, key="emb.map")
    left, right = st.columns([2, 3])
    with left:
        _neighbors(snapshot, record, clicked)
    with right:
        live(_similarity(snapshot, corpus), key="emb.similarity")


def _neighbors(snapshot: Snapshot, record: EmbeddingMap, clicked: Click | None) -> None:
    """The nearest characters to one: the one clicked last, else the first vowel."""
    embedding, labels = snapshot.arrays[EMBEDDING], record.labels
    chosen = record.kinds.index("vowel") if "vowel" in record.kinds else 0
    if clicked is not None and clicked.customdata < len(labels):
        chosen = clicked.customdata
    character = st.selectbox("Nearest neighbors of", labels, chosen, help="You can also click a character in the map.")
    table = embeddings.nearest_neighbors(embedding, labels, labels.index(character))
    st.dataframe(table.style.format({"cosine": "{:.3f}", "distance": "{:.3f}"}), hide_index=True)
    st.caption(f"After step {snapshot.step:,}, in all {embedding.shape[1]} dimensions of the embedding.")


_embedding_map = computed(embeddings.embedding_map, 100_000_000)
_clustered = computed(embeddings.clustered, 20_000_000)


def _similarity(snapshot: Snapshot, corpus: Corpus) -> Chart:
    cosines, order = _clustered(snapshot)
    labels = _labels(corpus)
    figure = figures.cosine_similarity(cosines, [labels[i] for i in order])
    return Chart.of(
        figure, "Heatmap of the cosine similarity of every two characters, similar ones next to each other."
    )


def _labels(corpus: Corpus) -> list[str]:
    """The characters whose embeddings a snapshot keeps."""
    return [corpus.vocabulary.labels[i] for i in corpus.most_frequent(MAX_EMBEDDED_CHARACTERS)]
