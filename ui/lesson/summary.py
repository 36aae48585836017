"""The end of a lesson: what was right, and what was surprising."""

import streamlit as st

from lmcore.lessons.lesson import Ask, Lesson
from ui.forms import plain
from ui.lesson import questions
from ui.lesson.progress import Progress


def show(lesson: Lesson, done: Progress) -> None:
    """Every question with the answer that was given; surprises with their explanation."""
    st.markdown("#### Summary")
    asked = [(i, step.ask) for i, step in enumerate(lesson.steps) if step.ask is not None]
    if not asked:
        st.write("This lesson asked nothing.")
        return
    checked = [(i, ask) for i, ask in asked if ask.kind in ("choice", "number") and ask.answer is not None]
    if checked:
        right = sum(_is_right(ask, done, i) is True for i, ask in checked)
        st.write(f"You were right in **{right} of {len(checked)}** questions.")
    for i, ask in asked:
        st.markdown(f"**{plain(ask.question)}**  \n{_line(ask, done, i)}")
        if ask.because and _is_right(ask, done, i) is False:
            st.caption(f"Surprising? {plain(ask.because)}")


def _is_right(ask: Ask, done: Progress, step: int) -> bool | None:
    answer = done.answers.get(step)
    return ask.is_right(answer) if isinstance(answer, int | float) else None


def _line(ask: Ask, done: Progress, step: int) -> str:
    answer = done.answers.get(step)
    if answer is None:
        return "Not answered."
    if not isinstance(answer, tuple):
        return questions.verdict(ask, answer)
    actual = questions.actual_curve(done.runs.get(step), ask)
    guessed = f"You expected a loss of {answer[-1][1]:.2f} nats at step {answer[-1][0]:,.0f}"
    return f"{guessed}; it was {actual[-1][1]:.2f}." if actual else f"{guessed}."
