"""Which snapshot of a run the pictures of a page show: the time slider, and the button that plays all snapshots."""

from collections.abc import Sequence

import streamlit as st

from lmcore.families import AnyRunConfig
from lmcore.runs import worker
from lmcore.runs.view import RunView
from lmcore.training.history import Snapshot
from ui.computed import computed

LABEL, WIDTH, PLAY_ICON = "Model after step", 360, ":material/animated_images:"


def time_slider(page: str, view: RunView | None, snapshots: Sequence[Snapshot], play: bool = False) -> Snapshot | None:
    """The snapshot to show: the latest while the run trains, then the one that a slider selects.

    Before there is anything to select the slider is there, too, but disabled, so that nothing moves when a run ends.

    Args:
        page: prefix of the page's widget keys.
        view: the run that the page shows.
        snapshots: of the run, or of the untrained model.
        play: whether there is a button that moves the slider step by step.
    """
    if view is None or view.status.is_active or len(snapshots) < 2:
        _draw_disabled(page, "latest" if view else "0", play)
        return snapshots[-1] if snapshots else None
    steps = [snapshot.step for snapshot in snapshots]
    key = _at(page)
    if _has_gone_on(page, view) or st.session_state.get(key) not in steps:
        st.session_state[key] = steps[-1]
    if play:
        _play_button(page, steps)
    step = st.select_slider(
        LABEL, steps, format_func=lambda step: f"{step:,}", key=key, width=WIDTH, persist_state="session"
    )
    return snapshots[steps.index(step)]


def _has_gone_on(page: str, view: RunView) -> bool:
    """Whether the run has other snapshots than when it was asked last: the slider then shows the latest one."""
    key, end = f"{page}.at_end_of", (view.id, view.snapshots[-1].step if view.snapshots else 0)
    before, st.session_state[key] = st.session_state.get(key), end
    return before != end


def _draw_disabled(page: str, value: str, play: bool) -> None:
    """The slider, and the button if there is one, as they look before there is anything to select."""
    if play:
        st.button("Play", key=f"{page}.play.disabled", icon=PLAY_ICON, disabled=True)
    key = f"{page}.at.disabled.{value}"
    label = f":gray[{LABEL}]"  # which is easier to read than the label that Streamlit gives to a disabled slider
    st.select_slider(label, ["0", "latest"], value, key=key, width=WIDTH, disabled=True)


def select(page: str, view: RunView, step: int) -> None:
    """Moves the slider of a page to the last snapshot until a step. Call it before the page draws the slider.

    Args:
        page: prefix of the page's widget keys.
        view: the run that the page shows.
        step: of the run.
    """
    st.session_state[_at(page)] = max([0, *(one.step for one in view.snapshots if one.step <= step)])
    _has_gone_on(page, view)


def release(page: str) -> None:
    """Makes the slider of a page show the latest snapshot again. Call it before the page draws the slider."""
    st.session_state.pop(_at(page), None)


def selected_step(page: str, view: RunView) -> int:
    """The step that the slider of a page selects; the present one if there is no slider."""
    step: int = st.session_state.get(_at(page), view.step)
    return step if step in view.fork_steps else view.step


def selected_snapshot(page: str, config: AnyRunConfig, view: RunView | None) -> tuple[AnyRunConfig, Snapshot]:
    """For a tab beside the live one: the snapshot that the slider selects with its config, or the untrained model."""
    config = view.config if view else config
    snapshot = time_slider(page, view, view.snapshots if view else ())
    return config, snapshot or untrained_snapshot(config)


def untrained_snapshot(config: AnyRunConfig) -> Snapshot:
    """The model before its first step.

    Raises:
        UserError: if the settings allow no model.
    """
    return _untrained_snapshot(config.model_dump_json())


_untrained_snapshot = computed(worker.untrained_snapshot, 100_000_000, "Building the model…")


# ---------------------------------------------------------------- playing


def is_playing(page: str) -> bool:
    """Whether the slider moves by itself."""
    playing: bool = st.session_state.get(f"{page}.playing", False)
    return playing


def _at(page: str) -> str:
    return f"{page}.at"


def _play_button(page: str, steps: list[int]) -> None:
    if is_playing(page):
        _advance(page, steps)
    playing = is_playing(page)
    st.button(
        "Stop" if playing else "Play",
        key=f"{page}.stop" if playing else f"{page}.play",  # a double click does the same twice
        icon=":material/stop:" if playing else PLAY_ICON,
        on_click=_stop if playing else _play,
        args=(page,) if playing else (page, steps),
        help="Show the snapshots one after the other.",
    )
    if st.session_state.pop(f"{page}.restart_timer", False):
        st.rerun()  # the fragment gets another interval


def _play(page: str, steps: list[int]) -> None:
    """Starts playing; from the last snapshot it starts over."""
    st.session_state[f"{page}.playing"] = True
    st.session_state[f"{page}.restart_timer"] = st.session_state[f"{page}.first_frame"] = True
    if st.session_state.get(_at(page), steps[-1]) == steps[-1]:
        st.session_state[_at(page)] = steps[0]


def _stop(page: str) -> None:
    st.session_state[f"{page}.playing"] = False
    st.session_state[f"{page}.restart_timer"] = True


def _advance(page: str, steps: list[int]) -> None:
    """Moves the slider to the next snapshot; playing ends at the last one."""
    if st.session_state.get(f"{page}.restart_timer") or st.session_state.pop(f"{page}.first_frame", False):
        return  # the first snapshot stays for its interval
    index = steps.index(st.session_state.get(_at(page), steps[-1]))
    if index + 1 < len(steps):
        st.session_state[_at(page)] = steps[index + 1]
    else:
        _stop(page)
