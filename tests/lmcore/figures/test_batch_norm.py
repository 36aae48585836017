import numpy as np
import plotly.graph_objects as go
import pytest

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.inspection import batch_norm
from lmcore.inspection.batch_norm import UnitBatches
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.training.config import RunConfig, TrainConfig

MLP = MLPConfig(hidden=7, hidden_scheme="normal", batch_norm="hidden")
VALUES = np.random.default_rng(1).normal(2, 5, 32)


@pytest.fixture(scope="module")
def batches(corpus: Corpus) -> UnitBatches:
    return batch_norm.unit_batches(RunConfig(model=MLP), 3, corpus)


def titled(figure: go.Figure) -> go.Figure:
    """The figure, if both of its axes have titles."""
    assert all(axis.title.text for axis in (figure.layout.xaxis, figure.layout.yaxis))
    return figure


@pytest.mark.parametrize("first_value", [None, -30.0, 30.0])
def test_the_axes_stand_still_while_an_example_is_moved(first_value: float | None) -> None:
    record = batch_norm.normalize_batch(VALUES, first_value=first_value)
    assert titled(figures.batch_histogram(record, after=False)).layout.xaxis.range == (-33, 33)
    assert titled(figures.batch_histogram(record, after=True)).layout.xaxis.range == (-6, 6)
    assert titled(figures.batch_map(record, ["<b>"] * 32)).layout.xaxis.range == (-33, 33)


def test_the_other_examples_are_drawn_where_they_were_and_where_they_are() -> None:
    still, record = (batch_norm.normalize_batch(VALUES, first_value=value) for value in (None, 30.0))
    original, movements, batch, moved = titled(figures.batch_map(record, ["<b>"] * 32)).data
    assert original.y == pytest.approx(np.sort(still.after), rel=1e-5)
    assert batch.y == pytest.approx(record.after[np.argsort(record.before)], rel=1e-5)
    assert (moved.x[0], batch.customdata[0]) == (30, "&lt;b&gt;")
    assert movements.y.reshape(-1, 3)[:, 1] == pytest.approx(record.after[1:], rel=1e-5)


def test_the_shifts_of_the_other_examples_are_bars() -> None:
    still, record = (batch_norm.normalize_batch(VALUES, first_value=value) for value in (None, 30.0))
    figure = titled(figures.batch_shifts(record, ["a"] * 32))
    assert figure.data[0].y == pytest.approx(record.shifts[1:], rel=1e-5)
    assert not figure.layout.annotations
    assert "Move the first example" in figures.batch_shifts(still, ["a"] * 32).layout.annotations[0].text


def test_running_statistics_are_drawn_beside_the_true_ones(batches: UnitBatches) -> None:
    record = batch_norm.running_statistics(batches, 0.1)
    for std, true in ((False, record.true_mean), (True, record.true_std)):
        figure = titled(figures.running_statistic(record, std))
        assert [trace.name for trace in figure.data] == ["each batch", "running", "whole split"]
        assert figure.data[2].y == pytest.approx([true, true])


def test_one_example_is_marked_in_evaluation_mode(batches: UnitBatches) -> None:
    record = batch_norm.running_statistics(batches, 0.1)
    figure = titled(figures.one_example(record))
    marks = [trace.x[0] for trace in figure.data[1:]]
    assert marks == pytest.approx([record.alone, record.with_true_statistics])
    assert all(figure.layout.xaxis.range[0] < x < figure.layout.xaxis.range[1] for x in marks)


def test_the_chosen_position_is_drawn_last_and_named_in_order(corpus: Corpus) -> None:
    record = batch_norm.wrong_axis(RunConfig(model=WaveNetConfig(hidden=6)), corpus)
    for figure in (figures.axis_means(record, 1), figures.axis_map(record, 2, 1)):
        *wrong, right = titled(figure).data
        assert wrong[-1].name == "wrong: position 2"
        names = [trace.name for trace in sorted(wrong, key=lambda trace: trace.legendrank)]
        assert names == [f"wrong: position {t}" for t in (1, 2, 3, 4)]
        assert right.name == "correct: all positions"


def test_folded_logits_are_on_the_diagonal(corpus: Corpus) -> None:
    record = batch_norm.folding(RunConfig(model=MLP, train=TrainConfig(steps=20)), corpus)
    points = titled(figures.folded_logits(record)).data[1]
    assert points.x == pytest.approx(points.y, abs=1e-5)
    assert titled(figures.folding_differences(record)).data[0].y.sum() == pytest.approx(1)
