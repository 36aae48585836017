"""Draw where the loss will go, before it is shown; afterwards the real curve lies over the guess."""

from lmcore.lessons.answers import Point
from lmcore.lessons.lesson import Ask
from ui.component import component

N_POINTS = 11  # that can be moved
HEADROOM = 1.5  # top of the vertical axis, as a multiple of the loss of guessing

_component = component(__file__, '<div class="predicted-curve"></div>')


def curve(ask: Ask, guessing: float, key: str, guess: tuple[Point, ...] = (), actual: tuple[Point, ...] = ()) -> None:
    """A chart to draw in, with the mouse, a finger or the arrow keys; with a guess, it is shown and cannot change.

    Args:
        ask: the question.
        guessing: loss of guessing uniformly, in nats.
        key: of the widget; in the session state, ``points`` of its value are those drawn so far, None before the first.
        guess: points (step, loss in nats) of the answer.
        actual: points of the real curve; empty before it is known.
    """
    data = {
        "label": ask.question,
        "steps": ask.steps,
        "guessing": guessing,
        "top": max([HEADROOM * guessing, *(1.05 * loss for _, loss in actual)]),
        "n": N_POINTS,
        "guess": guess,
        "actual": actual,
    }
    _component(key=key, data=data, on_points_change=lambda: None)
