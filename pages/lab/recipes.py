import streamlit as st

from lmcore import recipes as lab
from ui import recipes, take_home
from ui.code import show_code

st.title("As it was published")
st.write("Press **Start**: each published number is ticked as the run reaches it, or marked where it **differs**.")

view = recipes.attach()
recipe = recipes.pick()
recipes.show(recipe, view)

with st.expander("Take the run home, or bring one in", icon=":material/import_export:"):
    if view is not None:
        take_home.take_along(recipes.PAGE, view)
    take_home.bring_in(recipes.PAGE)

show_code(lab.Published, lab.check, lab.saturated, lab.count_names, lab.descend_on_all_names)
