"""The lessons to choose from, one's own lesson files, and the way into a class."""

import re
from pathlib import Path

import streamlit as st

from lmcore.errors import UserError
from lmcore.lessons import class_session, reading
from lmcore.lessons.lesson import Lesson
from pages.lab.lessons import presenter
from ui import address, errors, gate, navigation
from ui.forms import counted, plain
from ui.lesson import library, panel
from ui.server import engine

CLASS = "class"  # parameter of the address: the code of the class to join
OWN, ERROR = "lessons.own", "lessons.error"  # keys in the session state


def show() -> None:
    """The list of lessons, and how to join a class or bring a lesson of one's own."""
    if codes := address.newly_named(CLASS):
        st.query_params.pop(CLASS, None)
        _join(codes[-1])
    if message := st.session_state.pop(ERROR, None):
        errors.show(message)
    _join_form()
    for name in reading.names():
        with errors.told():
            _card(name, library.find(name).lesson)
    _own_lessons()
    with st.expander("For teachers", icon=":material/co_present:", key="lessons.teachers"):
        st.markdown(
            "- **Start a class** gives you a join code for your students, and a presenter view with your notes, a "
            "clock, and the answers of the class as they come in. Students need no account and stay anonymous.\n"
            "- Project the lesson, keep the presenter view to yourself. *Page Up* and *Page Down* move, as a "
            "presenter's remote does; *Present* enlarges the page.\n"
            "- A lesson is one Markdown file: `docs/LESSONS.md` in the repository describes its format, and "
            "`python -m lmcore lesson check FILE` checks yours. Upload it here."
        )


# ---------------------------------------------------------------- classes


def _join_form() -> None:
    with st.form("lessons.join", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        code = st.text_input("Class code", key="lessons.code", max_chars=20, placeholder="K7QXPM", width=180)
        pressed = st.form_submit_button("Join the class", key="lessons.join_go", icon=":material/group:")
    if pressed:
        _join(code)


def _join(code: str) -> None:
    """Takes part in a class, from the first step of its lesson."""
    try:
        session = class_session.join(code)
    except UserError as error:
        errors.show(error)
        return
    panel.start(library.name_of_class(session.code))
    st.rerun()


def _start_class(lesson: Lesson) -> None:
    """Starts a class, and opens the presenter view."""
    try:
        started = class_session.start(lesson, gate.visitor())
    except UserError as error:
        errors.show(error)
        return
    navigation.open_page(navigation.at("lessons"), {presenter.TOKEN: started.token})


# ---------------------------------------------------------------- lessons


def _card(name: str, lesson: Lesson) -> None:
    """A lesson, and the buttons that begin it."""
    with st.container(border=True, key=f"lessons.card.{name}"):
        st.markdown(f"#### {plain(lesson.title)}")
        questions = sum(step.ask is not None for step in lesson.steps)
        st.caption(
            f"{lesson.minutes:g} minutes · {counted(len(lesson.steps), 'step')} · {counted(questions, 'question')}"
        )
        st.write(plain(lesson.audience))
        with st.container(horizontal=True):
            st.button("Start", key=f"lessons.start.{name}", type="primary", on_click=panel.start, args=(name,))
            if st.button("Start a class", key=f"lessons.class.{name}", icon=":material/co_present:"):
                _start_class(lesson)


def _own_lessons() -> None:
    with st.expander("Use your own lesson", icon=":material/upload_file:", key="lessons.upload_box"):
        st.file_uploader("Upload a lesson file", "md", key="lessons.upload", on_change=_keep_upload, max_upload_size=1)
    own: list[str] = st.session_state.get(OWN, [])
    for name in own:
        with errors.told():
            _card(name, library.find(name).lesson)


def _keep_upload() -> None:
    file = st.session_state["lessons.upload"]
    if file is None:
        return
    stem = re.sub(r"[^a-z0-9]+", "-", Path(file.name).stem.lower()).strip("-")[:60] or "lesson"
    try:
        name = library.keep(engine().compute(reading.decode, file.getvalue(), stem))
    except UserError as error:
        st.session_state[ERROR] = f"{file.name[:60]}: {error}"
        return
    own = st.session_state.setdefault(OWN, [])
    own[:] = [*(one for one in own if one != name), name][-10:]
