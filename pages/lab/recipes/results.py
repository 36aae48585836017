"""The numbers of a recipe: published against measured, live while the run trains."""

from collections.abc import Callable, Hashable
from dataclasses import replace

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.data import sources
from lmcore.errors import UserError
from lmcore.recipes import recipe as recipes
from lmcore.recipes.computed import NAMES
from lmcore.recipes.published import RECIPES, measure_recipe
from lmcore.recipes.recipe import Check, Computed, Evidence, Recipe
from lmcore.runs.run import Status
from lmcore.runs.view import RunView
from lmcore.training.loss_curve import LossCurve, loss_curve
from ui import busy, errors, load
from ui.computed import computed
from ui.corpus_picker import offer_download
from ui.live_chart import COLUMNS, Chart, Numbers, live
from ui.run import controls, panel
from ui.server import engine

MARKS = {"reproduced": "✓ reproduced", "differs": "≠ differs", "pending": "… pending"}


def show(page: str, recipe: Recipe, view: RunView | None) -> None:
    """The buttons of the run and its numbers; a download button if the text is missing."""
    source = next((source for source in sources.catalog() if source.name == recipe.text), None)
    if source is not None and not source.is_available:
        download = st.container()
        _show_checks(page, recipe, recipes.check(recipe, None), None)
        with download:
            offer_download(source)
        return
    if recipe.config is None:
        _show_computed(page, recipe)
        return
    controls.buttons(page, recipe.config, view, recipe.changes)
    controls.show_error(page)
    active = view is not None and view.status.is_active
    st.fragment(_show_run, run_every=0.5 if active else None)(page, recipe, view.id if view else None, active)
    if recipe.evaluates_test and view is not None and view.status == Status.FINISHED:
        st.button(
            "Evaluate on the test split", key=f"{page}.test", on_click=controls.evaluate_on_test, args=(page, view.id)
        )


# ---------------------------------------------------------------- a recipe that trains


@errors.told()
def _show_run(page: str, recipe: Recipe, run_id: str | None, was_active: bool) -> None:
    """The numbers of a run, redrawn by a fragment while it trains."""
    view = None if run_id is None else engine().view(run_id)
    if view is not None and was_active and not view.status.is_active:
        st.rerun()  # once, when the run ends: the buttons change and polling stops
    for text in filter(None, (view.message, view.warning) if view is not None else ()):
        errors.show(text, st.error if view is not None and view.status == Status.FAILED else st.warning)
    # Until the first slice of a run is back, the page keeps showing the untrained model, so that nothing flickers.
    has_begun = view is not None and len(view.history.head) and view.snapshots
    assert recipe.config is not None
    evidence: Evidence = view if view is not None and has_begun else _first_step(recipe.config)
    _show_checks(page, recipe, recipes.checks(recipe, _measured(_name_of(recipe), evidence)), _curve(evidence), view)


def _name_of(recipe: Recipe) -> str:
    return next(name for name, other in RECIPES.items() if other is recipe)


def _key(name: str, evidence: Evidence) -> Hashable:
    """What the numbers depend on: they change when the run has been measured again."""
    last = evidence.snapshots[-1] if evidence.snapshots else None
    return name, getattr(evidence, "id", ""), last and last.step, len(evidence.test_evaluations)


@cached(max_bytes=1_000_000, key=_key)
def _measured(name: str, evidence: Evidence) -> list[float | None]:
    values: list[float | None] = engine().compute(measure_recipe, name, evidence)
    return values


_first_step = computed(recipes.first_step, 100_000_000)


def _curve(evidence: Evidence) -> LossCurve:
    corpus = load.corpus(evidence.config.corpus)
    return loss_curve(evidence.history, tuple(evidence.snapshots), len(corpus.vocabulary), from_start=True)


# ---------------------------------------------------------------- a recipe that is computed at once


def _show_computed(page: str, recipe: Recipe) -> None:
    st.caption("This recipe is not a training run: its numbers are computed at once, from all examples.")
    assert recipe.compute is not None
    try:
        with busy.spinner("Computing…"):
            result = _compute(recipe.compute)
    except UserError as error:
        errors.show(error, st.warning)
        _show_checks(page, recipe, recipes.check(recipe, None), None)
        return
    checks = recipes.check(recipe, result)
    curve = None
    if result.history.steps:
        n_characters = len(load.corpus(NAMES).vocabulary)
        curve = loss_curve(result.history, (), n_characters, from_start=True)
        curve = replace(curve, smoothed=curve.losses)  # every step uses all examples: there is no noise to smooth
    _show_checks(page, recipe, checks, curve)


@cached(max_bytes=20_000_000)
def _compute(compute: Callable[[], Computed]) -> Computed:
    result: Computed = engine().compute(compute)
    return result


# ---------------------------------------------------------------- pictures


def _show_checks(
    page: str, recipe: Recipe, checks: list[Check], curve: LossCurve | None, view: RunView | None = None
) -> None:
    """Progress, the loss curve with the published losses, the deviation of each number, and all numbers as a table."""
    summary = recipes.summarize(checks)
    parts: list[Numbers | Chart] = [Numbers(_numbers(recipe, checks, view))]
    if curve is not None:
        steps = recipe.config.train.steps if recipe.config else int(curve.steps[-1])
        picture = figures.plain_loss_chart(
            curve,
            log_x=True,
            log_y=None,
            last_x=steps,
            targets=recipes.published_losses(checks),
            empty=f"{panel.invitation(view)} The stars are the published losses.",
        )
        parts.append(Chart.of(picture, f"Loss curve with the published losses. {summary}", columns=6))
    deviations = figures.recipe_deviations(recipes.deviations(checks))
    live(*parts, Chart.of(deviations, summary, columns=COLUMNS if curve is None else 4), key=f"{page}.live")
    st.dataframe(_table(checks), hide_index=True)
    n_characters = max(check.published.n_characters for check in checks)
    unit = "nats per character" if n_characters == 1 else f"nats per sequence of {n_characters} characters"
    st.caption(f"Losses in {unit}. {summary}")


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
    reasons = [check.published.reason for check in checks]
    measured = [None if one.measured is None else one.published.format(one.measured) for one in checks]
    return pd.DataFrame(
        {
            "": [MARKS[check.verdict] for check in checks],
            "number": [check.published.name for check in checks],
            "measured": [text or "–" for text in measured],
            "published": [str(check.published) for check in checks],
        }
        | ({"tolerance": reasons} if any(reasons) else {})
    )
