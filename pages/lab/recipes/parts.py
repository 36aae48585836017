"""The parts of the Recipes page."""

import functools
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data import corpora, sources
from lmcore.errors import UserError
from lmcore.recipes import recipes
from lmcore.recipes.recipes import RECIPES, Check, Computed, Evidence, Recipe, Start
from lmcore.runs.engine import RunView
from lmcore.runs.run import Status
from lmcore.training.history import LossCurve, loss_curve
from ui.corpus_picker import offer_download
from ui.live_chart import Chart, Numbers, live
from ui.run import panel
from ui.server import engine

PAGE = "recipes"
CHOSEN = "recipe"  # the key of the picker, and its name in the address
MARKS = {"reached": "✓ reached", "differs": "≠ differs", "not yet": "… not yet"}


# ---------------------------------------------------------------- which recipe


def attach() -> RunView | None:
    """The run that the page shows, and the recipe it belongs to; a run of no recipe is left alone."""
    view = panel.attach(PAGE, {})
    if view is None:
        return None
    name = recipes.name_of(view.config)
    if name is None:
        st.warning("The run in the address follows no recipe. Look at it on the page of its model.")
        panel.detach(PAGE)
        return None
    if st.session_state.get(f"{PAGE}.shown") != view.id:
        st.session_state[CHOSEN], st.session_state[f"{PAGE}.shown"] = name, view.id
    st.session_state.setdefault(f"{PAGE}.runs", {})[name] = view.id
    return view


def pick() -> Recipe:
    """The recipe that is chosen in the sidebar; the address holds its name."""
    if CHOSEN not in st.session_state and st.query_params.get(CHOSEN) in RECIPES:
        st.session_state[CHOSEN] = st.query_params[CHOSEN]
    with st.sidebar:
        name = st.selectbox(
            "Recipe",
            list(RECIPES),
            list(RECIPES).index("mlp-kaiming"),
            format_func=lambda name: RECIPES[name].title,
            key=CHOSEN,
            persist_state="session",
            on_change=_other_recipe,
        )
        recipe = RECIPES[name]
        st.write(recipe.about)
        st.caption(f"Source: {recipe.source}.")
        _settings(recipe)
    st.query_params[CHOSEN] = name
    return recipe


def _other_recipe() -> None:
    """The run of the recipe before is left as it is; one that this recipe has had is shown again."""
    panel.detach(PAGE)
    run_id = st.session_state.get(f"{PAGE}.runs", {}).get(st.session_state[CHOSEN])
    if run_id is not None:
        st.query_params["run"] = run_id


def _settings(recipe: Recipe) -> None:
    """What a recipe sets, where it is not what everything starts with."""
    if recipe.config is None:
        return
    with st.expander("Settings"):
        for part in (recipe.config.corpus, recipe.config.model, recipe.config.train):
            for name, value in part.model_dump(exclude_defaults=True).items():
                st.text(f"{name.replace('_', ' ')}: {value}")


# ---------------------------------------------------------------- what came of it


def show(recipe: Recipe, view: RunView | None) -> None:
    """Published numbers against measured ones, live; where the text is missing, its download."""
    source = next(source for source in sources.catalog() if source.name == recipe.needs)
    if not source.available:
        place = st.container()
        _pictures(recipe, [Check(published, None, "not yet") for published in recipe.published], None)
        with place:
            offer_download(source)
        return
    if recipe.config is None:
        _computed(recipe)
        return
    panel.buttons(PAGE, recipe.config, view)
    if message := st.session_state.pop(f"{PAGE}.error", None):
        st.error(message)
    active = view is not None and view.status.is_active
    st.fragment(_live, run_every=0.5 if active else None)(recipe, view.id if view else None, active)
    if recipe.asks_for_test and view is not None and view.status == Status.FINISHED:
        st.button("Look at the test loss", key=f"{PAGE}.test", on_click=_look, args=(view.id,))


