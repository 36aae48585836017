"""The tabs Settings, Samples and Histograms: the selected runs side by side."""

from dataclasses import replace

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.config import format_settings
from lmcore.errors import UserError
from lmcore.runs import comparison
from lmcore.runs.settings import settings_differences
from lmcore.runs.view import RunView
from pages.lab.runs import selection
from pages.lab.runs.selection import PAGE
from ui import errors
from ui.live_chart import Chart, live
from ui.server import engine


def settings(views: dict[str, RunView]) -> None:
    """The settings that differ, and those that were changed during training."""
    if not selection.has_at_least(2, views):
        return
    table = settings_differences({name: view.config for name, view in views.items()})
    if table.empty:
        st.info("These runs have the same settings.")
        return
    st.write("Only the settings that **differ**, with their current values.")
    st.dataframe(table, hide_index=True)
    changed = [
        f"{name} at step {change.step:,}: {', '.join(format_settings(change.settings))}"
        for name, view in views.items()
        for change in view.changes
    ]
    if changed:
        st.text("Changed during training:\n" + "\n".join(changed))


def _step_slider(views: dict[str, RunView], key: str) -> int | None:
    """A slider over the steps at which all selected runs have a snapshot; None if there is no such step."""
    steps = comparison.common_steps(list(views.values()))
    if not steps:
        st.info("These runs do not have a snapshot at a common step yet.")
        return None
    if len(steps) == 1:
        return steps[0]
    at = st.session_state.get(key)
    if at is not None and at not in steps:
        st.session_state[key] = max((step for step in steps if step <= at), default=steps[0])
    step: int = st.select_slider(
        "Step", steps, value=steps[-1], format_func=lambda step: f"{step:,}", key=key, width=420
    )
    return step


def samples(views: dict[str, RunView]) -> None:
    """The texts that each run generated at a step, one column per run."""
    if not selection.has_at_least(1, views) or (step := _step_slider(views, f"{PAGE}.samples_at")) is None:
        return
    st.write("Texts generated at this step: within a **row**, all runs sample with the same random draws.")
    table = comparison.sample_table(views, step)
    st.dataframe(table.map(lambda text: text.replace("\n", "⏎").replace("\t", "⇥")), hide_index=True)


def histograms(views: dict[str, RunView]) -> None:
    """The outputs of each layer at a step, one chart per run."""
    if not selection.has_at_least(1, views) or (step := _step_slider(views, f"{PAGE}.histograms_at")) is None:
        return
    ids = tuple((name, view.id) for name, view in views.items())
    try:
        charts = _charts(ids, step, views)
    except UserError as error:
        errors.show(error, st.info)
        return
    st.write("Outputs of each **layer** on one minibatch, with the same bins and axes for all runs.")
    live(*charts, key=f"{PAGE}.histograms")


@cached(max_bytes=20_000_000, key=lambda ids, step, views: (ids, step))
def _charts(ids: tuple[tuple[str, str], ...], step: int, views: dict[str, RunView]) -> list[Chart]:
    """One chart per run; names and run ids identify the views, which change with every look at a run."""
    needed = {name: replace(view, snapshots=(comparison.snapshot_at(view, step),)) for name, view in views.items()}
    records = engine().compute(comparison.output_histograms, needed, step)
    top = max(float(shares.max()) for record in records.values() for shares in record.shares.values())
    return [
        Chart.of(
            figures.histograms(record, f"Output, {figures.escape(name)}").update_yaxes(range=[0, 1.05 * top]),
            f"Histograms of the layer outputs of {name} at step {step:,}.",
            columns=5,
        )
        for name, record in records.items()
    ]
