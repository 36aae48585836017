from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from lmcore import figures
from lmcore.inspection.learning_curve import TrainingEvents
from lmcore.recipes.recipe import PublishedLosses
from lmcore.training.history import Change
from tests.lmcore.figures.conftest import MakeCurve


def names_of(figure: go.Figure) -> list[str]:
    return [trace.name for trace in figure.data]


# ---------------------------------------------------------------- one run


def test_one_run_has_a_line_for_each_kind_of_loss_and_for_guessing(curve: MakeCurve) -> None:
    figure = figures.loss_chart(curve(500))
    assert names_of(figure) == ["minibatch", "smoothed", "train", "dev", "guessing: 3.296"]
    assert figure.layout.xaxis.title.text == "Step"
    assert figure.layout.yaxis.title.text == "Loss (nats per character)"
    assert figure.data[-1].y[0] == pytest.approx(np.log(27))
    assert not figure.layout.annotations


def test_without_a_dev_split_there_is_no_dev_line(curve: MakeCurve) -> None:
    assert "dev" not in names_of(figures.loss_chart(curve(500, dev=False)))


def test_logarithmic_axes_leave_out_step_zero(curve: MakeCurve) -> None:
    figure = figures.loss_chart(curve(500), log_x=True, log_y=True)
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert all(min(trace.x) > 0 for trace in figure.data)


def test_changes_are_marked_with_a_note_beside_each(curve: MakeCurve) -> None:
    changes = (Change(100, {"learning_rate": 0.01}), Change(200, {"optimizer": "<b>", "one_batch": True}))
    figure = figures.loss_chart(curve(500, changes))
    first, second = figure.layout.annotations
    assert (first.text, second.text) == ("learning rate 0.01", "optimizer &lt;b&gt;, one batch on")
    assert [shape.x0 for shape in figure.layout.shapes] == [100, 200]
    assert first.y > second.y  # so that long notes do not overlap
    assert figures.loss_chart(curve(500, changes), log_x=True).layout.annotations[0].x == pytest.approx(2)


def test_a_late_change_is_noted_on_the_side_that_has_room(curve: MakeCurve) -> None:
    changes = (Change(20, {"batch_size": 64}), Change(480, {"learning_rate": 0.05}))
    for log_x in (False, True):
        late = figures.loss_chart(curve(500, changes), log_x=log_x).layout.annotations[-1]
        assert (late.text, late.xanchor) == ("learning rate 0.05", "right")
    assert figures.loss_chart(curve(500, changes)).layout.annotations[0].xanchor == "left"


def test_diverged_losses_continue_the_curve(curve: MakeCurve) -> None:
    diverged = next(trace for trace in figures.loss_chart(curve(500, diverged=3)).data if trace.name == "diverged")
    assert diverged.x.tolist() == [501, 502, 503]
    assert max(diverged.y) < 50


def test_test_evaluations_are_drawn(curve: MakeCurve) -> None:
    evaluated = replace(curve(500), test_evaluations=((200.0, 2.5), (500.0, 2.2)))
    test = next(trace for trace in figures.loss_chart(evaluated).data if trace.name == "test")
    assert test.y == pytest.approx([2.5, 2.2])


def test_long_lines_have_no_markers(curve: MakeCurve) -> None:
    short = curve(500)
    long = replace(short, snapshot_steps=np.arange(200.0), train=np.ones(200), dev=np.ones(200))
    modes = [{trace.name: trace.mode for trace in figures.loss_chart(one).data} for one in (short, long)]
    assert [mode["train"] for mode in modes] == ["lines+markers", "lines"]


@pytest.mark.parametrize(
    ("x_axis", "title"),
    [
        ("examples", "Characters seen in training"),
        ("epochs", "Epoch"),
        ("wall seconds", "Training time (seconds)"),
        ("CPU seconds", "Training time (CPU seconds)"),
    ],
)
def test_the_axis_says_what_the_loss_is_drawn_against(curve: MakeCurve, x_axis: str, title: str) -> None:
    assert figures.loss_chart(replace(curve(500), x_axis=x_axis)).layout.xaxis.title.text == title


def test_without_losses_the_chart_says_so(curve: MakeCurve) -> None:
    assert figures.loss_chart(curve(0)).layout.annotations[0].text == "No steps yet."
    assert figures.loss_chart(curve(0), empty="Start a run.").layout.annotations[0].text == "Start a run."
    assert figures.loss_chart({}).layout.annotations[0].text == "No steps yet."


@pytest.mark.parametrize("log_x", [False, True])
def test_the_legend_has_all_its_lines_from_the_start(curve: MakeCurve, log_x: bool) -> None:
    untrained, trained = (figures.loss_chart(curve(n), log_x=log_x) for n in (0, 10))
    assert names_of(untrained) == names_of(trained)
    assert all(len(trace.x) for trace in untrained.data)  # plotly's legend leaves out lines without points


