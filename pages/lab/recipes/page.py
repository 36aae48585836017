import streamlit as st

from lmcore.recipes.recipes import recipes as lab
from pages.lab import shared
from pages.lab.recipes import parts
from ui.show_code import show_code

st.title("As it was published")
st.write("Press **Start**: each published number is ticked as the run reaches it, or marked where it **differs**.")

view = parts.attach()
recipe = parts.pick()
parts.show(recipe, view)

with st.expander("Take the run home, or bring one in", icon=":material/import_export:"):
    if view is not None:
        shared.take_along(parts.PAGE, view)
    shared.bring_in(parts.PAGE)

show_code(lab.Published, lab.check, lab.saturated, lab.count_names, lab.descend_on_all_names)
