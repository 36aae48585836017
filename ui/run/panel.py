"""The live run of a page: its buttons, its numbers, its pictures. Every page that trains uses this one."""

import functools
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from lmcore import figures
from lmcore.config import Config, TaskConfig
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.errors import UserError
from lmcore.runs.engine import RunView
from lmcore.runs.run import Status
from lmcore.training import trainers
from lmcore.training.history import History, Snapshot, loss_curve
from lmcore.training.training import MAX_SHOWN
from ui import forms
from ui.live_chart import Chart, Numbers, Text, live
from ui.server import engine

WORDS = {
    Status.QUEUED: "waits for your other runs",
    Status.RUNNING: "training",
    Status.PAUSED: "paused",
    Status.FINISHED: "finished",
    Status.FAILED: "stopped",
    Status.INTERRUPTED: "interrupted",
}


# ---------------------------------------------------------------- which run

Parts = Mapping[str, type[Config] | tuple[type[Config], ...]]  # of a run's config, with the configs that each may be


def attach(page: str, configs: Parts, task: str = "write") -> RunView | None:
    """The run that this page shows: the one in the address, else the one it showed last; None if there is none.

    Call it before any widget: a run from a link puts its settings into them.

    Args:
        configs: the parts of a run's config that the page has widgets for.
        task: of the runs that the page shows.
    """
    key = f"{page}.run"
    address = st.query_params.get("run")
    if address == st.session_state.get(f"{page}.left"):
        address = None  # an update that was under way when the visitor left this run still carries the old address
    run_id = address or st.session_state.get(key)
    if run_id is None:
        st.query_params.pop("run", None)
        return None
    try:
        view = engine().view(run_id)
        if view.config.task != task:
            raise UserError("The run in the address belongs to another page.")
    except UserError as error:
        st.warning(f"{error} Start a new one.")
        detach(page)
        return None
    if st.session_state.get(key) != run_id:
        _fill_widgets(page, view.config, configs)
    st.session_state[key] = run_id
    st.query_params["run"] = run_id
    opened().add(run_id)
    return view


def visitor() -> str:
    """The owner of the runs that this visitor starts."""
    name: str = st.session_state.setdefault("visitor", secrets.token_hex(8))
    return name


def opened() -> set[str]:
    """The runs that this visitor had the address of; the set is kept, and can be added to."""
    runs: set[str] = st.session_state.setdefault("opened", set())
    return runs


def adopt(page: str, *others: str) -> None:
    """On the first visit, the page shows the run of another page; call it before `attach`."""
    if not {f"{page}.run", f"{page}.left"} & set(st.session_state):
        for other in others:
            if f"{other}.run" in st.session_state:
                st.query_params.setdefault("run", st.session_state[f"{other}.run"])


def detach(page: str) -> None:
    """Leaves the run as it is, and shows the untrained model again."""
    st.session_state[f"{page}.left"] = st.session_state.pop(f"{page}.run", st.query_params.get("run"))
    st.query_params.pop("run", None)


def _fill_widgets(page: str, config: TaskConfig, configs: Parts) -> None:
    for part, kinds in configs.items():
        known = {name for kind in (kinds if isinstance(kinds, tuple) else (kinds,)) for name in kind.model_fields}
        prefix = page if part in ("model", "train") else f"{page}_{part}"  # a seed of data is another than of training
        for name, value in getattr(config, part).model_dump().items():
            if name in known:
                st.session_state[forms.key_of(prefix, name)] = value
    if isinstance(corpus := getattr(config, "corpus", None), CorpusConfig):
        _fill_text(corpus)


def _fill_text(corpus: CorpusConfig) -> None:
    source = corpus.source
    if source.startswith("text:"):
        st.session_state.setdefault("own_texts", {})[source] = source.partition("-")[2]
    st.session_state["text"] = source
    for name, value in corpus.model_dump(exclude={"source"}).items():
        st.session_state[name] = list(value) if isinstance(value, tuple) else value


def steering(page: str, view: RunView | None) -> dict[str, Any]:
    """What `forms.form` needs for a run: which settings are fixed once it began, and what a change does to it."""

    def fixed(name: str) -> bool:
        return view is not None and name not in type(view.config.train).live_fields()

    def changed(name: str) -> None:
        run_id = st.session_state.get(f"{page}.run")
        if run_id is None:
            return
        try:
            if name in type(engine().view(run_id).config.train).live_fields():
                engine().change(run_id, **{name: st.session_state[forms.key_of(page, name)]})
        except UserError as error:
            st.session_state[f"{page}.error"] = str(error)

    return {"disabled": fixed, "on_change": changed}


