"""What the answers of a class look like together."""

import numpy as np

from lmcore.lessons import answers
from lmcore.lessons.lesson import Ask
from tests.lmcore.lessons.lessons import CHOICE, CURVE, GUESS, NUMBER, example_lesson


def ask(step: int) -> Ask:
    found = example_lesson().steps[step].ask
    assert found is not None
    return found


def test_every_option_of_a_choice_has_a_bar() -> None:
    bars = answers.bars(ask(CHOICE), [2, 2, 3])
    assert bars.labels == ("a", "u", "-1")
    assert bars.counts == (0, 2, 1)
    assert bars.right == (False, True, False)


def test_a_choice_without_a_right_answer_has_no_right_bar() -> None:
    opinion = ask(CHOICE).model_copy(update={"answer": None})
    assert answers.bars(opinion, [1]).right == (None, None, None)


def test_few_numbers_have_a_bar_each_and_many_are_binned() -> None:
    bars = answers.bars(ask(NUMBER), [26.0, 3.5, 26.0])
    assert (bars.labels, bars.counts, bars.right) == (("3.5", "26"), (1, 2), (False, True))
    many = answers.bars(ask(NUMBER), [float(i) for i in range(100)])
    assert len(many.counts) == answers.MAX_BINS
    assert sum(many.counts) == 100
    assert sum(bool(right) for right in many.right) == 1


def test_curves_are_points_of_steps_and_losses() -> None:
    record = answers.predicted_curves(ask(CURVE), [((0.0, 3.3), (40.0, 2.0))], [(1.0, 3.2)])
    assert np.array_equal(record.guesses[0], [[0, 3.3], [40, 2]])
    assert record.actual.shape == (1, 2)
    assert answers.predicted_curves(ask(CURVE), []).actual.shape == (0, 2)


def test_answers_in_words() -> None:
    assert answers.in_words(ask(CHOICE), 2) == "u"
    assert answers.in_words(ask(NUMBER), 27.0) == "27 characters"
    assert answers.in_words(ask(GUESS), "names") == "names"
    assert answers.in_words(ask(CURVE), ((0.0, 3.3), (40.0, 2.0))) == "3.30 at step 0; 2.00 at step 40"


def test_a_guess_is_one_line_of_printable_characters() -> None:
    assert answers.checked(ask(GUESS), " a\u202e b\n\tc ") == "a b c"
