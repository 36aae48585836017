import streamlit as st

from lmcore.lessons import answers, class_session, lesson
from pages.lab.lessons import choice, presenter
from ui.explain import explain
from ui.show_code import show_code

st.write("A lesson leads through the pages, step by step. It asks **before** it shows: what do you expect?")

if token := st.query_params.get(presenter.TOKEN):
    presenter.show(token)
else:
    choice.show()

explain(__file__)
show_code(lesson.Step, lesson.Ask, answers.checked, class_session.answer)
