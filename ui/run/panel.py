"""The live pictures of a run: its numbers, loss curve, predictions and samples, and what a page adds to them."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import streamlit as st

from lmcore import families, figures
from lmcore.cache import cached
from lmcore.data.corpora import Corpus, isolate
from lmcore.families import AnyRunConfig
from lmcore.inspection import activations
from lmcore.runs.run import Status
from lmcore.runs.view import RunView
from lmcore.training.config import RunConfig
from lmcore.training.history import History, Snapshot
from lmcore.training.language_model import MAX_PREDICTION_CHARACTERS
from lmcore.training.loss_curve import loss_curve
from ui import errors, load
from ui.computed import computed
from ui.live_chart import Chart, Numbers, Text, live
from ui.run import attach, controls
from ui.run.time_slider import is_playing, time_slider, untrained_snapshot
from ui.server import engine

OFTEN, SELDOM = 0.25, 1.0  # seconds between two updates while few runs train, and while many do
FEW, MANY = 4, 6  # runs up to which a page begins to update often, and beyond which it stops doing so
SECONDS_PER_FRAME = 0.5  # while the snapshots are played
MAX_TEXTS = 3  # samples per snapshot that are texts; more than these are words

Draw = Callable[[Snapshot, Any, RunView | None], None]
"""Draws pictures of a snapshot, given the data that the model learns from and the run."""

Metrics = Callable[[Snapshot | None], tuple[tuple[str, str], ...]]
"""Labels with the values that were measured at a snapshot."""


def language_model_losses(snapshot: Snapshot | None) -> tuple[tuple[str, str], ...]:
    """Train and dev loss."""
    train, dev = (snapshot.loss("train"), snapshot.loss("dev")) if snapshot else (None, None)
    return ("Train loss (nats)", _number(train)), ("Dev loss (nats)", _number(dev))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


@dataclass(frozen=True)
class _Panel:
    """What the pictures of a page are made from; see `show`."""

    page: str
    config: AnyRunConfig
    data: Any
    extra: Draw | None
    language_model: bool
    metrics: Metrics


def show(
    page: str,
    config: AnyRunConfig,
    data: Any,
    view: RunView | None,
    extra: Draw | None = None,
    language_model: bool = True,
    metrics: Metrics = language_model_losses,
) -> None:
    """The pictures of a run, updated while it trains; without a run those of the untrained model.

    Args:
        page: prefix of the page's widget keys.
        config: of the untrained model.
        data: what the model learns from, a corpus or a dataset.
        view: the run that the page shows.
        extra: draws further pictures below.
        language_model: whether to draw loss curve, predictions and samples of a language model.
        metrics: what to show of the latest evaluation, beside steps and time.
    """
    panel = _Panel(page, config, data, extra, language_model, metrics)
    # With and without a run these are the same fragments, so that the charts stay mounted when a run starts.
    pictures = st.fragment(_pictures, key=f"{page}.pictures", run_every=SECONDS_PER_FRAME if is_playing(page) else None)
    pictures(panel, view.id if view else None)


@errors.told()
def _pictures(panel: _Panel, run_id: str | None) -> None:
    """What the page's buttons and the widgets above the pictures draw again; without the widgets of the sidebar."""
    controls.show_error(panel.page)
    view = attach.current_view(run_id)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        log_axes: list[str] = []
        if panel.language_model:
            log_axes = st.pills("Logarithmic axes", ["steps", "loss"], selection_mode="multi", key=f"{panel.page}.log")
        shown = time_slider(panel.page, view, view.snapshots if view else (), play=True)
    active = view is not None and view.status.is_active
    interval = (OFTEN if engine().n_active <= FEW else SELDOM) if active else None
    st.fragment(_live, run_every=interval)(panel, run_id, interval, shown, log_axes)


@errors.told()
def _live(
    panel: _Panel, run_id: str | None, interval: float | None, shown: Snapshot | None, log_axes: list[str]
) -> None:
    """What changes while the run trains."""
    view = attach.current_view(run_id)
    config, page = view.config if view else panel.config, panel.page
    if view is not None:
        if attach.has_stopped(view):
            st.rerun()  # the buttons change, polling ends, and a lesson goes on
        if interval == OFTEN and engine().n_active > MANY:
            st.rerun()  # once, when many others have started theirs meanwhile
        for text in filter(None, (view.message, view.warning)):
            errors.show(text, st.error if view.status == Status.FAILED else st.warning)
        panel = replace(panel, config=config, data=load.data_of(config))
    # Until its first slice is back, a run looks like the untrained model, so that nothing flickers.
    snapshots = view.snapshots if view and view.snapshots else (untrained_snapshot(config),)
    shown = snapshots[-1] if shown is None or interval is not None else shown
    parts: list[Numbers | Chart | Text] = [_numbers(panel, view, snapshots[-1])]
    if panel.language_model:
        chart = loss_chart(panel.data, view, snapshots, tuple(log_axes))
        parts += [chart, _predictions(shown, panel.data), _samples_text(snapshots, shown)]
    live(*parts, key=f"{page}.live")
    _show_penalty(config, shown)
    if panel.extra:
        with errors.told():
            panel.extra(shown, panel.data, view)


