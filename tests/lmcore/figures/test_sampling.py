import numpy as np
import pytest

from lmcore import figures
from lmcore.figures.style import ORANGE

DISTRIBUTIONS = {"sampled from": np.array([0, 0.6, 0.4]), "model": np.array([0.1, 0.6, 0.3])}


def test_each_distribution_is_stacked_into_a_bar_of_length_one() -> None:
    below, above = figures.probability_bars(DISTRIBUTIONS, ["a", "<", "c"], 2, 0.7).data
    assert list(above.x) == [0.1, 0.6, 0.3]
    assert list(above.base) == pytest.approx([0, 0.1, 0.7])
    assert list(below.x) == [0.6, 0.4]  # a character with probability zero has no segment
    assert list(below.text) == ["&lt;", "c"]


def test_the_chosen_segment_and_the_random_number_are_marked() -> None:
    figure = figures.probability_bars(DISTRIBUTIONS, list("abc"), 2, 0.7)
    assert [bar.marker.color.index(ORANGE) for bar in figure.data] == [1, 2]
    assert (figure.layout.annotations[0].x, figure.layout.annotations[0].text) == (0.7, "0.7000")


def test_a_single_distribution_needs_no_name() -> None:
    figure = figures.probability_bars({"": np.full(50, 0.02)}, ["x"] * 50, 7, 0.15)
    assert len(figure.data) == 1
    assert figure.data[0].x.sum() == pytest.approx(1)


def test_the_predicted_class_stands_out() -> None:
    figure = figures.class_probabilities(np.array([0.2, 0.7, 0.1]), ("cat", "<dog>", "car"))
    assert list(figure.data[0].x) == ["cat", "&lt;dog&gt;", "car"]
    assert figure.data[0].marker.color.index(ORANGE) == 1
