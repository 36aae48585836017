import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import pairwise

from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.families import make_trainer
from lmcore.inspection import embeddings
from lmcore.inspection.embeddings import EMBEDDING
from lmcore.models.mlp import MLPConfig
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.history import Snapshot

LABELS = list(".abcdefghijkl")


def snapshots(E: int, steps: int = 4, M: int = len(LABELS), seed: int = 0) -> list[Snapshot]:
    generator = np.random.default_rng(seed)
    values = [generator.normal(size=(M, E)).astype(np.float32) for _ in range(steps)]
    return [Snapshot(step, {}, arrays={EMBEDDING: array}) for step, array in enumerate(values)]


def test_an_embedding_of_two_components_is_plotted_without_projection() -> None:
    run = snapshots(2)
    record = embeddings.embedding_map(run, LABELS)
    assert np.allclose(record.points, [snapshot.arrays[EMBEDDING] for snapshot in run])
    assert record.axis_titles == ["Component 1", "Component 2"]
    assert record.steps == [0, 1, 2, 3]


def test_pca_is_one_projection_for_all_snapshots() -> None:
    run = snapshots(6)
    record = embeddings.embedding_map(run, LABELS, dimensions=3)
    last = run[-1].arrays[EMBEDDING].astype(float)
    _, _, components = np.linalg.svd(last - last.mean(0))
    for frame, snapshot in zip(record.points, run, strict=True):
        expected = (snapshot.arrays[EMBEDDING] - last.mean(0)) @ components[:3].T
        assert np.allclose(np.abs(frame), np.abs(expected), atol=1e-6)
    assert "of the variance" in record.axis_titles[0]


def test_t_sne_keeps_two_clouds_apart_and_repeats() -> None:
    generator = np.random.default_rng(1)
    cloud = np.concatenate([generator.normal(size=(15, 8)), generator.normal(size=(15, 8)) + 20]).astype(np.float32)
    run = [Snapshot(0, {}, arrays={EMBEDDING: cloud})]
    first = embeddings.embedding_map(run, ["a"] * 30, "t-SNE")
    again = embeddings.embedding_map(run, ["a"] * 30, "t-SNE")
    assert np.array_equal(first.points, again.points)
    centers = first.points[0].reshape(2, 15, 2).mean(1)
    spread = first.points[0].reshape(2, 15, 2).std(1).max()
    assert np.linalg.norm(centers[0] - centers[1]) > 2 * spread


@pytest.mark.parametrize(("E", "M", "dimensions"), [(1, 13, 2), (2, 13, 3), (5, 2, 2)])
def test_too_few_characters_or_components_are_refused(E: int, M: int, dimensions: int) -> None:
    with pytest.raises(UserError, match="cannot be drawn"):
        embeddings.embedding_map(snapshots(E, M=M), LABELS[:M], dimensions=dimensions)
    with pytest.raises(UserError, match="no embeddings"):
        embeddings.embedding_map([Snapshot(0, {})], LABELS)


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        ("a", "vowel"),
        ("É", "vowel"),
        ("ü", "vowel"),
        ("б", "consonant"),
        ("ñ", "consonant"),
        (".", "other"),
        ("⏎", "other"),
    ],
)
def test_characters_have_a_kind(character: str, kind: str) -> None:
    assert embeddings.character_kind(character) == kind


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 6))
def test_cosines_are_scikit_learns_and_the_clustered_order_is_a_permutation(seed: int, M: int, E: int) -> None:
    values = np.random.default_rng(seed).normal(size=(M, E)).astype(np.float32)
    cosines = embeddings.cosine_similarity(values)
    assert np.allclose(cosines, pairwise.cosine_similarity(values.astype(float)))
    assert sorted(embeddings.cluster_order(cosines)) == list(range(M))


def test_embeddings_of_zeros_have_a_similarity_of_zero() -> None:
    zeros = np.zeros((5, 3), np.float32)
    assert np.all(embeddings.cosine_similarity(zeros) == 0)
    assert sorted(embeddings.cluster_order(embeddings.cosine_similarity(zeros))) == list(range(5))


def test_neighbors_are_the_nearest_by_each_measure() -> None:
    values = np.array([[1, 0], [10, 1], [1.1, 0.5], [-1, 0]], np.float32)
    table = embeddings.nearest_neighbors(values, list("abcd"), 0)
    assert table["by cosine"].tolist() == ["b", "c", "d"]
    assert table["by distance"].tolist() == ["c", "d", "b"]
    assert table["distance"][1] == pytest.approx(2)


def test_a_snapshot_has_the_embeddings_of_its_step() -> None:
    corpus = from_text("emma\nolivia\nava\n" * 9, config=CorpusConfig(units="lines"))
    trainer = make_trainer(RunConfig(model=MLPConfig(embedding=2), train=TrainConfig(steps=10)), corpus)
    first = trainer.snapshot()
    trainer.train(5)
    weight = trainer.model.parameters["embedding.weight"]
    assert np.array_equal(trainer.snapshot().arrays[EMBEDDING], weight[corpus.most_frequent(200)])
    assert not np.array_equal(first.arrays[EMBEDDING], trainer.snapshot().arrays[EMBEDDING])