# ---------------------------------------------------------------- parts


def _show_penalty(config: AnyRunConfig, snapshot: Snapshot) -> None:
    """The L2 penalty, if there is one: it is not part of the losses shown."""
    if not isinstance(config, RunConfig) or not config.train.is_penalized or not families.is_layered(config):
        return
    if activations.has_weights(snapshot):
        st.text(f"L2 penalty: {_penalty(config, snapshot):.4f} nats. The losses shown do not include it.")


_penalty = computed(activations.penalty, 1_000_000)


def _numbers(panel: _Panel, view: RunView | None, last: Snapshot) -> Numbers:
    step, speed, left = (view.step, view.steps_per_second, view.seconds_left) if view else (0, 0.0, None)
    training = view is not None and view.status == Status.RUNNING and speed > 0
    return Numbers(
        (
            (f"Step (of {panel.config.train.steps:,})", f"{step:,}"),
            *panel.metrics(last),
            ("Steps per second", f"{speed:,.0f}" if training else "–"),
            ("Time left", _duration(left) if training and left is not None else "–"),
            ("Evaluated at step", f"{last.step:,}"),
        )
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes}:{seconds:02d} min"


def loss_chart(
    corpus: Corpus, view: RunView | None, snapshots: Sequence[Snapshot], log_axes: Sequence[str], columns: int = 6
) -> Chart:
    """The loss curve of a language model.

    Args:
        corpus: what the model learns from.
        view: the run; None draws an empty chart.
        snapshots: with the train and dev losses.
        log_axes: "steps", "loss", both or none.
        columns: width of the chart.
    """
    curve = loss_curve(
        view.history if view else History(),
        snapshots,
        len(corpus.vocabulary),
        view.changes if view else (),
        view.diverged_losses if view else None,
        from_start="steps" in log_axes,
        test_evaluations=view.test_evaluations if view else (),
    )
    figure = figures.plain_loss_chart(
        curve, log_x="steps" in log_axes, log_y="loss" in log_axes, empty=invitation(view)
    )
    alt = f"Loss curve. Uniform guessing has a loss of {curve.guessing:.2f} nats per character"
    alt += f"; the model has {curve.smoothed[-1]:.2f}." if len(curve.smoothed) else "."
    return Chart.of(figure, alt, columns, revision=f"{view.id if view else ''}{log_axes}")


def invitation(view: RunView | None) -> str:
    """What a loss chart says in which there are no losses yet."""
    return "Press Start to train." if view is None else figures.NO_STEPS_YET


@cached(max_bytes=30_000_000, size_of=lambda chart: len(chart.figure))
def _predictions(snapshot: Snapshot | None, corpus: Corpus) -> Chart:
    """The heatmap of next-character probabilities, drawn once per snapshot and not at every update."""
    labels = [corpus.vocabulary.labels[i] for i in corpus.most_frequent(MAX_PREDICTION_CHARACTERS)]
    figure = figures.next_character(snapshot.arrays["next_character"] if snapshot else None, labels)
    return Chart.of(figure, "Heatmap of the probability of each next character after each character.", columns=4)


def _cell(text: str, width: int) -> str:
    """The start of a text that is narrower than ``width`` characters; Chinese characters are twice as wide."""
    widths = [0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text]
    if sum(widths) < width:
        return text
    return text[: sum(total <= width - 2 for total in accumulate(widths))] + "…"


@cached(max_bytes=1_000_000, size_of=lambda part: len(part.text))
def _samples_text(snapshots: tuple[Snapshot, ...], shown: Snapshot) -> Text:
    """The samples of all snapshots: words in columns, of which a narrow screen shows fewer; longer texts wrap."""
    are_words = len(snapshots[0].samples) > MAX_TEXTS
    heading = "Samples, with the same random draws at every step"
    return Text(heading, _samples(snapshots, shown), long_lines="fewer columns" if are_words else "wrap")


def _samples(snapshots: Sequence[Snapshot], shown: Snapshot, width: int = 11) -> str:
    """A row of samples per snapshot, latest first, in columns that tabs separate; an arrow marks ``shown``.

    Each column uses the same random draws. Tabs also keep text from right to left in its column.
    """
    rows = []
    for snapshot in reversed(snapshots):
        texts = [text.replace("\n", "⏎").replace("\t", "⇥") for text in snapshot.samples]
        if len(texts) > MAX_TEXTS:
            texts = [_cell(text, width) for text in texts]
        mark = "▸" if snapshot is shown and snapshot is not snapshots[-1] else " "
        separator = "\t" if len(texts) > MAX_TEXTS else "\t│ "
        rows.append(separator.join([f"{snapshot.step:>9,} {mark}", *map(isolate, texts)]))
    return "\n".join([f"{'step':>9}", *rows])
