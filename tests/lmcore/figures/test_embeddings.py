import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.embeddings import EmbeddingMap


def map_of(n_snapshots: int, dimensions: int) -> EmbeddingMap:
    points = np.random.default_rng(0).normal(size=(n_snapshots, 4, dimensions))
    kinds = ["other", "vowel", "consonant", "consonant"]
    return EmbeddingMap(list(range(n_snapshots)), points, [".", "a", "b", "<"], kinds, ["x", "y", "z"][:dimensions])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_every_snapshot_is_drawn_on_the_same_axes(dimensions: int) -> None:
    record = map_of(4, dimensions)
    figure = figures.embedding_map(record, shown=1)
    assert [*figure.data[0].x, *figure.data[0].y] == pytest.approx(record.points[1, 1, :2])
    assert [trace.name for trace in figure.data] == ["vowel", "consonant", "other"]
    axis = figure.layout.xaxis if dimensions == 2 else figure.layout.scene.xaxis
    assert axis.range[0] < record.points[:, :, 0].min()
    assert axis.range[1] > record.points[:, :, 0].max()


def test_a_click_gives_the_character() -> None:
    record = map_of(1, 2)
    figure = figures.embedding_map(record)
    x = {index: x for trace in figure.data for index, x in zip(trace.customdata, trace.x, strict=True)}
    assert x[3] == pytest.approx(record.points[0, 3, 0])


def test_similarities_range_from_minus_one_to_one() -> None:
    figure = figures.cosine_similarity(np.eye(2), ["a", "<"])
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)
    assert figure.layout.xaxis.ticktext == ("a", "&lt;")
