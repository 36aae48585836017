"""The recipe that the page shows: chosen in the sidebar, named in the address, or the one that a linked run follows."""

import streamlit as st

from lmcore.recipes.published import RECIPES, matching_recipe
from lmcore.recipes.recipe import Recipe
from lmcore.runs.view import RunView
from ui import navigation
from ui.run import attach

DEFAULT = "mlp-kaiming"
RECIPE = "recipe"  # key of the widget, and its name in the address


def shown_run(page: str) -> RunView | None:
    """The run that the page shows; its recipe becomes the chosen one. Without a run, the address may name a recipe."""
    view = attach.shown_run(page, {}, shows=lambda config: matching_recipe(config) is not None)
    name = matching_recipe(view.config) if view else None
    if view is not None and name is not None:
        st.session_state.setdefault(f"{page}.runs", {})[name] = view.id
    elif st.session_state.get(f"{page}.visit") != navigation.visit():
        name = st.query_params.get(RECIPE)
    st.session_state[f"{page}.visit"] = navigation.visit()
    if name in RECIPES and name != st.session_state.get(RECIPE):
        st.session_state[RECIPE] = name
    return view


def pick(page: str) -> Recipe:
    """The recipe chosen in the sidebar; the address names it."""
    with st.sidebar:
        name = st.selectbox(
            "Recipe",
            list(RECIPES),
            list(RECIPES).index(DEFAULT),
            format_func=lambda name: RECIPES[name].title,
            key=RECIPE,
            persist_state="session",
            on_change=_switch,
            args=(page,),
        )
        recipe = RECIPES[name]
        st.write(recipe.description)
        st.caption(f"Source: {recipe.source}. About {recipe.minutes:g} minutes on one core.")
        _show_settings(recipe)
    st.query_params[RECIPE] = name
    return recipe


def _switch(page: str) -> None:
    """Leaves the run of the previous recipe as it is, and shows the latest run of the new one, if there is one."""
    attach.show(page, st.session_state.get(f"{page}.runs", {}).get(st.session_state[RECIPE]))


def _show_settings(recipe: Recipe) -> None:
    """The settings of a recipe that differ from their defaults."""
    if recipe.config is None:
        return
    with st.expander("Settings"):
        for part in (recipe.config.corpus, recipe.config.model, recipe.config.train):
            for name, value in part.model_dump(exclude_defaults=True).items():
                st.text(f"{name.replace('_', ' ')}: {value}")
        for change in recipe.changes:
            for name, value in change.settings.items():
                st.text(f"{name.replace('_', ' ')} from step {change.step:,}: {value}")
