"""What the app does at a step of a lesson: it opens a page by its address, and acts on the page's run as buttons do."""

from collections import deque
from typing import NoReturn

import streamlit as st

from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig
from lmcore.lessons import places
from lmcore.lessons.lesson import Do, Go, Lesson
from lmcore.runs.view import RunView
from ui import address, gate, given, navigation
from ui.address import LESSON
from ui.corpus_picker import SOURCE
from ui.lesson.position import Position
from ui.navigation import Page
from ui.run import attach, controls, time_slider
from ui.server import engine

TODO, ERROR = "lesson.todo", "lesson.error"  # keys in the session state
SAMPLE_SEED = "sample_seed"  # the same, of the widget on the page Bigram


def page_of(lesson: Lesson, step: int) -> Page | None:
    """The page of a step: where the last `go` up to there leads. None before the first one."""
    go = lesson.opened(step)
    return None if go is None else navigation.at(go.page)


def open_page(page: Page, position: Position) -> NoReturn:
    """Opens the page of a step; it shows what it showed last."""
    navigation.open_page(page, {LESSON: str(position)})


def set_up_page(page: Page, position: Position, lesson: Lesson, go: Go) -> NoReturn:
    """Opens the page of a step with the settings of the step; those that it does not give are the page's defaults."""
    if page.prefix:
        attach.show(page.prefix, None)
    values = places.parameters(lesson, go, page.prefix)
    for key, value in values.items():
        given.announce(key, value)
    registered = places.find(go.page)
    defaults = places.by_key(registered, registered.settings().model_dump(), page.prefix)
    changed = {key: value for key, value in values.items() if key == SOURCE or value != defaults.get(key)}
    navigation.open_page(page, {**address.parameters(changed), LESSON: str(position)})


# ---------------------------------------------------------------- what happens to the run


def plan(actions: tuple[Do, ...]) -> None:
    """Keeps what is to be done, in this order; `proceed` does it, and forgets what was planned before."""
    st.session_state[TODO] = deque(actions)
    st.session_state.pop(ERROR, None)


def proceed(page: Page) -> None:
    """Does what is planned as far as it can be done now. Call it before each full run of the page's script.

    An action waits until the run that an earlier one started has paused; then the page runs again by itself.
    """
    todo: deque[Do] = st.session_state.get(TODO) or deque()
    while todo:
        run_id = attach.run_id_of(page.prefix)
        try:
            view = None if run_id is None else engine().view(run_id)
            attach.note(view)
            if view is not None and view.status.is_active and todo[0].action != "pause":
                return
            action = todo.popleft()
            _act(page, action, view)
        except UserError as error:
            todo.clear()
            st.session_state[ERROR] = str(error)
            return
        if action.action in ("start", "step", "pause"):
            return  # what follows waits for its effect


def _act(page: Page, do: Do, view: RunView | None) -> None:
    prefix = page.prefix
    match do.action:
        case "start" if view is None or do.until_step is None or view.step < do.until_step:
            time_slider.release(prefix)
            controls.perform(prefix, "start", pause_at=do.until_step, pause_below=do.until_loss)
        case "pause" | "step" | "reset":
            time_slider.release(prefix)
            controls.perform(prefix, do.action)
        case "rewind" if view is not None:
            time_slider.select(prefix, view, do.until_step or 0)
        case "fork" if view is not None:
            step = time_slider.selected_step(prefix, view)
            attach.show(prefix, engine().fork(view.id, step, gate.visitor(), **do.set))
        case "sample":  # with other random draws, where the page draws texts on request
            st.session_state[SAMPLE_SEED] = st.session_state.get(SAMPLE_SEED, SampleConfig().seed) + 1