# ---------------------------------------------------------------- buttons


def buttons(page: str, config: TaskConfig, view: RunView | None) -> None:
    """Start or pause or resume, one step, reset."""
    drawing = st.session_state[f"{page}.drawing"] = st.session_state.get(f"{page}.drawing", 0) + 1
    active = view is not None and view.status.is_active and not view.pausing
    resumable = view is not None and not active and view.step < view.config.train.steps
    finished = view is not None and not active and not resumable
    word, icon = (
        ("Start", ":material/play_arrow:")
        if view is None
        else ("Pause", ":material/pause:")
        if active
        else ("Resume", ":material/play_arrow:")
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            word,
            key=f"{page}.go",
            icon=icon,
            type="secondary" if finished else "primary",
            disabled=finished,
            on_click=_command,
            args=(page, config, "pause" if active else "go", drawing),
            help="Raise the number of steps to train on." if finished else None,
        )
        st.button(
            "One step",
            key=f"{page}.step",
            icon=":material/skip_next:",
            disabled=active or finished,
            on_click=_command,
            args=(page, config, "step", drawing),
        )
        st.button(
            "Reset",
            key=f"{page}.reset",
            icon=":material/restart_alt:",
            disabled=view is None,
            type="primary" if finished else "secondary",
            on_click=_command,
            args=(page, config, "reset", drawing),
            help="Back to the same starting weights. The run is kept.",
        )
        if view is not None:
            st.text(_status_line(view))


def _status_line(view: RunView) -> str:
    place = f" (place {view.place})" if view.place else ""
    return "pausing…" if view.pausing else f"{WORDS[view.status]}{place}"


def _command(page: str, config: TaskConfig, command: str, drawing: int) -> None:
    """Does what a button says, once for each drawing of the buttons.

    Streamlit 1.67 hands a click over twice when an update of the fragment leaves the browser in the same moment.
    """
    if st.session_state.get(f"{page}.done") == drawing:
        return
    st.session_state[f"{page}.done"] = drawing
    run_id = st.session_state.get(f"{page}.run")
    once = command == "step"
    try:
        if command == "pause":
            engine().pause(run_id)
        elif command == "reset":
            engine().pause(run_id)
            detach(page)
        elif run_id is not None:
            engine().resume(run_id, step_once=once)
        else:
            st.session_state[f"{page}.run"] = engine().start(config, visitor(), step_once=once)
    except UserError as error:
        st.session_state[f"{page}.error"] = str(error)


def start_and_open(page: str, config: TaskConfig) -> None:
    """Starts another run and shows it with its settings; the one before is paused and kept."""
    if (run_id := st.session_state.get(f"{page}.run")) is not None:
        engine().pause(run_id)
    _open(page, engine().start(config, visitor()))


def offer_interrupted(page: str, task: str = "write") -> None:
    """On the machine that runs the app: the runs that an earlier server left in mid-run."""
    if not at_the_server():
        return  # who sits elsewhere has the address of their run
    left = [header for header in engine().interrupted() if header.config.task == task]
    if not left:
        return
    with st.expander(f"{len(left)} interrupted run{'s' if len(left) > 1 else ''}", icon=":material/power_off:"):
        for header in left[:10]:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button("Open", key=f"{page}.open.{header.id}", on_click=_open, args=(page, header.id))
                st.text(f"{header.config.family}, stopped at step {header.step:,} of {header.config.train.steps:,}")


def at_the_server() -> bool:
    """Whether the visitor sits at the machine that runs the app."""
    return st.context.ip_address is None


def _open(page: str, run_id: str) -> None:
    detach(page)
    st.session_state.pop(f"{page}.left")
    st.query_params["run"] = run_id


# ---------------------------------------------------------------- pictures


More = Callable[[Snapshot, Any, RunView | None], None]  # draws further pictures of a snapshot, from what was learned
Measures = Callable[[Snapshot | None], tuple[tuple[str, str], ...]]  # labels with what was measured


@dataclass(frozen=True)
class _Panel:
    """What the pictures of a page are made from."""

    page: str
    config: TaskConfig  # of the untrained model
    material: Any  # what the run learns from: a corpus, a data set
    more: More | None
    standard: bool
    play: bool
    measures: Measures