def _look(run_id: str) -> None:
    try:
        engine().look_at_test(run_id)
    except UserError as error:
        st.session_state[f"{PAGE}.error"] = str(error)


@functools.lru_cache(maxsize=64)
def _start(config: Any) -> Start:
    return recipes.start(config)


def _live(recipe: Recipe, run_id: str | None, was_active: bool) -> None:
    view = None if run_id is None else engine().view(run_id)
    if view is not None and was_active and not view.status.is_active:
        st.rerun()  # once, when the run comes to rest
    if view is not None and (view.message or view.warning):
        (st.error if view.status == Status.FAILED else st.warning)(view.message or view.warning)
    # Until its first slice is back, a run shows what its first step does: nothing flickers.
    begun = view is not None and len(view.history.head) and view.snapshots
    evidence: Evidence = view if view is not None and begun else _start(recipe.config)
    _pictures(recipe, recipes.check(recipe, evidence), _curve(evidence), view)


def _curve(evidence: Evidence) -> LossCurve:
    corpus = corpora.load(evidence.config.corpus)
    return loss_curve(evidence.history, tuple(evidence.snapshots), len(corpus.vocabulary), from_start=True)


@functools.lru_cache(maxsize=8)
def _results(name: str) -> Computed:
    compute = RECIPES[name].compute
    assert compute is not None
    return compute()


def _computed(recipe: Recipe) -> None:
    st.caption("Nothing is trained here: the numbers are computed at once, from all the names.")
    with st.spinner("Computing…"):
        computed = _results(next(name for name, known in RECIPES.items() if known is recipe))
    checks = recipes.check_computed(recipe, computed)
    size = len(corpora.load(recipes.NAMES).vocabulary)
    curve = loss_curve(computed.losses, (), size, from_start=True) if computed.losses.steps else None
    _pictures(recipe, checks, curve and replace(curve, smoothed=curve.losses))  # every step sees all: no noise


def _pictures(recipe: Recipe, checks: list[Check], curve: LossCurve | None, view: RunView | None = None) -> None:
    finding = recipes.finding(checks)
    parts: list[Numbers | Chart] = [Numbers(_numbers(recipe, checks, view))]
    board = Chart.of(figures.recipe_board(recipes.board(checks)), finding, columns=4 if curve else 10)
    if curve is not None:
        steps = recipe.config.train.steps if recipe.config else int(curve.steps[-1])
        picture = figures.recipe_curve(curve, recipes.targets(checks), steps)
        parts.append(Chart.of(picture, f"Loss on its way to the published losses. {finding}", columns=6))
    live(*parts, board, key=f"{PAGE}.live")
    st.dataframe(_table(checks), hide_index=True)
    summed = max(check.published.characters for check in checks)
    unit = "nats per character" if summed == 1 else f"nats per sequence of {summed} characters"
    st.caption(f"Losses in {unit}. {finding}")


def _numbers(recipe: Recipe, checks: list[Check], view: RunView | None) -> tuple[tuple[str, str], ...]:
    counts = [(mark, f"{sum(check.verdict == verdict for check in checks)}") for verdict, mark in MARKS.items()]
    if recipe.config is None:
        return tuple(counts)
    running = view is not None and view.status == Status.RUNNING and view.steps_per_second > 0
    left = view.seconds_left if view is not None and running else None
    return (
        (f"Step (of {recipe.config.train.steps:,})", f"{view.step:,}" if view else "0"),
        *counts,
        ("Steps per second", f"{view.steps_per_second:,.0f}" if view and running else "–"),
        ("Minutes left", "–" if left is None else f"{left / 60:.1f}"),
    )


def _table(checks: list[Check]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "": [MARKS[check.verdict] for check in checks],
            "number": [check.published.what for check in checks],
            "measured": [
                "–" if check.measured is None else recipes.shown(check.published, check.measured) for check in checks
            ],
            "published": [recipes.expected(check.published) for check in checks],
        }
    )
