"""What the app does at a step of a lesson: it opens a page by its address, and acts on the page's run as buttons do."""

from collections import deque

import streamlit as st

from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.lessons.lesson import Do, Go, Lesson
from lmcore.runs.view import RunView
from ui import address, forms, gate, navigation
from ui.address import LESSON
from ui.corpus_picker import SOURCE
from ui.lesson.position import Position
from ui.navigation import Page
from ui.run import attach, controls, time_slider
from ui.server import engine

TODO, ERROR = "lesson.todo", "lesson.error"  # keys in the session state

WITHOUT_TEXT = {"lab/lessons", "lab/runs", "lab/recipes", "classifiers/linear", "classifiers/images"}
"""Pages without a text picker."""


def page_of(lesson: Lesson, step: int) -> Page | None:
    """The page of a step: where the last `go` up to there leads. None before the first one."""
    pages = [one.go.page for one in lesson.steps[: step + 1] if one.go is not None]
    return _find(pages[-1]) if pages else None


def _find(path: str) -> Page | None:
    return next((page for page in navigation.ALL if page.url_path == path.strip("/")), None)


def open_page(page: Page, position: Position, settings: dict[str, str | list[str]] | None = None) -> None:
    """Opens the page of a step; without settings it shows what it showed last."""
    if settings is not None and page.prefix:
        attach.show(page.prefix, None)
    navigation.open_page(page, {**(settings or {}), LESSON: str(position)})


def parameters(lesson: Lesson, go: Go) -> dict[str, str | list[str]]:
    """The settings of a step as parameters of an address."""
    page = _find(go.page)
    if page is None:
        return {}
    values: dict[str, object] = {}
    if page.folder not in WITHOUT_TEXT:
        values[SOURCE] = lesson.data
    if page.families:
        values[forms.key_of(page.prefix, "seed")] = lesson.seed
    for name, value in go.set.items():
        is_of_text = name in CorpusConfig.model_fields
        values[forms.key_of("" if is_of_text else page.prefix, name)] = value
    return address.parameters(values)


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
            controls.perform(prefix, "start", pause_at=do.until_step, pause_below=do.until_loss)
        case "pause" | "step" | "reset":
            controls.perform(prefix, do.action)
        case "rewind" if view is not None:
            time_slider.select(prefix, view, do.until_step or 0)
        case "fork" if view is not None:
            step = time_slider.selected_step(prefix, view)
            attach.show(prefix, engine().fork(view.id, step, gate.visitor(), **do.set))
        case "sample":
            _sample_again(prefix)


def _sample_again(prefix: str) -> None:
    """Draws other texts on the page Sample: with the next seed."""
    for key in list(st.session_state):
        if isinstance(key, str) and key.startswith(f"{prefix}_") and key.endswith("_seed"):
            st.session_state[key] += 1
