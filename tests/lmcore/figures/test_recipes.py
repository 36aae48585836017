import numpy as np
import pytest

from lmcore import figures
from lmcore.figures.recipes import MAX_DEVIATION
from lmcore.recipes.recipe import Deviations

RECORD = Deviations(
    ["first <loss>", "parameters", "dev"],
    np.array([0.5, np.inf, np.nan]),
    ["reproduced", "differs", "pending"],
    ["<1>", "2", "3"],
)


def test_deviations_are_drawn_in_tolerances() -> None:
    figure = figures.recipe_deviations(RECORD)
    reproduced, differs, pending = figure.data
    assert reproduced.x == pytest.approx([0.5], abs=1e-5)
    assert list(differs.x) == [MAX_DEVIATION]
    assert list(pending.x) == [0.0]
    assert reproduced.text == ("&lt;1&gt;",)
    assert figure.layout.yaxis.ticktext == ("first &lt;loss&gt;", "parameters", "dev")
    assert "tolerances" in figure.layout.xaxis.title.text


def test_without_published_numbers_there_is_a_message() -> None:
    assert figures.recipe_deviations(Deviations([], np.zeros(0), [], [])).layout.annotations
