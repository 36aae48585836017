"""The parts of the Embeddings page."""

import functools

import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import embeddings
from lmcore.inspection.embeddings import ARRAY, Positions
from lmcore.runs.engine import RunView
from lmcore.training.history import Snapshot
from lmcore.training.training import MAX_EMBEDDED
from ui.live_chart import Chart, live

PAGE = "emb"


def pictures(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    """The map of the characters, one character's neighbors, and the similarity of all."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = st.segmented_control(
            "Projection", ["PCA", "t-SNE"], default="PCA", required=True, key=f"{PAGE}.method"
        )
        solid = st.segmented_control("Dimensions", [2, 3], default=2, required=True, key=f"{PAGE}.dimensions")
    # While a run trains only the newest snapshot is drawn; at rest all of them, to be played.
    whole = view is not None and not view.status.is_active and method == "PCA"
    shown = tuple(view.snapshots) if view is not None and whole else (snapshot,)
    try:
        record, chart = _map(shown, corpus, method, solid)
    except UserError as error:
        st.info(str(error))
        return
    cosines = _similarity(snapshot, corpus)
    clicked = live(chart, key=f"{PAGE}.map")
    left, right = st.columns([1, 2])
    with left:
        at = clicked.customdata if clicked and clicked.customdata < len(record.labels) else _first_vowel(record)
        letter = st.selectbox("Neighbors of", record.labels, at, help="Or click a letter in the map.")
        table = embeddings.neighbors(snapshot.arrays[ARRAY], record.labels, record.labels.index(letter))
        st.dataframe(table.style.format({"cosine": "{:.3f}", "distance": "{:.3f}"}), hide_index=True)
        st.caption(f"After step {snapshot.step:,}, in all {snapshot.arrays[ARRAY].shape[1]} numbers of the embedding.")
    with right:
        live(cosines, key=f"{PAGE}.similarity")


def _first_vowel(record: Positions) -> int:
    return record.kinds.index("vowel") if "vowel" in record.kinds else 0


@functools.lru_cache(maxsize=32)
def _map(
    snapshots: tuple[Snapshot, ...], corpus: Corpus, method: embeddings.Method, dimensions: int
) -> tuple[Positions, Chart]:
    labels = _labels(corpus)
    record = embeddings.positions(snapshots, labels, method, 3 if dimensions == 3 else 2)
    words = "Map of the characters by their embeddings."
    return record, Chart.of(figures.embedding_map(record), words, revision=f"{method}{dimensions}")


@functools.lru_cache(maxsize=32)
def _similarity(snapshot: Snapshot, corpus: Corpus) -> Chart:
    cosines = embeddings.similarity(snapshot.arrays[ARRAY])
    order = embeddings.clustered(cosines)
    labels = _labels(corpus)
    figure = figures.similarity(cosines[order][:, order], [labels[i] for i in order])
    return Chart.of(figure, "Heatmap of the cosine of each two characters, alike ones together.")


def _labels(corpus: Corpus) -> list[str]:
    return [corpus.vocabulary.labels[i] for i in corpus.most_frequent(MAX_EMBEDDED)]
