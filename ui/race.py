"""A race: several runs that start together and share one chart. They are ordinary runs, and train on unwatched."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.inspection import advice
from lmcore.runs.run import Status
from lmcore.runs.view import RunView
from lmcore.training.loss_curve import LossCurve, loss_curve, rescale
from ui import errors, forms, gate, load
from ui.live_chart import Chart, live
from ui.run import attach
from ui.server import engine

RACE = "race"  # the parameter of the address that names the runs
MAX_RUNS = 6
INVITATION = "Press “Start the race” to train these runs."

Draw = Callable[[str, dict[str, RunView], bool], None]
"""Draws a race, given the page's prefix, the runs by name, and whether the horizontal axis is logarithmic."""


def race(
    page: str,
    entrants: Mapping[str, AnyRunConfig],
    name_of: Callable[[Any], str],
    model_families: Sequence[str],
    by_time: bool = False,
    draw: Draw | None = None,
) -> None:
    """The buttons, the chart and the table of a race. The address names its runs.

    Args:
        page: prefix of the page's widget keys.
        entrants: the runs to start, by name; all with the same text, seed and number of steps.
        name_of: display name of a run, from its config.
        model_families: of the runs; a link may name others.
        by_time: whether the chart starts out over training time instead of steps.
        draw: draws the runs; by default as language models.
    """
    ids = _shown_runs(page, model_families)
    active = any(engine().view(run_id).status.is_active for run_id in ids)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Start the race",
            key=f"{page}.race_go",
            type="primary",
            icon=":material/sports_score:",
            disabled=not 1 <= len(entrants) <= MAX_RUNS or active,
            on_click=_start,
            args=(page, entrants, ids),
            help=f"Trains up to {MAX_RUNS} runs side by side, all with the same seed and the same minibatches.",
        )
        st.button(
            "Stop", key=f"{page}.race_stop", icon=":material/stop:", disabled=not active, on_click=_stop, args=(ids,)
        )
        log = st.toggle("Logarithmic", key=f"{page}.race_log", help="Logarithmic horizontal axis.")
        over_time = draw is None and st.toggle(
            "Over time", by_time, key=f"{page}.race_time", help="Training time in seconds instead of steps."
        )
    if message := st.session_state.pop(f"{page}.race_error", None):
        errors.show(message)
    if any(engine().view(run_id).config not in entrants.values() for run_id in ids):
        st.caption("These runs have other settings than those selected. Start the race again to compare the latter.")
    draw_race = draw or functools.partial(_draw_language_models, over_time=over_time)
    st.fragment(_live, run_every=0.5 if active else None)(page, ids, name_of, active, log, draw_race)


# ---------------------------------------------------------------- which runs


def _shown_runs(page: str, model_families: Sequence[str]) -> list[str]:
    """Ids of the runs in the address, else of the last race on this page, without those that cannot be shown."""
    text: str = st.query_params.get(RACE) or st.session_state.get(_key(page), "")
    ids = []
    for run_id in text.split(".")[:MAX_RUNS] if text else []:
        try:
            view = engine().view(run_id)
        except UserError:
            st.warning("A run of the race in the address is not on this computer.")
            continue
        if view.config.family in model_families:
            ids.append(view.id)
        else:
            st.warning("A run of the race in the address belongs to another page.")
    st.session_state[_key(page)] = ".".join(ids)
    attach.known_runs().update(ids)
    if ids:
        st.query_params[RACE] = ".".join(ids)
    return ids


def _key(page: str) -> str:
    return f"{page}.race"


def _start(page: str, entrants: Mapping[str, AnyRunConfig], shown: list[str]) -> None:
    if st.session_state.get(_key(page)) != ".".join(shown):
        return  # the second click of a double click: the race has started
    owner = gate.visitor()
    try:
        # Each run gets an owner of its own: a race trains side by side, while the runs of one owner queue.
        ids = [engine().start(config, f"{owner}.{lane}") for lane, config in enumerate(entrants.values())]
    except UserError as error:
        st.session_state[f"{page}.race_error"] = str(error)
        return
    st.session_state[_key(page)] = st.query_params[RACE] = ".".join(ids)


def _stop(ids: list[str]) -> None:
    for run_id in ids:
        with suppress(UserError):  # it was deleted meanwhile
            engine().pause(run_id)


# ---------------------------------------------------------------- pictures


@errors.told()
def _live(page: str, ids: list[str], name_of: Callable[[Any], str], was_active: bool, log: bool, draw: Draw) -> None:
    try:
        views = [engine().view(run_id) for run_id in ids]
    except UserError:
        st.rerun()  # a run was deleted meanwhile, and the page says so
    if was_active and not any(view.status.is_active for view in views):
        st.rerun()  # once, when the last run stops
    named: dict[str, RunView] = {}
    for view in views:
        name = name_of(view.config)
        named[f"{name} ({len(named) + 1})" if name in named else name] = view
    for name, view in named.items():
        if view.status == Status.FAILED:
            errors.show(f"{name}: {view.message}", st.warning)
    draw(page, named, log)
    if views:
        _show_result(named)


def _draw_language_models(page: str, views: dict[str, RunView], log: bool, over_time: bool) -> None:
    """The loss curves of language models, and a table of their losses."""
    curves = {name: _curve(view, over_time) for name, view in views.items()}
    revision = f"{'.'.join(view.id for view in views.values())}{log}{over_time}"
    figure = figures.plain_loss_chart(
        curves, lines=["smoothed"], log_x=log, height=460, empty=figures.NO_STEPS_YET if views else INVITATION
    )
    live(Chart.of(figure, "Losses of the race.", revision=revision), key=f"{page}.race_chart")
    if views:
        table = advice.race_table({name: view.snapshots for name, view in views.items()})
        table = table.dropna(axis=1, how="all")  # steps that no run has reached yet
        formats: dict[Any, Any] = {
            column: "{:,}" if column == "last step" else "{:.4f}" for column in table.columns[1:]
        }
        st.dataframe(table.style.format(formats, na_rep="–"), hide_index=True)
        st.caption("Losses in nats per character. Train losses and losses before the end cover a part of the split.")


def _curve(view: RunView, over_time: bool) -> LossCurve:
    corpus = load.data_of(view.config)
    assert isinstance(corpus, Corpus)
    n_classes = len(corpus.vocabulary)
    curve = loss_curve(view.history, view.snapshots, n_classes, diverged=view.diverged_losses)
    return rescale(curve, view.snapshots, "wall seconds") if over_time else curve


def _show_result(views: dict[str, RunView]) -> None:
    """The dev losses in order, once all runs have stopped."""
    reached = {name: view.snapshots[-1].loss("dev") for name, view in views.items() if view.status == Status.FINISHED}
    losses = {name: loss for name, loss in reached.items() if loss is not None}
    if losses and not any(view.status.is_active for view in views.values()):
        order = sorted(losses, key=lambda name: losses[name])
        result = "  ·  ".join(f"{name} → {losses[name]:.4f}" for name in order)
        st.success(forms.plain(f"Dev loss (nats), lowest first: {result}"), icon=":material/sports_score:")
