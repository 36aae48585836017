import streamlit as st

from lmcore.runs import comparison
from lmcore.runs.run import Run
from pages.lab.runs import parts
from ui.show_code import show_code

st.title("Every run, side by side")
st.write("Select **two runs** in the table, and see where their curves part and which setting did it.")

parts.page()

show_code(
    comparison.curves, comparison.differences, comparison.parting, comparison.leaderboard, comparison.frontier, Run.fork
)
