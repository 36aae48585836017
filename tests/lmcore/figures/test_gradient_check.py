import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.gradient_check import STEP_SIZES, GradientCheck, Precision, RecurrentGradientCheck


def check(precision: Precision) -> GradientCheck:
    curve = np.linspace(0.1, 0, len(STEP_SIZES))
    return GradientCheck(precision, 1e-4, ["a", "b"], np.array([1e-7, 0.0]), np.array([1e-3, 1e-4]), [], curve)


def test_errors_are_bars_and_no_error_is_at_the_lower_end() -> None:
    figure = figures.gradient_check(check("float32"))
    assert [trace.name for trace in figure.data] == ["by hand", "central differences, h = 1e-04"]
    assert figure.data[0].y == pytest.approx([1e-7, 1e-17])
    assert figure.layout.yaxis.title.text == "Relative error, float32"


def test_the_step_size_is_marked_on_the_curves_of_both_precisions() -> None:
    figure = figures.truncation_and_rounding([check("float64"), check("float32")])
    assert [trace.name for trace in figure.data] == ["float64", "float32"]
    assert figure.layout.shapes[0].x0 == 1e-4
    assert min(figure.data[0].y) > 0


def test_the_check_through_time_has_a_target() -> None:
    record = RecurrentGradientCheck(3e-4, ("W", "b"), np.array([1e-9, 1e-8]), np.array([1e-12, 1e-13]))
    figure = figures.recurrent_gradient_check(record)
    assert list(figure.data[0].x) == ["W", "b"]
    assert figure.data[0].y == pytest.approx(record.autograd)
    assert figure.layout.shapes[0].y0 == 1e-6
