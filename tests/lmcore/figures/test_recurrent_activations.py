from dataclasses import replace

import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.recurrent_activations import RecurrentActivations

GATE = np.array([[0.05, 0.95], [0.05, 0.5]], np.float32)
RECORD = RecurrentActivations(
    {"h": np.zeros((2, 2), np.float32)}, {"<forget>": GATE}, {"h": np.array([1.0, 0.0]), "c": np.array([1.0, 0.5])}
)


def test_each_unit_of_a_gate_is_a_point() -> None:
    figure = figures.gate_saturation(RECORD)
    _, points = figure.data
    assert points.name == "&lt;forget&gt;"
    assert list(points.x) == pytest.approx([0, 0.5])
    assert list(points.y) == [1, 0]


def test_without_gates_it_says_so() -> None:
    figure = figures.gate_saturation(replace(RECORD, gates={}))
    assert "no gates" in figure.layout.annotations[0].text


def test_gradients_are_drawn_for_each_state_and_never_at_zero() -> None:
    figure = figures.state_gradients(RECORD)
    assert [trace.name for trace in figure.data] == ["∂(last loss) / ∂h", "∂(last loss) / ∂c"]
    assert min(figure.data[0].y) > 0
    assert figure.layout.yaxis.type == "log"
