"""The tab Fork: a new run that continues from a step of another one with one setting changed."""

import streamlit as st

from lmcore.errors import UserError
from lmcore.runs.settings import train_settings_at
from lmcore.runs.view import RunView
from pages.lab.runs import selection
from pages.lab.runs.selection import PAGE
from ui import forms, gate
from ui.server import engine
from ui.tabs import open_tab


def show(views: dict[str, RunView]) -> None:
    """Which run to fork, from which step, and the one setting to change."""
    st.write(
        "Go back to a step of a run, **change one setting**, and train on from there. Both runs draw the same "
        "minibatches, so every difference comes from that setting."
    )
    if not selection.has_at_least(1, views):
        return
    name = next(iter(views))
    if len(views) > 1:
        name = st.selectbox("Run", list(views), key=f"{PAGE}.fork_run", width=340)
    view = views[name]
    kind = type(view.config.train)
    fields = [field for field in kind.model_fields if field in kind.live_fields()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at = f"{PAGE}.fork_at.{view.id}.{hash(tuple(view.fork_steps))}"
        step = _fork_step(view, at)
        first = fields.index("learning_rate") if "learning_rate" in fields else 0
        setting = st.selectbox(
            "Change", fields, first, format_func=forms.label, key=f"{PAGE}.fork_setting.{view.id}", width=200
        )
        now = getattr(train_settings_at(view, step), setting)
        key = f"{PAGE}.fork.{view.id}.{setting}.{now}"
        value = forms.widget(kind, setting, key=key, default=now, bound=False)
        st.button(
            "Fork",
            key=f"{PAGE}.fork_go",
            type="primary",
            icon=":material/fork_right:",
            on_click=_begin_fork,
            args=(selection.version(), view.id, (at, step), setting, (key, value)),
        )
    st.text(f"At step {step:,}: {forms.label(setting)} is {now}. The new run shares everything up to this step.")


def _fork_step(view: RunView, key: str) -> int:
    """A slider over the steps from which the run can be forked."""
    steps = view.fork_steps
    if len(steps) == 1:
        st.text(f"From step {steps[0]:,}.")
        return steps[0]
    step: int = st.select_slider(
        "From step",
        steps,
        value=steps[len(steps) // 2],
        format_func=lambda step: f"{step:,}",
        key=key,
        width=340,
    )
    return step


def _begin_fork(version: int, run_id: str, at: tuple[str, int], setting: str, value: tuple[str, object]) -> None:
    """Forks with the current widget values; a quick click can arrive before the widgets were drawn again.

    The first click of a double click makes a new version of the table, and the second one does nothing.
    """
    if version != selection.version():
        return
    step, changed = (st.session_state.get(key, drawn) for key, drawn in (at, value))
    try:
        child = engine().fork(run_id, step, gate.visitor(), **{setting: changed})
    except UserError as error:
        st.session_state[selection.ERROR] = str(error)
        return
    selection.select([run_id, child])
    open_tab(f"{PAGE}_tab", "Curves")
