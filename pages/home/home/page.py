from pathlib import Path

import streamlit as st

from pages.home.home import course, start

st.write(
    "Train small language models live, and look inside them while they learn. From counting letters to an LSTM, watch "
    "weights, gradients and samples change step by step."
)

st.html(Path(__file__).with_suffix(".css"))
start.link()
runs = st.container()  # filled last: the server may still be starting
course.path()


def what_needs_the_models() -> None:
    from pages.home.home import ladder, lessons  # takes seconds after a start of the server

    lessons.cards()
    ladder.picture()
    course.beside_the_path()
    with runs:
        start.latest_runs()


what_needs_the_models()
