"""The panel of the lesson that a visitor plays: beside every page, or below it on a narrow screen."""

import streamlit as st

from lmcore.errors import UserError
from lmcore.lessons import class_session
from lmcore.lessons.lesson import Lesson
from ui import errors, gate
from ui.component import component
from ui.forms import plain
from ui.lesson import actions, library, places, progress, questions, summary
from ui.lesson import position as positions
from ui.lesson.library import Found
from ui.lesson.position import Move, Position, move
from ui.navigation import Page
from ui.run import attach

ARRIVED = "lesson.arrived"  # key in the session state: the position whose page was shown last

_component = component(__file__, '<div class="lesson-pointer"></div>')


def start(name: str) -> None:
    """Begins a lesson; for callbacks."""
    progress.forget(name)
    move(Position(name, 0))


# ---------------------------------------------------------------- setting up


def show(here: Page, position: Position, moved: Move | None) -> None:
    """Sets up a step of a lesson and draws the panel. Call it before the page runs.

    Args:
        here: the page that is about to be drawn.
        position: the step.
        moved: what has to be set up.
    """
    try:
        _play(here, position, library.find(position.name), moved)
    except UserError as error:
        positions.put(None)
        errors.show(error, st.warning)


def _play(here: Page, position: Position, found: Found, moved: Move | None) -> None:
    lesson, step = found.lesson, position.step
    if step > len(lesson.steps):
        position = Position(position.name, len(lesson.steps))
        positions.put(position)
    done = progress.of(position.name, found)
    if moved is not None:
        _set_up(here, position, lesson, moved, step in done.answers)
    if actions.page_of(lesson, step) in (here, None):
        _arrive(here, position, lesson)
        actions.proceed(here)
        if here.prefix and (run_id := attach.run_id_of(here.prefix)) is not None:
            done.runs[step] = run_id
    if found.code:
        class_session.move(found.code, gate.visitor(), min(step, len(lesson.steps) - 1), done.runs.get(step, ""))
    st.fragment(_panel)(here, position, found)


def _set_up(here: Page, position: Position, lesson: Lesson, what: Move, answered: bool) -> None:
    """Opens the page of a step, and plans its actions. Where a curve is to be drawn, they wait until it is."""
    page = actions.page_of(lesson, position.step)
    if what != "page" and position.step < len(lesson.steps):
        step = lesson.steps[position.step]
        waits = what == "everything" and step.ask is not None and step.ask.kind == "curve" and not answered
        actions.plan(() if waits else step.do)
        if what == "everything" and page is not None and step.go is not None:
            actions.set_up_page(page, position, lesson, step.go)
    if page is not None and page != here:
        actions.open_page(page, position)


def _arrive(here: Page, position: Position, lesson: Lesson) -> None:
    """Opens the tab that a step points into, once."""
    if st.session_state.get(ARRIVED) == position:
        return
    st.session_state[ARRIVED] = position
    if point := _point(here, position, lesson):
        places.open_tab(here, point)


def _point(here: Page, position: Position, lesson: Lesson) -> str:
    """The place on this page that a step points at; empty if there is none."""
    if position.step == len(lesson.steps) or actions.page_of(lesson, position.step) != here:
        return ""
    return lesson.steps[position.step].point or ""


# ---------------------------------------------------------------- drawing


@errors.told()
def _panel(here: Page, position: Position, found: Found) -> None:
    if positions.has_moved():
        st.rerun()
    lesson, n_steps = found.lesson, len(found.lesson.steps)
    with st.container(key="lesson"):
        _header(position, found)
        _buttons(here, position, lesson)
        if position.step < n_steps:
            _step(position, found)
        else:
            summary.show(lesson, progress.of(position.name, found))
    selector = places.selector(here, point) if (point := _point(here, position, lesson)) else ""
    _component(key="lesson_pointer", data={"selector": selector, "step": str(position)})


def _header(position: Position, found: Found) -> None:
    n_steps = len(found.lesson.steps)
    st.caption(plain(found.lesson.title))
    where = f"Step {position.step + 1} of {n_steps}" if position.step < n_steps else "Summary"
    where += f" · class {found.code}" if found.code else ""
    st.progress(min(1.0, position.step / n_steps), where)


def _step(position: Position, found: Found) -> None:
    step = found.lesson.steps[position.step]
    st.markdown(f"#### {plain(step.title)}")
    if step.prose:
        st.markdown(step.prose)
    if message := st.session_state.get(actions.ERROR):
        errors.show(message, st.warning)
    if step.ask is not None:
        questions.show(position, found)


def _buttons(here: Page, position: Position, lesson: Lesson) -> None:
    name, at, n_steps = position.name, position.step, len(lesson.steps)
    page = actions.page_of(lesson, at)
    with st.container(horizontal=True, key="lesson_buttons"):
        st.button(
            "Back", key=f"lesson_back.{at}", disabled=at == 0, on_click=move, args=(Position(name, at - 1), "page")
        )
        st.button(
            "Next" if at + 1 < n_steps else "Summary",
            key=f"lesson_next.{at}",
            type="primary",
            disabled=at >= n_steps,
            on_click=move,
            args=(Position(name, at + 1),),
        )
        if page is not None and page != here:
            st.button("Back to the lesson", key="lesson_return", on_click=move, args=(position, "page"))
        elif at < n_steps and (lesson.steps[at].go or lesson.steps[at].do):
            st.button(
                "Repeat",
                key="lesson_repeat",
                on_click=move,
                args=(position,),
                help="Set up the page of this step again, and do again what the step does.",
            )
        st.button("End", key="lesson_end", on_click=move, args=(None,), help="Leave the lesson.")