def losses(snapshot: Snapshot | None) -> tuple[tuple[str, str], ...]:
    """The losses of a language model, in words."""
    return (
        ("Train loss (nats)", f"{snapshot.train:.3f}" if snapshot else "–"),
        ("Dev loss (nats)", f"{snapshot.dev:.3f}" if snapshot and snapshot.dev is not None else "–"),
    )


def show(
    page: str,
    config: TaskConfig,
    material: Any,
    view: RunView | None,
    more: More | None = None,
    standard: bool = True,
    play: bool = True,
    measures: Measures = losses,
) -> None:
    """The pictures of the run, live; of the untrained model where there is none.

    Args:
        material: what the run learns from: a corpus, a data set.
        more: draws what a page adds, under the others.
        standard: whether loss, expectations and samples of a language model are drawn; the numbers always are.
        play: whether the snapshots can be played; not where a picture plays itself.
        measures: what was measured at a snapshot, in words.
    """
    if message := st.session_state.pop(f"{page}.error", None):
        st.error(message)
    every = None
    if view is not None and view.status.is_active:
        every = 0.25 if engine().active <= 4 else 1.0
    elif st.session_state.get(f"{page}.playing"):
        every = 0.5
    # Without a run it is the same fragment, so that its charts stay where they are when a run begins.
    panel = _Panel(page, config, material, more, standard, play, measures)
    active = view is not None and view.status.is_active
    st.fragment(_live, run_every=every)(panel, view.id if view else None, active)


@st.cache_data(max_entries=200, show_spinner="Making the model…")
def _first_look(config: str) -> Snapshot:
    return trainers.make(trainers.config_of(json.loads(config))).snapshot()


def first_look(config: TaskConfig) -> Snapshot:
    """The untrained model; the page stops, in words, if the settings allow none."""
    try:
        return _first_look(config.model_dump_json())
    except UserError as error:
        st.error(str(error))
        st.stop()


def _live(panel: _Panel, run_id: str | None, was_active: bool) -> None:
    if run_id is None:
        _pictures(panel, None, [first_look(panel.config)])
        return
    try:
        view = engine().view(run_id)
    except UserError:
        st.rerun()  # it was deleted meanwhile; the page says so
    if was_active and not view.status.is_active:
        st.rerun()  # once, when the run comes to rest: the buttons change, the polling ends
    for text in filter(None, (view.message, view.warning)):
        (st.error if view.status == Status.FAILED else st.warning)(text)
    panel = replace(panel, config=view.config, material=trainers.material(view.config))
    # Until its first slice is back, a run looks as the untrained model did: nothing flickers.
    _pictures(panel, view, list(view.snapshots) or [first_look(view.config)])


def _pictures(panel: _Panel, view: RunView | None, snapshots: list[Snapshot]) -> None:
    page, material = panel.page, panel.material
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        axes: list[str] = []
        if panel.standard:
            axes = st.pills("Logarithmic", ["steps", "loss"], selection_mode="multi", key=f"{page}.log") or []
        shown = time_slider(page, view, snapshots, panel.play)
    parts: list[Numbers | Chart | Text] = [_numbers(panel, view, snapshots)]
    if panel.standard:
        texts = Text("What it writes, with the same dice at every step", _samples(snapshots, shown))
        parts += [loss_chart(material, view, snapshots, axes), _expectation(shown, material), texts]
    live(*parts, key=f"{page}.live")
    if panel.more and shown:
        panel.more(shown, material, view)


def time_slider(page: str, view: RunView | None, snapshots: list[Snapshot], play: bool = False) -> Snapshot | None:
    """The snapshot that all pictures of a page show: the newest while the run trains, then any, by a slider.

    Args:
        play: whether a button lets the slider run by itself.
    """
    if view is None or view.status.is_active or len(snapshots) < 2:
        return snapshots[-1] if snapshots else None
    steps = [snapshot.step for snapshot in snapshots]
    key = f"{page}.at"
    if st.session_state.get(key) not in steps:
        st.session_state[key] = steps[-1]
    if play:
        _player(page, steps)
    at = st.select_slider(
        "Look at the model after step",
        steps,
        format_func=lambda step: f"{step:,}",
        key=key,
        width=360,
        persist_state="session",
    )
    return snapshots[steps.index(at)]


def look(page: str, config: TaskConfig, view: RunView | None) -> tuple[TaskConfig, Snapshot]:
    """For a tab beside the live one: the snapshot that the page's slider chooses, or the untrained model."""
    config = view.config if view else config
    shown = time_slider(page, view, list(view.snapshots)) if view else None
    return config, shown or first_look(config)


