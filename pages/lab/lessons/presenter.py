"""The presenter view of a class: notes, the clock, what comes next, and the answers as they come in."""

import functools
import time
from contextlib import suppress
from urllib.parse import urlsplit

import streamlit as st

from lmcore import figures
from lmcore.errors import UserError
from lmcore.lessons import answers, class_session
from lmcore.lessons.answers import Answer
from lmcore.lessons.class_session import ClassSession
from lmcore.lessons.lesson import Ask
from ui import announcement, errors, navigation
from ui.forms import plain
from ui.lesson import questions
from ui.live_chart import Chart, Text, live

TOKEN = "present"  # parameter of the address
EVERY = 2.0  # seconds between two looks at the answers
FOLLOW = -1  # the choice of the step where the lesson is
MAX_LISTED = 200  # texts
STYLE = "<style>.st-key-lessons-invitation h1 { font-size: clamp(2.2rem, 7vw, 4.5rem); }</style>"


def show(token: str) -> None:
    """The presenter view of the class with a token; it keeps itself up to date."""
    try:
        session = class_session.presented(token)
    except UserError as error:
        errors.show(error, st.warning)
        st.page_link(navigation.at("lessons").script, label="All lessons", icon=":material/arrow_back:")
        return
    _invitation(session)
    st.fragment(_live, run_every=EVERY)(token)
    _close(token)


def _invitation(session: ClassSession) -> None:
    """The join code in large letters, the links, and the lesson to project."""
    base = _base()
    link = f"{base}/lessons?class={session.code}"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="lessons.invitation"):
        st.html(STYLE)
        st.markdown(f"# {session.code}", width="content")
        with st.container():
            st.markdown(f"**{plain(session.lesson.title)}**")
            st.text(f"Students open {link}")
            host = urlsplit(base).hostname or ""
            if not announcement.is_open(host):
                st.caption("Only this machine can reach this address; `make run HOST=0.0.0.0` opens the app to others.")
        st.link_button("Open the lesson to project", link, icon=":material/cast:", type="primary")


def _base() -> str:
    """The address of the app, as the presenter's browser has it."""
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}{announcement.base_path()}" if parts.netloc else announcement.base_path()


# ---------------------------------------------------------------- live


@errors.told()
def _live(token: str) -> None:
    try:
        session = class_session.presented(token)
    except UserError:
        st.rerun()  # it has ended, and the page says so
    left, right = st.columns([2, 3])
    with left:
        _clock(session)
        _notes(session)
    with right:
        _answers(session)


def _clock(session: ClassSession) -> None:
    steps = session.lesson.steps
    elapsed = time.time() - session.began
    planned = 60 * sum(step.minutes for step in steps[: session.step + 1])
    late = elapsed - planned
    state = f"{_minutes(late)} behind the plan" if late > 0 else f"{_minutes(-late)} left by the plan"
    st.metric("Minutes since the class was started", _minutes(elapsed))
    in_step = _minutes(time.time() - session.reached)
    st.text(f"{state} for this step, which has taken {in_step} of {_minutes(60 * steps[session.step].minutes)}.")


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _notes(session: ClassSession) -> None:
    """The notes of the step, and the title of the next one."""
    steps, at = session.lesson.steps, session.step
    st.markdown(f"#### {at + 1}. {plain(steps[at].title)}")
    st.markdown(steps[at].notes or "*No notes.*")
    following = f"{at + 2}. {plain(steps[at + 1].title)}" if at + 1 < len(steps) else "the summary"
    st.markdown(f"**Next:** {following}")


def _answers(session: ClassSession) -> None:
    asked = {i: step.ask for i, step in enumerate(session.lesson.steps) if step.ask is not None}
    st.text(f"{session.n_students} students have answered.")
    if not asked:
        return
    chosen = st.selectbox(
        "Question",
        [FOLLOW, *asked],
        format_func=lambda i: f"{i + 1}. {asked[i].question}" if i in asked else "Where the lesson is",
        key="lessons.question",
    )
    at = chosen if chosen in asked else max((i for i in asked if i <= session.step), default=min(asked))
    ask, given = asked[at], list(session.answers.get(at, {}).values())
    st.markdown(f"**{plain(ask.question)}** ({len(given)} answers)")
    live(_picture(session, at, ask, given), key=f"lessons.answers.{at}")


def _picture(session: ClassSession, at: int, ask: Ask, given: list[Answer]) -> Chart | Text:
    if ask.kind == "guess":
        texts = [answer for answer in reversed(given) if isinstance(answer, str)]
        return Text("Guesses, latest first", "\n".join(texts[:MAX_LISTED]) or "No answers yet.")
    if ask.kind == "curve":
        actual = questions.actual_curve(session.runs.get(at), ask)
        figure = figures.predicted_curves(answers.predicted_curves(ask, given, actual))
        return Chart.of(figure, "Where the class expects the loss to go, and where it went.")
    return Chart.of(figures.answer_bars(answers.bars(ask, given)), "Bar chart of the answers of the class.")


# ---------------------------------------------------------------- the end


def _close(token: str) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "Download the answers (CSV)",
            functools.partial(class_session.export, token),
            "answers.csv",
            "text/csv",
            key="lessons.export",
            on_click="ignore",
            icon=":material/table:",
        )
        with st.popover("End the class", icon=":material/stop_circle:"):
            st.write("This deletes all answers for good. Download them first if you want to keep them.")
            st.button("End it, and delete the answers", key="lessons.end", on_click=_end, args=(token,))


def _end(token: str) -> None:
    with suppress(UserError):  # it had ended already
        class_session.end(token)
