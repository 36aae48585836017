import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from lmcore import figures
from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.inspection import embeddings
from lmcore.inspection.embeddings import ARRAY
from lmcore.models.mlp import MLPConfig
from lmcore.training.history import Snapshot
from lmcore.training.training import RunConfig, TrainConfig, Trainer

LABELS = list(".abcdefghijkl")


def snapshots(E: int, steps: int = 4, M: int = len(LABELS), seed: int = 0) -> list[Snapshot]:
    dice = np.random.default_rng(seed)
    values = [dice.normal(size=(M, E)).astype(np.float32) for _ in range(steps)]
    return [Snapshot(step, 3.0, 3.0, (), {ARRAY: array}) for step, array in enumerate(values)]


def test_two_numbers_are_drawn_as_they_are() -> None:
    course = snapshots(2)
    record = embeddings.positions(course, LABELS)
    assert np.allclose(record.points, [snapshot.arrays[ARRAY] for snapshot in course])
    assert record.axes == ["embedding 1", "embedding 2"]
    assert record.steps == [0, 1, 2, 3]


def test_pca_is_one_projection_for_all_snapshots() -> None:
    course = snapshots(6)
    record = embeddings.positions(course, LABELS, dimensions=3)
    last = course[-1].arrays[ARRAY].astype(float)
    _, _, components = np.linalg.svd(last - last.mean(0))
    for frame, snapshot in zip(record.points, course, strict=True):
        expected = (snapshot.arrays[ARRAY] - last.mean(0)) @ components[:3].T
        assert np.allclose(np.abs(frame), np.abs(expected), atol=1e-6)
    assert "of variance" in record.axes[0]


def test_t_sne_keeps_two_clouds_apart_and_repeats() -> None:
    dice = np.random.default_rng(1)
    cloud = np.concatenate([dice.normal(size=(15, 8)), dice.normal(size=(15, 8)) + 20]).astype(np.float32)
    course = [Snapshot(0, 3.0, 3.0, (), {ARRAY: cloud})]
    first = embeddings.positions(course, ["a"] * 30, "t-SNE")
    again = embeddings.positions(course, ["a"] * 30, "t-SNE")
    assert np.array_equal(first.points, again.points)
    centres = first.points[0].reshape(2, 15, 2).mean(1)
    spread = first.points[0].reshape(2, 15, 2).std(1).max()
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread


@pytest.mark.parametrize(("E", "M", "dimensions"), [(1, 13, 2), (2, 13, 3), (5, 2, 2)])
def test_what_cannot_be_drawn_is_refused_in_words(E: int, M: int, dimensions: int) -> None:
    with pytest.raises(UserError, match="cannot be drawn"):
        embeddings.positions(snapshots(E, M=M), LABELS[:M], dimensions=dimensions)
    with pytest.raises(UserError, match="no embeddings"):
        embeddings.positions([Snapshot(0, 3.0, None, ())], LABELS)


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
    assert embeddings.kind_of(character) == kind


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 6))
def test_cosines_are_scikit_learns_and_the_clustered_order_is_a_permutation(seed: int, M: int, E: int) -> None:
    values = np.random.default_rng(seed).normal(size=(M, E)).astype(np.float32)
    cosines = embeddings.similarity(values)
    assert np.allclose(cosines, cosine_similarity(values.astype(float)))
    assert sorted(embeddings.clustered(cosines)) == list(range(M))


def test_embeddings_of_zeros_have_no_direction_and_break_nothing() -> None:
    zeros = np.zeros((5, 3), np.float32)
    assert np.all(embeddings.similarity(zeros) == 0)
    assert sorted(embeddings.clustered(embeddings.similarity(zeros))) == list(range(5))


def test_neighbors_are_the_nearest_by_each_measure() -> None:
    values = np.array([[1, 0], [10, 1], [1.1, 0.5], [-1, 0]], np.float32)
    table = embeddings.neighbors(values, list("abcd"), 0)
    assert table["by cosine"].tolist() == ["b", "c", "d"]
    assert table["by distance"].tolist() == ["c", "d", "b"]
    assert table["distance"][1] == pytest.approx(2)


def test_a_snapshot_keeps_the_embeddings_of_the_moment() -> None:
    corpus = from_text("emma\nolivia\nava\n" * 9, config=CorpusConfig(units="lines"))
    trainer = Trainer(RunConfig(model=MLPConfig(embedding=2), train=TrainConfig(steps=10)), corpus)
    first = trainer.snapshot()
    trainer.train(5)
    weight = trainer.model.parameters["embedding.weight"]
    assert np.array_equal(trainer.snapshot().arrays[ARRAY], weight[corpus.most_frequent(200)])
    assert not np.array_equal(first.arrays[ARRAY], trainer.snapshot().arrays[ARRAY])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_map_has_a_frame_for_each_snapshot_on_axes_that_stay(dimensions: int) -> None:
    record = embeddings.positions(snapshots(4), LABELS, dimensions=dimensions)
    drawn = figures.embedding_map(record)
    assert [frame.name for frame in drawn.frames] == ["0", "1", "2", "3"]
    assert [trace.name for trace in drawn.data] == ["vowel", "consonant", "other"]
    axis = drawn.layout.xaxis if dimensions == 2 else drawn.layout.scene.xaxis
    assert axis.range[0] < record.points[:, :, 0].min()
    assert axis.range[1] > record.points[:, :, 0].max()
    still = figures.embedding_map(embeddings.positions(snapshots(4)[-1:], LABELS))
    assert not still.frames
    told = {i: point for trace in drawn.data for i, point in zip(trace.customdata, trace.x, strict=True)}
    assert told[3] == pytest.approx(record.points[-1, 3, 0])  # a click on a point tells whose it is
