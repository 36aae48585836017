"""What a model's character embeddings look like, over the snapshots of its training.

Dimensions: S snapshots, M characters, E numbers a character, D dimensions of the picture (2 or 3).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from lmcore.errors import UserError
from lmcore.training.history import Snapshot

Method = Literal["PCA", "t-SNE"]
KINDS = ("vowel", "consonant", "other")
VOWELS = set("aeiouyаеёиоуыэюяαεηιουω")  # of the Latin, Cyrillic and Greek alphabets
ARRAY = "embedding"  # the name of the embeddings among a snapshot's arrays


@dataclass(frozen=True, eq=False)
class Positions:
    """Where each character lies in the picture at each snapshot, on axes that do not move."""

    steps: list[int]  # (S,)
    points: NDArray[np.float64]  # (S, M, D)
    labels: list[str]  # (M,)
    kinds: list[str]  # (M,), of KINDS
    axes: list[str]  # (D,), titles


def kind_of(character: str) -> str:
    """ "vowel", "consonant" or "other", by the letter without its accents."""
    base = unicodedata.normalize("NFD", character.casefold())[:1]
    if base in VOWELS:
        return "vowel"
    return "consonant" if base.isalpha() else "other"


def positions(
    snapshots: Sequence[Snapshot], labels: Sequence[str], method: Method = "PCA", dimensions: Literal[2, 3] = 2
) -> Positions:
    """Projects the embeddings of every snapshot.

    As many numbers as dimensions are drawn as they are. "PCA" is fitted once, to the last snapshot, so that the
    picture does not jump from one to the next. "t-SNE" (van der Maaten and Hinton 2008) has no such fixed projection:
    it gives the last snapshot alone.

    Args:
        labels: of the characters in `Corpus.most_frequent`'s order, as the snapshots have them.

    Raises:
        UserError: if no snapshot holds embeddings, or there are too few characters or numbers to draw.
    """
    held = [snapshot for snapshot in snapshots if ARRAY in snapshot.arrays]
    if not held:
        raise UserError("This model has no embeddings to show.")
    frames = [snapshot.arrays[ARRAY].astype(np.float64) for snapshot in held]
    steps, last = [snapshot.step for snapshot in held], frames[-1]
    M, E = last.shape
    if min(M - 1, E) < dimensions:
        raise UserError(f"{E} numbers for each of {M} characters cannot be drawn in {dimensions} dimensions.")
    if method == "t-SNE":
        perplexity = min(10.0, (M - 1) / 3)
        found = TSNE(dimensions, perplexity=perplexity, init="pca", random_state=0).fit_transform(last)
        steps, points, axes = steps[-1:], found[None], [f"t-SNE {i + 1}" for i in range(dimensions)]
    elif dimensions == E:
        points, axes = np.stack(frames), [f"embedding {i + 1}" for i in range(dimensions)]
    else:
        pca = PCA(dimensions).fit(last)
        points = np.stack([pca.transform(frame) for frame in frames])
        axes = [f"component {i + 1} ({share:.0%} of variance)" for i, share in enumerate(pca.explained_variance_ratio_)]
    return Positions(steps, points, list(labels), [kind_of(label) for label in labels], axes)


def neighbors(embedding: NDArray[np.float32], labels: Sequence[str], index: int, most: int = 8) -> pd.DataFrame:
    """The characters nearest to one, by cosine and by Euclidean distance, in the space of the embeddings.

    Args:
        embedding: shape (M, E).
    """
    values = embedding.astype(np.float64)
    euclid = np.linalg.norm(values - values[index], axis=1)
    cosine = similarity(embedding)[index]
    others = np.arange(len(values)) != index
    by_cosine = [i for i in np.argsort(-cosine, kind="stable") if others[i]][:most]
    by_distance = [i for i in np.argsort(euclid, kind="stable") if others[i]][:most]
    return pd.DataFrame(
        {
            "by cosine": [labels[i] for i in by_cosine],
            "cosine": cosine[by_cosine],
            "by distance": [labels[i] for i in by_distance],
            "distance": euclid[by_distance],
        }
    )


def similarity(embedding: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine of each two characters' embeddings, shape (M, M); 0 where one has no length."""
    values = embedding.astype(np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit = np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
    cosines: NDArray[np.float64] = np.clip(unit @ unit.T, -1.0, 1.0)
    return cosines


def clustered(cosines: NDArray[np.float64]) -> NDArray[np.int64]:
    """An order of the characters in which alike ones stand together (average linkage of 1 - cosine)."""
    if len(cosines) < 3:
        return np.arange(len(cosines))
    distances = 1.0 - cosines
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    return np.asarray(leaves_list(tree), dtype=np.int64)
