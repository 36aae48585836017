import numpy as np

from lmcore import figures
from lmcore.generation.surprise import AnnotatedText


def test_a_text_fills_rows_of_characters() -> None:
    figure = figures.annotated_text(AnnotatedText(list('<b>"␣x') * 20, np.linspace(0, 3, 120)))
    cells, letters = figure.data
    assert cells.z.shape == (3, 50)
    assert np.isnan(cells.z[2, 20:]).all()
    assert letters.text[:6] == ("&lt;", "b", "&gt;", '"', "", "x")
    assert cells.customdata[1][3] == 53
    assert cells.colorbar.title.text == "Surprise (nats)"


def test_activations_range_from_minus_one_to_one() -> None:
    figure = figures.annotated_text(AnnotatedText(["a"], np.array([-0.5])), "Activation of unit 3", signed=True)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)


def test_an_empty_text_has_a_message() -> None:
    assert figures.annotated_text(AnnotatedText([], np.zeros(0))).layout.annotations
