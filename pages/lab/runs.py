import streamlit as st

from lmcore import comparison
from lmcore.runs.run import Run
from ui import runs
from ui.code import show_code

st.title("Every run, side by side")
st.write("Select **two runs** in the table, and see where their curves part and which setting did it.")

runs.page()

show_code(
    comparison.curves, comparison.differences, comparison.parting, comparison.leaderboard, comparison.frontier, Run.fork
)
