import numpy as np

from lmcore import figures
from lmcore.lessons.answers import Bars, PredictedCurves


def test_options_are_text_and_the_right_one_is_marked() -> None:
    figure = figures.answer_bars(Bars(("<b>a</b>", "u" * 60), (1, 3), (False, True)))
    assert figure.layout.yaxis.ticktext == ("&lt;b&gt;a&lt;/b&gt;", "u" * 40 + "…")
    assert list(figure.data[0].text) == ["1", "3 ✓"]
    assert list(figure.layout.yaxis.range) == [1.5, -0.5]  # the first option is at the top
    assert figure.layout.xaxis.title.text == "Answers"


def test_without_answers_it_says_so() -> None:
    for figure in (
        figures.answer_bars(Bars(("a", "b"), (0, 0), (None, None))),
        figures.predicted_curves(PredictedCurves((), np.zeros((0, 2)), (0, 40))),
    ):
        assert figure.layout.annotations[0].text == "No answers yet."


def test_all_guesses_lie_below_the_real_curve() -> None:
    guess, actual = np.array([[0, 3.3], [40, 2.0]]), np.array([[1, 3.2], [40, 2.6]])
    figure = figures.predicted_curves(PredictedCurves((guess, guess), actual, (0, 40)))
    assert [trace.name for trace in figure.data] == ["guesses", "guesses", "real"]
    assert [trace.showlegend for trace in figure.data[:2]] == [True, False]
    assert list(figure.layout.xaxis.range) == [0, 40]
