import numpy as np

from lmcore import figures
from lmcore.inspection.backprop_through_time import GradientThroughTime


def test_norms_are_drawn_on_a_logarithmic_axis_even_where_they_underflow() -> None:
    record = GradientThroughTime(0.5, np.array([1.0, 1e-200, 0.0]), np.array([1.0, 0.5, 0.25]))
    figure = figures.gradient_through_time(record)
    assert figure.layout.yaxis.type == "log"
    assert list(figure.data[0].y) == [1.0, 1e-200, 1e-300]
    assert list(figure.data[1].y) == [1.0, 0.5, 0.25]
