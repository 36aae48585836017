import numpy as np

from lmcore import figures
from lmcore.inspection.updates import Updates

RECORD = Updates(np.array([1, 2]), ["hidden", "<b>"], np.full((2, 2), -2.0), np.full((2, 2), -3.5))


def test_each_weight_matrix_has_a_line_and_updates_have_a_target() -> None:
    figure = figures.updates(RECORD)
    assert [trace.name for trace in figure.data] == ["hidden", "&lt;b&gt;"]
    assert figure.layout.shapes[0].y0 == -3
    assert figure.layout.yaxis.title.text == "log10(update / weights)"


def test_gradients_have_no_target() -> None:
    figure = figures.updates(RECORD, gradients=True)
    assert figure.data[0].y.tolist() == [-2, -2]
    assert not figure.layout.shapes
    assert figure.layout.yaxis.title.text == "log10(gradient / weights)"


def test_before_the_first_step_there_is_a_message() -> None:
    empty = Updates(np.zeros(0, int), ["a"], np.zeros((0, 1)), np.zeros((0, 1)))
    assert figures.updates(empty).layout.annotations[0].text == "No steps yet."
