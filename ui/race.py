"""Several runs that start in the same moment, on one chart, live. They are runs like any other, and go on unwatched."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from lmcore import figures
from lmcore.config import TaskConfig
from lmcore.errors import UserError
from lmcore.inspection import advice
from lmcore.runs.engine import RunView
from lmcore.runs.run import Status
from lmcore.training import trainers
from lmcore.training.history import LossCurve, loss_curve, over_seconds
from ui.live_chart import Chart, live
from ui.run import panel
from ui.server import engine

Namer = Callable[[Any], str]
Draw = Callable[[str, dict[str, RunView], bool], None]  # of a page: the runs by name; whether the axis is logarithmic
MOST = 6


def race(
    page: str,
    entrants: Mapping[str, TaskConfig],
    name_of: Namer,
    by_time: bool = False,
    task: str = "write",
    draw: Draw | None = None,
) -> None:
    """The buttons, the chart and the table of a race; its runs stand in the address.

    Args:
        entrants: the runs to start, by name; all with the same text, seed and number of steps.
        name_of: the name of a run's config, for a race that was opened from an address.
        by_time: whether the chart begins over seconds of training instead of steps.
        task: of the runs.
        draw: another picture than that of language models.
    """
    ids = _ids(page, task)
    active = any(engine().view(run_id).status.is_active for run_id in ids)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Start the race",
            key=f"{page}.race_go",
            type="primary",
            icon=":material/sports_score:",
            disabled=not 1 <= len(entrants) <= MOST or active,
            on_click=_start,
            args=(page, entrants),
            help=f"Up to {MOST} runs, with the same batches from the same seed.",
        )
        st.button(
            "Stop", key=f"{page}.race_stop", icon=":material/stop:", disabled=not active, on_click=_stop, args=(ids,)
        )
        log = st.toggle("Logarithmic", key=f"{page}.race_log")
        time = draw is None and st.toggle(
            "Over time", by_time, key=f"{page}.race_time", help="Seconds of training instead of steps."
        )
    if message := st.session_state.pop(f"{page}.race_error", None):
        st.error(message)
    drawing = draw or functools.partial(_standard, time=time)
    st.fragment(_live, run_every=0.5 if active else None)(page, ids, name_of, active, log, drawing)


def _ids(page: str, task: str) -> list[str]:
    """The runs of the race in the address, else of the last one of this visitor; those that are gone are left out."""
    given = st.query_params.get("race") or st.session_state.get(f"{page}.race", "")
    ids = []
    for run_id in given.split(".")[:MOST] if given else []:
        try:
            view = engine().view(run_id)
            ids += [view.id] if view.config.task == task else []
        except UserError:
            st.warning("A run of the race in the address is not on this computer.")
    st.session_state[f"{page}.race"] = ".".join(ids)
    panel.opened().update(ids)
    if ids:
        st.query_params["race"] = ".".join(ids)
    return ids


def _start(page: str, entrants: Mapping[str, TaskConfig]) -> None:
    try:
        # Each has an owner of its own: the runs of a race train side by side, and do not queue behind each other.
        ids = [engine().start(config, f"{panel.visitor()}.{lane}") for lane, config in enumerate(entrants.values())]
    except UserError as error:
        st.session_state[f"{page}.race_error"] = str(error)
        return
    st.query_params["race"] = ".".join(ids)


def _stop(ids: list[str]) -> None:
    for run_id in ids:
        engine().pause(run_id)


def _live(page: str, ids: list[str], name_of: Namer, was_active: bool, log: bool, draw: Draw) -> None:
    try:
        views = [engine().view(run_id) for run_id in ids]
    except UserError:
        st.rerun()  # one was deleted meanwhile; the page says so
    if was_active and not any(view.status.is_active for view in views):
        st.rerun()  # once, when the last one comes to rest
    named: dict[str, RunView] = {}
    for view in views:
        name = name_of(view.config)
        named[f"{name} ({len(named) + 1})" if name in named else name] = view
    for name, view in named.items():
        if view.status == Status.FAILED:
            st.warning(f"{name}: {view.message}")
    draw(page, named, log)
    if views:
        _verdict(named)


def _standard(page: str, named: dict[str, RunView], log: bool, time: bool) -> None:
    """The race of language models: their curves, and a table of their losses."""
    curves = {name: _curve(view, time) for name, view in named.items()}
    revision = f"{'.'.join(view.id for view in named.values())}{log}{time}"
    live(Chart.of(figures.race(curves, log), "Losses of the race.", revision=revision), key=f"{page}.race_chart")
    if named:
        table = advice.race_table({name: view.snapshots for name, view in named.items()})
        table = table.dropna(axis=1, how="all")  # what no run has reached yet
        formats = {column: "{:,}" if column == "last step" else "{:.4f}" for column in table.columns[1:]}
        st.dataframe(table.style.format(formats, na_rep="–"), hide_index=True)
        st.caption("Losses in nats per character; on the way and on train over a part of the training split.")


def _verdict(named: dict[str, RunView]) -> None:
    """Who came first, when all have come."""
    reached = {name: view.snapshots[-1].dev for name, view in named.items() if view.status == Status.FINISHED}
    losses = {name: loss for name, loss in reached.items() if loss is not None}
    if losses and not any(view.status.is_active for view in named.values()):
        order = sorted(losses, key=lambda name: losses[name])
        st.success("  ·  ".join(f"{name} → {losses[name]:.4f}" for name in order), icon=":material/sports_score:")


def _curve(view: RunView, time: bool) -> LossCurve:
    curve = loss_curve(view.history, view.snapshots, len(trainers.material(view.config).vocabulary), lost=view.lost)
    return over_seconds(curve, view.snapshots) if time else curve
