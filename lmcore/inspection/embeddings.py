"""Character embeddings in a picture, over the snapshots of a run, and distances between them.

Dimensions: S snapshots, M characters, E components of an embedding, D dimensions of the picture (2 or 3).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.training.history import Snapshot

Method = Literal["PCA", "t-SNE"]
KINDS = ("vowel", "consonant", "other")
"""Kinds of characters, which a picture shows in different colors."""

VOWELS = set("aeiouyаеёиоуыэюяαεηιουω")  # of the Latin, Cyrillic and Greek alphabets
EMBEDDING = "embedding"
"""Name of the embeddings among the arrays of a snapshot."""


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """The position of each character at each snapshot, on the same axes throughout."""

    steps: list[int]  # (S,)
    points: NDArray[np.float64]  # (S, M, D)
    labels: list[str]  # (M,)
    kinds: list[str]  # (M,), of `KINDS`
    axis_titles: list[str]  # (D,)


def character_kind(character: str) -> str:
    """ "vowel", "consonant" or "other"; accents are ignored."""
    base = unicodedata.normalize("NFD", character.casefold())[:1]
    if base in VOWELS:
        return "vowel"
    return "consonant" if base.isalpha() else "other"


def embedding_map(
    snapshots: Sequence[Snapshot], labels: Sequence[str], method: Method = "PCA", dimensions: Literal[2, 3] = 2
) -> EmbeddingMap:
    """Projects the embeddings of every snapshot.

    An embedding with exactly ``dimensions`` components is plotted without projection. PCA is fitted once, to the last
    snapshot, so that the axes do not change from one snapshot to the next. t-SNE has no such fixed projection, so it
    shows only the last snapshot.

    Args:
        snapshots: of a run; those without embeddings are left out.
        labels: of the characters, in the order of `Corpus.most_frequent`, as in the snapshots.
        method: of the projection.
        dimensions: of the picture.

    Raises:
        UserError: if no snapshot has embeddings, there are too few characters or components, or all embeddings are
            equal in the last snapshot.

    Source: t-SNE after van der Maaten and Hinton 2008.
    """
    used = [snapshot for snapshot in snapshots if EMBEDDING in snapshot.arrays]
    if not used:
        raise UserError("This model has no embeddings to show.")
    frames = [snapshot.arrays[EMBEDDING].astype(np.float64) for snapshot in used]
    M, E = frames[-1].shape
    if min(M - 1, E) < dimensions:
        raise UserError(f"{M} characters with {E} components each cannot be drawn in {dimensions} dimensions.")
    steps = [snapshot.step for snapshot in used]
    if np.ptp(frames[-1], axis=0).max() == 0:
        raise UserError("All characters lie on one point, so there is nothing to draw. Train the model first.")
    if method == "t-SNE":
        steps, points = steps[-1:], _tsne(frames[-1], dimensions)[None]
        axis_titles = [f"t-SNE {i + 1}" for i in range(dimensions)]
    elif dimensions == E:
        points, axis_titles = np.stack(frames), [f"Component {i + 1}" for i in range(dimensions)]
    else:
        points, axis_titles = _pca(frames, dimensions)
    return EmbeddingMap(steps, points, list(labels), [character_kind(label) for label in labels], axis_titles)


def _tsne(embedding: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE  # takes a second

    perplexity = min(10.0, (len(embedding) - 1) / 3)
    tsne = TSNE(dimensions, perplexity=perplexity, init="pca", random_state=0)
    points: NDArray[np.float64] = tsne.fit_transform(embedding)
    return points


def _pca(frames: Sequence[NDArray[np.float64]], dimensions: int) -> tuple[NDArray[np.float64], list[str]]:
    from sklearn.decomposition import PCA  # takes a second

    pca = PCA(dimensions).fit(frames[-1])
    shares = pca.explained_variance_ratio_
    titles = [f"Principal component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(shares)]
    return np.stack([pca.transform(frame) for frame in frames]), titles


def nearest_neighbors(
    embedding: NDArray[np.float32], labels: Sequence[str], index: int, n_neighbors: int = 8
) -> pd.DataFrame:
    """The characters closest to one, by cosine similarity and by Euclidean distance, without any projection.

    Args:
        embedding: shape (M, E).
        labels: of the characters.
        index: of the character.
        n_neighbors: number of rows.
    """
    values = embedding.astype(np.float64)
    distances = np.linalg.norm(values - values[index], axis=1)
    cosines = cosine_similarity(embedding)[index]
    others = np.arange(len(values)) != index
    by_cosine = [i for i in np.argsort(-cosines, kind="stable") if others[i]][:n_neighbors]
    by_distance = [i for i in np.argsort(distances, kind="stable") if others[i]][:n_neighbors]
    return pd.DataFrame(
        {
            "by cosine": [labels[i] for i in by_cosine],
            "cosine": cosines[by_cosine],
            "by distance": [labels[i] for i in by_distance],
            "distance": distances[by_distance],
        }
    )


def cosine_similarity(embedding: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine similarity of every pair of embeddings, (M, E) to (M, M); 0 where one of them is zero."""
    values = embedding.astype(np.float64)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    unit = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
    cosines: NDArray[np.float64] = np.clip(unit @ unit.T, -1.0, 1.0)
    return cosines


def cluster_order(cosines: NDArray[np.float64]) -> NDArray[np.int64]:
    """An order in which similar characters are adjacent, by average linkage of 1 - cosine: (M, M) to (M,)."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(cosines) < 3:
        return np.arange(len(cosines))
    distances = 1.0 - cosines
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.int64)


def clustered(snapshot: Snapshot) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cosine similarities of a snapshot's embeddings, similar characters adjacent: (M, M), and the order, (M,)."""
    cosines = cosine_similarity(snapshot.arrays[EMBEDDING])
    order = cluster_order(cosines)
    return cosines[order][:, order], order
