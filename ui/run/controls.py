"""The controls of a run: Start, Pause, One step, Reset, and the settings that may change while it trains."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

import streamlit as st
from streamlit.errors import StreamlitAPIException

from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.runs.run import Status
from lmcore.runs.view import RunView
from lmcore.training.history import Change
from ui import errors, forms, gate, given
from ui.run import attach, requests
from ui.server import engine

STATUS_LABELS = {
    Status.QUEUED: "queued behind your other runs",
    Status.RUNNING: "training",
    Status.PAUSED: "paused",
    Status.FINISHED: "finished",
    Status.FAILED: "failed",
    Status.INTERRUPTED: "interrupted",
}

Command = Literal["start", "resume", "pause", "step", "reset"]


# ---------------------------------------------------------------- buttons


def buttons(
    page: str,
    config: AnyRunConfig,
    view: RunView | None,
    planned: Sequence[Change] = (),
    more: Callable[[str], None] | None = None,
) -> None:
    """The buttons Start, Pause or Resume, One step, and Reset, with the status of the run.

    Args:
        page: prefix of the page's widget keys.
        config: of the run that Start begins.
        view: the run that the page shows.
        planned: changes of training settings that the run makes by itself.
        more: draws further buttons of the page, after these.
    """
    _start_if_requested(page, config, planned)
    st.fragment(_buttons, key=f"{page}.buttons")(page, view.id if view else None, more)


@errors.told()
def _buttons(page: str, run_id: str | None, more: Callable[[str], None] | None) -> None:
    view = attach.current_view(run_id)
    active = view is not None and view.status.is_active and not view.pausing
    ended = view is not None and not active and view.step >= view.config.train.steps
    with st.container(horizontal=True, vertical_alignment="center"):
        _main_button(page, view, active, ended)
        st.button(
            "One step",
            key=f"{page}.step",
            icon=":material/skip_next:",
            disabled=active or ended,
            on_click=_run_command,
            args=(page, "step"),
        )
        st.button(
            "Reset",
            key=f"{page}.reset",
            icon=":material/restart_alt:",
            disabled=view is None,
            type="primary" if ended else "secondary",
            on_click=_run_command,
            args=(page, "reset"),
            help="Back to the initial weights. The run is kept on the page Runs.",
        )
        if more is not None:
            more(page)
        st.text(_status_line(view))


def _main_button(page: str, view: RunView | None, active: bool, ended: bool) -> None:
    """The button that says Start, Pause or Resume."""
    command: Command = "pause" if active else "start" if view is None else "resume"
    st.button(
        command.capitalize(),
        key=f"{page}.go",
        icon=":material/pause:" if active else ":material/play_arrow:",
        type="secondary" if ended else "primary",
        disabled=ended,
        on_click=_run_command,
        args=(page, command),
        help="Raise the number of steps to continue." if ended else None,
    )


def _status_line(view: RunView | None) -> str:
    if view is None:
        return "untrained"
    position = f" (position {view.queue_position})" if view.queue_position else ""
    return "pausing…" if view.pausing else f"{STATUS_LABELS[view.status]}{position}"


def _run_command(page: str, command: Command) -> None:
    """The callback of all buttons. A run that goes on or pauses changes only its buttons and its pictures."""
    shown = attach.run_id_of(page)
    perform(page, command)
    if shown is not None and command != "reset":
        with suppress(StreamlitAPIException):  # the open tab has no pictures of the run
            st.rerun([f"{page}.buttons", f"{page}.pictures"])
    st.rerun()


def perform(page: str, command: Command, **until: Any) -> None:
    """Does what a button does. A new run starts as soon as the page has read its widgets.

    Args:
        page: prefix of the page's widget keys.
        command: of the button.
        until: where the run pauses, as for `Engine.resume`.
    """
    run_id = attach.run_id_of(page)
    options = {"step_once": command == "step"} | until
    try:
        if command in ("pause", "reset"):
            if run_id is not None:
                engine().pause(run_id)
        elif run_id is not None:
            engine().resume(run_id, **options)
        else:
            requests.put(page, options=options)
    except UserError as error:
        set_error(page, str(error))
    if command == "reset":
        attach.leave(page)


def start_and_show(page: str, **train: Any) -> None:
    """The callback of a button that starts another run and shows it; the previous run is paused and kept.

    Args:
        page: prefix of the page's widget keys.
        train: training settings of the run that differ from those on the page.
    """
    requests.put(page, train=train)
    st.rerun()  # all of the page, also if the button belongs to a part of it


def _start_if_requested(page: str, config: AnyRunConfig, planned: Sequence[Change]) -> None:
    request = requests.take(page)
    if request is None:
        return
    try:
        config = config.model_copy(update={"train": config.train.updated(**request.train)})
        if (run_id := attach.run_id_of(page)) is not None:
            engine().pause(run_id)
        attach.show(page, engine().start(config, gate.visitor(), planned=planned, **request.options))
    except UserError as error:
        set_error(page, str(error))
        return
    st.rerun()


def evaluate_on_test(page: str, run_id: str) -> None:
    """Evaluates a run on the test split, which its view then shows. For a button's ``on_click``."""
    try:
        engine().evaluate_on_test(run_id)
    except UserError as error:
        set_error(page, str(error))


# ---------------------------------------------------------------- errors


def set_error(page: str, message: str) -> None:
    """Keeps the error of a callback for the next run of the page."""
    st.session_state[f"{page}.error"] = message


def show_error(page: str) -> None:
    """Shows the error of the last callback, once."""
    if message := st.session_state.pop(f"{page}.error", None):
        errors.show(message)


# ---------------------------------------------------------------- settings


def field_options(page: str, view: RunView | None) -> dict[str, Any]:
    """Options of `forms.form` for the settings of a run.

    While the page shows a run, only its live settings can be changed, each change goes to the run, and none of them is
    kept in the address.
    """

    def is_fixed(name: str) -> bool:
        return view is not None and name not in type(view.config.train).live_fields()

    def change(name: str) -> None:
        run_id = attach.run_id_of(page)
        key = forms.key_of(page, name)
        if run_id is None or view is None or is_fixed(name) or given.is_outdated(key):
            return
        try:
            engine().change(run_id, **{name: st.session_state[key]})
        except UserError as error:
            set_error(page, str(error))

    return {"disabled": is_fixed, "on_change": change, "bound": view is None}
