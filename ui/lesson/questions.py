"""The question of a step: a widget to answer it, and what is said afterwards."""

import math
from typing import Any

import streamlit as st

from lmcore import families
from lmcore.errors import UserError
from lmcore.lessons import answers, places
from lmcore.lessons.answers import Answer, Point
from lmcore.lessons.lesson import Ask, Lesson
from lmcore.training.loss_curve import loss_curve
from ui import errors, load
from ui.forms import plain
from ui.lesson import progress
from ui.lesson.curve import curve
from ui.lesson.library import Found
from ui.lesson.position import Position, move
from ui.run import attach
from ui.server import engine

ERROR = "lesson.answer_error"  # key in the session state
MAX_ACTUAL = 100  # points of the real curve
DEFAULT_GUESSING = 3.3  # nats, where the data of a lesson cannot be read


def show(position: Position, found: Found) -> None:
    """The question; once it is answered, the answer beside the right one, and the explanation."""
    step = found.lesson.steps[position.step]
    ask, done = step.ask, progress.of(position.name, found)
    assert ask is not None
    st.markdown(f"**{plain(ask.question)}**")
    if position.step in done.answers:
        _answered(position, found.lesson, ask, done)
        return
    _widget(position, found.lesson, ask, done)
    if message := st.session_state.pop(ERROR, None):
        errors.show(message, st.warning)
    with st.container(horizontal=True):
        st.button("Answer", key=f"lesson_answer.{position}", type="primary", on_click=_take, args=(position, found))
        if ask.kind == "curve" and step.do:
            st.button("Skip", key=f"lesson_skip.{position}", on_click=move, args=(position, "actions"))


def _key(position: Position) -> str:
    return f"lesson_given.{position}"


def _take(position: Position, found: Found) -> None:
    """Keeps an answer; the run whose curve was drawn begins only now."""
    step = found.lesson.steps[position.step]
    given = st.session_state.get(_key(position))
    is_curve = step.ask is not None and step.ask.kind == "curve"
    try:
        progress.answer(position.name, found, position.step, given.get("points") if given and is_curve else given)
    except UserError as error:
        st.session_state[ERROR] = str(error)
        return
    if is_curve:
        move(position, "actions")


def _widget(position: Position, lesson: Lesson, ask: Ask, done: progress.Progress) -> None:
    """The widget of a question, which keeps what has been given so far in the session state."""
    label = plain(ask.question)
    hidden: Any = {"key": _key(position), "label_visibility": "collapsed"}
    match ask.kind:
        case "choice":
            options = range(1, len(ask.options) + 1)
            st.radio(label, options, None, format_func=lambda i: plain(ask.options[i - 1]), **hidden)
        case "number":
            unit = ask.unit or "a number"
            st.number_input(label, value=None, step=None, format="%g", placeholder=unit, **hidden)
        case "guess":
            st.text_input(label, max_chars=answers.MAX_TEXT, **hidden)
        case "curve":
            curve(ask, _guessing(lesson, position.step), _known(position, ask, done), key=_key(position))


def _answered(position: Position, lesson: Lesson, ask: Ask, done: progress.Progress) -> None:
    answer = done.answers[position.step]
    actual: tuple[Point, ...] = ()
    if isinstance(answer, tuple):
        actual = actual_curve(done.runs.get(position.step), ask)
        known, guessing = _known(position, ask, done), _guessing(lesson, position.step)
        curve(ask, guessing, known, key=f"lesson_curve.{position}", guess=answer, actual=actual)
        if not actual:
            st.caption("The real curve appears here when the run pauses.")
    else:
        st.markdown(verdict(ask, answer))
    if ask.because and (not isinstance(answer, tuple) or actual):
        st.info(plain(ask.because), icon=":material/lightbulb:")


def verdict(ask: Ask, answer: Answer) -> str:
    """The answer, and whether it is right, as Markdown."""
    own = plain(answers.in_words(ask, answer))
    right = ask.is_right(answer) if isinstance(answer, int | float) else None
    if right is None:
        return f"Your answer: {own}"
    assert ask.answer is not None
    correct = plain(answers.in_words(ask, int(ask.answer) if ask.kind == "choice" else float(ask.answer)))
    return f"✓ Correct: {own}" if right else f"✗ Your answer: {own}. Correct answer: {correct}"


def _known(position: Position, ask: Ask, done: progress.Progress) -> tuple[Point, ...]:
    """The curve of the run that a step continues, as far as it has come; empty if the step begins with another run."""
    before = [run_id for step, run_id in sorted(done.runs.items()) if step < position.step]
    return actual_curve(before[-1], ask) if ask.from_step and before else ()


def actual_curve(run_id: str | None, ask: Ask) -> tuple[Point, ...]:
    """The smoothed loss of a run between the steps of a question; empty before there is one."""
    try:
        view = engine().view(run_id) if run_id else None
    except UserError:
        view = None
    attach.note(view)
    if view is None or view.status.is_active or view.step == 0:
        return ()
    record = loss_curve(view.history, (), 2, from_start=True)
    curve = zip(record.steps, record.smoothed, strict=True)
    points = [(float(x), float(y)) for x, y in curve if ask.from_step <= x <= ask.steps]
    every = -(-len(points) // MAX_ACTUAL)
    return (*points[:-1:every], points[-1]) if points else ()


def _guessing(lesson: Lesson, step: int) -> float:
    """The loss of guessing uniformly on the page of a step, in nats: among characters, or among classes."""
    go = lesson.opened(step)
    try:
        config = None if go is None else places.run_config(lesson, go)
        return DEFAULT_GUESSING if config is None else math.log(families.sizes(load.data_of(config))[-1])
    except UserError:
        return DEFAULT_GUESSING
