"""Draw where the loss will go, before it is shown; afterwards the real curve lies over the guess."""

from lmcore.lessons.answers import Point
from lmcore.lessons.lesson import Ask
from ui.component import component

N_POINTS = 11  # that can be moved
HEADROOM = 1.5  # top of the vertical axis, as a multiple of the loss of guessing
CLOSE_UP = 0.1  # above and below the loss that a run has reached, likewise

_component = component(__file__, '<div class="predicted-curve"></div>')


def curve(
    ask: Ask,
    guessing: float,
    known: tuple[Point, ...],
    key: str,
    guess: tuple[Point, ...] = (),
    actual: tuple[Point, ...] = (),
) -> None:
    """A chart to draw in, with the mouse, a finger or the arrow keys; with a guess, it is shown and cannot change.

    Args:
        ask: the question.
        guessing: loss of guessing uniformly, in nats.
        known: points (step, loss in nats) of the curve before the part to draw; empty to draw from the beginning.
        key: of the widget; in the session state, ``points`` of its value are those drawn so far, None before the first.
        guess: points of the answer.
        actual: points of the real curve; empty before it is known.
    """
    begin, reached = known[-1] if known else (ask.from_step, guessing)
    bottom, top = _losses(guessing, reached, known + guess + actual) if known else (0.0, HEADROOM * guessing)
    data = {
        "label": ask.question,
        "steps": (ask.from_step, begin, ask.steps),
        "losses": (bottom, max([top, *(1.05 * loss for _, loss in actual)])),
        "guessing": guessing,
        "reached": reached,
        "n": N_POINTS,
        "guess": guess,
        "actual": actual or known,
    }
    _component(key=key, data=data, on_points_change=lambda: None)


def _losses(guessing: float, reached: float, points: tuple[Point, ...]) -> tuple[float, float]:
    """The ends of the vertical axis, with the loss that a run has reached in the middle: no hint at what follows."""
    reach = max([CLOSE_UP * guessing, *(abs(loss - reached) for _, loss in points)])
    return max(0.0, reached - reach), reached + reach
