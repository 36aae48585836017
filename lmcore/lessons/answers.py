"""Answers to the questions of a lesson: which are possible, and what those of a class look like together."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.lessons.lesson import Ask

Point = tuple[float, float]
Answer = int | float | str | tuple[Point, ...]
"""Number of an option from 1, a number, a text, or points (step, loss in nats) of a curve."""

MAX_TEXT = 200  # characters of a guess
MAX_POINTS = 64  # of a curve
MAX_NUMBER = 1e12
MAX_BINS = 12  # of a histogram


def checked(ask: Ask, given: Any) -> Answer:
    """An answer as it is kept.

    Args:
        ask: the question.
        given: what somebody chose, typed or drew.

    Raises:
        UserError: if it is no answer to the question.
    """
    match ask.kind:
        case "choice":
            return _option(ask, given)
        case "number":
            return _number(given)
        case "guess":
            return _text(given)
        case "curve":
            return _curve(given)


def _option(ask: Ask, given: Any) -> int:
    if type(given) is not int or not 1 <= given <= len(ask.options):
        raise UserError(f"Choose one of the {len(ask.options)} options.")
    return given


def _number(given: Any) -> float:
    if type(given) not in (int, float) or not math.isfinite(given) or abs(given) > MAX_NUMBER:
        raise UserError("Give a number, such as 3 or 2.5.")
    return float(given)


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise UserError("Write a guess in a few words.")
    text = " ".join("".join(c if c.isprintable() else " " for c in given).split())
    if not 1 <= len(text) <= MAX_TEXT:
        raise UserError(f"Write a guess of 1 to {MAX_TEXT} characters; this one has {len(text):,}.")
    return text


def _curve(given: Any) -> tuple[Point, ...]:
    try:
        points = tuple((float(x), float(y)) for x, y in given)
    except (TypeError, ValueError):
        points = ()
    if not 2 <= len(points) <= MAX_POINTS or not all(abs(value) <= MAX_NUMBER for point in points for value in point):
        raise UserError(f"Draw a curve of 2 to {MAX_POINTS} points.")
    return points


def in_words(ask: Ask, answer: Answer) -> str:
    """An answer as a line of text."""
    match answer:
        case int() if ask.kind == "choice":
            return ask.options[answer - 1]
        case tuple():
            return "; ".join(f"{loss:.2f} at step {step:,.0f}" for step, loss in answer)
        case str():
            return answer
    return f"{answer:g} {ask.unit}".strip()


# ---------------------------------------------------------------- the answers of a class


@dataclass(frozen=True)
class Bars:
    """How many gave each answer."""

    labels: tuple[str, ...]  # options, or ranges of numbers
    counts: tuple[int, ...]
    right: tuple[bool | None, ...]  # None where the question has no right answer
    unit: str = ""


def bars(ask: Ask, answers: Iterable[Answer]) -> Bars:
    """The answers to a choice, one bar per option; or to a number, one bar per value or range of values."""
    given = [answer for answer in answers if isinstance(answer, int | float)]
    if ask.kind == "choice":
        counts = Counter(given)
        options = range(1, len(ask.options) + 1)
        return Bars(ask.options, tuple(counts[i] for i in options), tuple(map(ask.is_right, options)))
    values = sorted(set(given))
    if len(values) <= MAX_BINS:
        numbers = Counter(given)
        labels = tuple(f"{value:g}" for value in values)
        return Bars(labels, tuple(numbers[value] for value in values), tuple(map(ask.is_right, values)), ask.unit)
    sizes, edges = np.histogram(given, bins=MAX_BINS)
    ranges = list(itertools.pairwise(edges))
    labels = tuple(f"{low:.4g} to {high:.4g}" for low, high in ranges)
    right = tuple(ask.answer is not None and bool(low <= ask.answer <= high) for low, high in ranges)
    return Bars(labels, tuple(map(int, sizes)), right, ask.unit)


@dataclass(frozen=True)
class PredictedCurves:
    """Where people expected the loss to go, and where it went."""

    guesses: tuple[NDArray[np.float64], ...]  # each (P, 2): step, and loss in nats
    actual: NDArray[np.float64]  # (N, 2), the smoothed minibatch loss; N = 0 before it is known
    steps: tuple[int, int]  # where the horizontal axis begins and ends


def predicted_curves(ask: Ask, answers: Iterable[Answer], actual: Sequence[Point] = ()) -> PredictedCurves:
    """The curves of a class over the real one."""
    guesses = tuple(np.array(answer) for answer in answers if isinstance(answer, tuple))
    return PredictedCurves(guesses, np.array(actual, dtype=float).reshape(-1, 2), (ask.from_step, ask.steps))
