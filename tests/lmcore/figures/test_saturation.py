import numpy as np
import pandas as pd
import pytest

from lmcore import figures
from lmcore.inspection.saturation import Saturation, UnitActivity, UnitResponse


def test_saturated_units_are_white_and_dead_ones_marked() -> None:
    figure = figures.saturation(Saturation(np.array([[True, False], [True, False]]), [0], 0.5))
    cells, dead = figure.data
    assert cells.z.tolist() == [[1, 0], [1, 0]]
    assert list(dead.x) == [0]
    assert dead.y[0] > figure.layout.yaxis.range[1]  # visible, above the first row
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Unit", "Example")
    several = figures.saturation(Saturation(np.array([[True, False], [True, False]]), [0], 0.5, positions=2))
    assert several.layout.yaxis.title.text == "Example × position"


@pytest.mark.parametrize("kind", ["Tanh", "ReLU"])
def test_a_unit_is_drawn_with_its_activation_function_and_slope(kind: str) -> None:
    z = np.linspace(-4, 4, 50, dtype=np.float32)
    output = np.tanh(z) if kind == "Tanh" else np.maximum(z, 0)
    figure = figures.unit_response(UnitResponse(kind, z, output, 0.3, pd.DataFrame(), pd.DataFrame()))
    histogram, function, slope = figure.data
    assert figure.layout.xaxis.title.text == "Pre-activation"
    assert function.y[[0, -1]] == pytest.approx(np.tanh([-4.2, 4.2]) if kind == "Tanh" else [0, 4.2], abs=1e-5)
    assert max(slope.y) == 1
    assert histogram.xbins.end == pytest.approx(4.2)


@pytest.mark.parametrize(("kind", "words"), [("relu", "1 of 3 dead"), ("tanh", "1 of 3 always saturated")])
def test_the_activity_of_units_is_sorted(kind: str, words: str) -> None:
    figure = figures.unit_activity(UnitActivity((np.array([0.0, 1.0, 0.5]),), kind))
    assert figure.data[0].y.tolist() == [1, 0.5, 0]
    assert figure.data[0].name == f"hidden layer 1: {words}"
