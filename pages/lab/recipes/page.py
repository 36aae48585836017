import streamlit as st

from lmcore.recipes import computed, measures, recipe
from pages.lab import shared
from pages.lab.recipes import picker, results
from ui.explain import explain
from ui.show_code import show_code

PAGE = "recipes"

st.write("Press **Start** to repeat a published experiment. Which of its numbers do you **reproduce**?")

view = picker.shown_run(PAGE)
chosen = picker.pick(PAGE)
results.show(PAGE, chosen, view)

with st.expander("Export or import a run", icon=":material/import_export:"):
    if view is not None:
        shared.export_buttons(PAGE, view)
    shared.import_run(PAGE)

explain(__file__)
show_code(
    recipe.PublishedNumber, recipe.check, measures.saturation, computed.count_bigrams, computed.train_neural_bigram
)