def _player(page: str, steps: list[int]) -> None:
    """The button that lets the slider run by itself."""
    if st.session_state.get(f"{page}.playing"):
        _advance(page, steps)
    playing = st.session_state.get(f"{page}.playing", False)
    st.button(
        "Stop" if playing else "Play",
        key=f"{page}.play",
        icon=":material/stop:" if playing else ":material/animated_images:",
        on_click=_play,
        args=(page, steps),
        help="Shows the snapshots one after the other.",
    )
    if st.session_state.pop(f"{page}.replay", False):
        st.rerun()  # with another interval


def _play(page: str, steps: list[int]) -> None:
    playing = st.session_state[f"{page}.playing"] = not st.session_state.get(f"{page}.playing", False)
    st.session_state[f"{page}.replay"] = st.session_state[f"{page}.hold"] = True
    if playing and st.session_state.get(f"{page}.at", steps[-1]) == steps[-1]:
        st.session_state[f"{page}.at"] = steps[0]


def _advance(page: str, steps: list[int]) -> None:
    """Moves the slider to the next snapshot; at the last one the playing ends."""
    if st.session_state.get(f"{page}.replay") or st.session_state.pop(f"{page}.hold", False):
        return  # the first one stays for its interval
    at = steps.index(st.session_state.get(f"{page}.at", steps[-1]))
    if at + 1 < len(steps):
        st.session_state[f"{page}.at"] = steps[at + 1]
    else:
        st.session_state[f"{page}.playing"] = False
        st.session_state[f"{page}.replay"] = True


def _numbers(panel: _Panel, view: RunView | None, snapshots: list[Snapshot]) -> Numbers:
    step, speed, left = (view.step, view.steps_per_second, view.seconds_left) if view else (0, 0.0, None)
    last = snapshots[-1] if snapshots else None
    running = view is not None and view.status == Status.RUNNING and speed > 0
    return Numbers(
        (
            (f"Step (of {panel.config.train.steps:,})", f"{step:,}"),
            *panel.measures(last),
            ("Steps per second", f"{speed:,.0f}" if running else "–"),
            ("Time left", _duration(left) if running and left is not None else "–"),
            ("Measured at step", f"{last.step:,}" if last else "–"),
        )
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes}:{seconds:02d} min"


def loss_chart(
    corpus: Corpus, view: RunView | None, snapshots: list[Snapshot], axes: Sequence[str], columns: int = 6
) -> Chart:
    """The loss of a run, live; ``axes`` names those that are logarithmic, of "steps" and "loss"."""
    history = view.history if view else History()
    changes, lost, looks = (view.changes, view.lost, view.looks) if view else ((), None, ())
    size = len(corpus.vocabulary)
    curve = loss_curve(history, tuple(snapshots), size, changes, lost, from_start="steps" in axes, looks=looks)
    figure = figures.loss_curve(curve, log_x="steps" in axes, log_y="loss" in axes)
    alt = f"Loss curve. Guessing costs {curve.guessing:.2f} nats per character"
    alt += f"; the model is at {curve.smoothed[-1]:.2f}." if len(curve.smoothed) else "."
    return Chart.of(figure, alt, columns, revision=f"{view.id if view else ''}{axes}")


@functools.lru_cache(maxsize=256)
def _expectation(snapshot: Snapshot | None, corpus: Corpus) -> Chart:
    """The heatmap of a snapshot, made once and not at every update."""
    labels = [corpus.vocabulary.labels[i] for i in corpus.most_frequent(MAX_SHOWN)]
    figure = figures.next_character(snapshot.arrays["next_character"] if snapshot else None, labels)
    return Chart.of(figure, "Heatmap of what the model expects after each character.", columns=4)


def _samples(snapshots: list[Snapshot], shown: Snapshot | None, width: int = 11) -> str:
    """The texts of each snapshot in columns, newest first: a column is one throw of the dice; an arrow at the shown."""
    rows = []
    for snapshot in reversed(snapshots):
        texts = [text.replace("\n", "⏎").replace("\t", "⇥") for text in snapshot.samples]
        cells = [text if len(text) < width else f"{text[: width - 2]}…" for text in texts]
        line = " ".join(cell.ljust(width) for cell in cells) if len(texts) > 3 else "  │  ".join(texts)
        mark = "▸" if snapshot is shown and snapshot is not snapshots[-1] else " "
        rows.append(f"{snapshot.step:>9,} {mark} {line.rstrip()}")
    return "\n".join([f"{'step':>9}", *rows])