def test_before_the_first_step_the_untrained_model_lies_at_the_line_of_guessing(curve: MakeCurve) -> None:
    untrained = replace(curve(0), snapshot_steps=np.zeros(1), train=np.full(1, 3.3), dev=np.full(1, 3.31))
    figure = figures.loss_chart(untrained)
    assert figure.layout.yaxis.range[0] == 0
    assert figure.layout.yaxis.range[1] > 3.31
    guessing = next(trace for trace in figure.data if trace.name.startswith("guessing"))
    assert list(guessing.x) == [0, 1]
    assert figure.layout.xaxis.tickvals == (0,)
    assert figures.loss_chart(curve(500)).layout.xaxis.tickvals is None


# ---------------------------------------------------------------- several runs


def test_several_runs_have_a_color_and_a_dash_each(curve: MakeCurve) -> None:
    figure = figures.loss_chart({"one": curve(500), "<two>": curve(300)}, lines=("smoothed",), log_x=True)
    assert names_of(figure) == ["one", "&lt;two&gt;", "guessing: 3.296"]
    assert len({trace.line.color for trace in figure.data}) == len({trace.line.dash for trace in figure.data[:2]}) + 1
    assert figure.layout.yaxis.title.text == "Smoothed loss (nats per character)"
    assert not figure.layout.annotations


def test_a_run_with_huge_losses_does_not_flatten_the_others(curve: MakeCurve) -> None:
    huge = curve(300)
    huge = replace(huge, smoothed=np.append(huge.smoothed[:-1], 1e6))
    figure = figures.loss_chart({"one": curve(500), "two": huge}, lines=("smoothed",))
    assert figure.layout.yaxis.range[1] < 10


def test_dev_losses_of_several_runs_are_markers_without_a_legend(curve: MakeCurve) -> None:
    figure = figures.loss_chart({"a": curve(500)}, lines=("smoothed", "dev"), guessing=False, fork=100.0)
    smoothed, dev = figure.data
    assert (smoothed.showlegend, dev.showlegend) == (True, False)
    assert (dev.name, dev.mode) == ("a, dev", "markers")
    assert figure.layout.shapes[0].x0 == 100
    assert figure.layout.yaxis.range is None


def test_minibatch_losses_can_be_drawn_behind_train_losses(curve: MakeCurve) -> None:
    figure = figures.loss_chart({"a": curve(500)}, lines=("minibatch", "train"), unit="example")
    assert [trace.showlegend for trace in figure.data[:2]] == [False, True]
    assert figure.layout.yaxis.title.text == "Train loss (nats per example)"


def test_a_fork_at_step_zero_is_not_on_a_logarithmic_axis(curve: MakeCurve) -> None:
    assert not figures.loss_chart({"a": curve(500)}, log_x=True, fork=0.0).layout.shapes


# ---------------------------------------------------------------- recipes and classifiers


def test_published_losses_are_stars_at_their_steps(curve: MakeCurve) -> None:
    targets = PublishedLosses(np.array([0.0, 100.0]), np.array([2.0, 1.5]), ["pending", "reproduced"], ["<a>", "b"])
    figure = figures.loss_chart(curve(0), log_x=True, last_x=100, targets=targets)
    stars = figure.data[-1]
    assert list(stars.x) == [1, 100]
    assert stars.y == pytest.approx([2.0, 1.5])
    assert stars.marker.symbol == ("star-open", "star")
    assert stars.text[0] == "&lt;a&gt;"
    assert figure.layout.annotations
    assert figure.layout.xaxis.range[1] > 2
    assert not figures.loss_chart(curve(500), targets=targets, last_x=500).layout.annotations


@pytest.mark.parametrize(("highest", "kind"), [(3.3, "linear"), (30.0, "log")])
def test_the_loss_axis_is_logarithmic_if_losses_span_much(curve: MakeCurve, highest: float, kind: str) -> None:
    drawn = replace(curve(500), losses=np.linspace(highest, 2.0, 500))
    assert figures.loss_chart(drawn, log_y=None).layout.yaxis.type == kind


def test_accuracy_has_a_panel_of_its_own(curve: MakeCurve) -> None:
    accuracy = {"train": np.array([0.3, 0.9]), "dev": np.array([np.nan, np.nan])}
    figure = figures.loss_chart(curve(500), accuracy=accuracy, unit="example")
    panel = [trace for trace in figure.data if trace.yaxis == "y2"]
    assert [trace.name for trace in panel] == ["train accuracy"]
    assert figure.layout.yaxis2.title.text == "Accuracy"
    assert figure.layout.yaxis2.domain[1] < figure.layout.yaxis.domain[0]


def test_events_are_marked(curve: MakeCurve) -> None:
    events = TrainingEvents(learning_rates=((40, 0.05),), clipped=((10, 60),), stopped=(100,))
    figure = figures.loss_chart(curve(500), events=events)
    assert {note.text for note in figure.layout.annotations} == {"learning rate 0.05", "clipped", "early stopping"}
    assert [(shape.type, shape.x0) for shape in figure.layout.shapes] == [("line", 40), ("line", 100), ("rect", 10)]
