import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.tensor_view import TensorView


def view_of(rows: int, columns: int, low: float = 0.0) -> TensorView:
    value = np.linspace(low, 1, rows * columns).reshape(rows, columns)
    return TensorView("h", "tanh(a)", value, -value, [f"<{i}>" for i in range(rows)], [str(i) for i in range(columns)])


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 1), (3, 27), (32, 100)])
def test_the_title_has_the_shape_and_gradients_are_signed(rows: int, columns: int) -> None:
    view = view_of(rows, columns)
    value, gradient = figures.tensor_view(view), figures.tensor_view(view, gradient=True)
    assert value.layout.title.text == f"h = tanh(a)   ({rows} × {columns})"
    assert gradient.layout.title.text == f"∂loss/∂h   ({rows} × {columns})"
    assert value.data[0].z.shape == (rows, columns)
    assert value.data[0].zmin == 0
    assert gradient.data[0].zmin == -gradient.data[0].zmax
    assert value.layout.yaxis.ticktext[0] == "&lt;0&gt;"


def test_negative_values_are_signed_as_well() -> None:
    cells = figures.tensor_view(view_of(3, 9, low=-0.5)).data[0]
    assert cells.zmin == -cells.zmax == -1


def test_small_tensors_show_their_numbers() -> None:
    assert figures.tensor_view(view_of(3, 4)).data[0].texttemplate == "%{z:.4f}"
    assert figures.tensor_view(view_of(3, 5)).data[0].texttemplate is None


@pytest.mark.parametrize("columns", [3, 27, 100])
def test_a_compact_view_labels_only_as_many_columns_as_fit(columns: int) -> None:
    view = view_of(4, columns)
    figure = figures.tensor_view(view, compact=True)
    labeled = figure.layout.xaxis.tickvals
    assert figure.layout.xaxis.ticktext == tuple(view.columns[i] for i in labeled)
    assert sum(len(view.columns[i]) for i in labeled) <= 32
    assert list(figure.data[0].customdata[-1]) == view.columns
