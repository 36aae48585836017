import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.embeddings import EmbeddingMap


def map_of(n_snapshots: int, dimensions: int) -> EmbeddingMap:
    points = np.random.default_rng(0).normal(size=(n_snapshots, 4, dimensions))
    kinds = ["other", "vowel", "consonant", "consonant"]
    return EmbeddingMap(list(range(n_snapshots)), points, [".", "a", "b", "<"], kinds, ["x", "y", "z"][:dimensions])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_map_has_a_frame_per_snapshot_on_fixed_axes(dimensions: int) -> None:
    record = map_of(4, dimensions)
    figure = figures.embedding_map(record)
    assert [frame.name for frame in figure.frames] == ["0", "1", "2", "3"]
    assert [trace.name for trace in figure.data] == ["vowel", "consonant", "other"]
    axis = figure.layout.xaxis if dimensions == 2 else figure.layout.scene.xaxis
    assert axis.range[0] < record.points[:, :, 0].min()
    assert axis.range[1] > record.points[:, :, 0].max()
    assert len(figure.layout.sliders[0].steps) == 4


def test_a_single_snapshot_has_no_frames_and_a_click_gives_the_character() -> None:
    record = map_of(1, 2)
    figure = figures.embedding_map(record)
    assert not figure.frames
    x = {index: x for trace in figure.data for index, x in zip(trace.customdata, trace.x, strict=True)}
    assert x[3] == pytest.approx(record.points[0, 3, 0])


def test_similarities_range_from_minus_one_to_one() -> None:
    figure = figures.cosine_similarity(np.eye(2), ["a", "<"])
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)
    assert figure.layout.xaxis.ticktext == ("a", "&lt;")
