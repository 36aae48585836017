"""The lessons that come with Glassbox, each with a button that begins it."""

import streamlit as st

from lmcore.lessons import reading
from ui import errors
from ui.forms import plain
from ui.lesson import library, panel


def cards() -> None:
    """One card per lesson."""
    names = reading.names()
    if not names:
        return
    st.header("Lessons")
    with st.container(key="lessons"):
        for name in names:
            with errors.told():
                _card(name)


def _card(name: str) -> None:
    lesson = library.find(name).lesson
    with st.container(border=True, key=f"lesson-{name}", gap="small"):
        st.subheader(plain(lesson.title))
        st.write(f"{lesson.minutes:g} minutes. {plain(lesson.audience)}.")
        st.button("Begin", key=f"home.begin.{name}", icon=":material/school:", on_click=panel.start, args=(name,))
