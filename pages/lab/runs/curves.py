"""The tab Curves: the losses of the selected runs on one chart."""

from dataclasses import dataclass

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.errors import UserError
from lmcore.runs import comparison
from lmcore.runs.divergence import Divergence, describe_divergence, find_divergence, fork_step
from lmcore.runs.view import RunView
from lmcore.training.loss_curve import XAxis
from pages.lab.runs.selection import PAGE
from ui import errors
from ui.live_chart import Chart, live
from ui.server import engine

AXES: dict[XAxis, str] = {
    "steps": "steps",
    "examples": "examples seen",
    "wall seconds": "training time",
    "CPU seconds": "CPU time",
}
"""Labels of the horizontal axes; the examples of a language model are characters."""


def show(views: dict[str, RunView]) -> None:
    """The curves, and for a run and its fork the step at which they diverge."""
    for sentence in comparison.caveats([view.config for view in views.values()]):
        st.warning(sentence)
    fork = _fork_step(views)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.segmented_control(
            "Against", list(AXES), format_func=AXES.__getitem__, default="steps", required=True, key=f"{PAGE}_by"
        )
        log = st.toggle("Logarithmic", key=f"{PAGE}.log", help="Logarithmic horizontal axis.")
        since = fork is not None and st.toggle("Only after the fork", True, key=f"{PAGE}.since")
    record = comparison.run_curves(views, by, fork if since else None)
    words = comparison.describe_dev_losses(views)
    revision = f"{'.'.join(view.id for view in views.values())}{by}{log}{since}"
    figure = figures.plain_loss_chart(
        record.curves,
        lines=("smoothed", "dev"),
        unit=record.unit,
        log_x=log,
        guessing=False,
        fork=record.fork,
        empty="Select runs in the table to compare them.",
        height=460,
    )
    live(Chart.of(figure, f"Losses of runs. {words}", revision=revision), key=f"{PAGE}.curves")
    if views:
        st.text(f"{words} Lines: smoothed minibatch loss. Markers: dev loss.".lstrip())
    if fork is not None and (found := _divergence(*views.values())):
        st.text("\n".join(describe_divergence(found, list(views))))


def _fork_step(views: dict[str, RunView]) -> int | None:
    """The step up to which two selected runs are the same run; None if neither is a fork of the other."""
    return fork_step(*views.values()) if len(views) == 2 else None


@dataclass
class _Search:
    """What is known about a pair of runs."""

    found: Divergence | None = None
    step: int = 0  # up to which both runs were compared

    @property
    def is_complete(self) -> bool:
        """Whether both the first differing loss and the first differing text are known."""
        return self.found is not None and self.found.step is not None and self.found.text_step is not None


@cached(max_bytes=1_000_000)
def _search(one: str, other: str) -> _Search:
    """The search of a pair of run ids, shared by all visitors."""
    return _Search()


def _divergence(one: RunView, other: RunView) -> Divergence | None:
    """Where two branches diverge. A worker searches again when both have made much progress, or have ended."""
    search, step = _search(one.id, other.id), min(one.step, other.step)
    active = one.status.is_active or other.status.is_active
    if not search.is_complete and step != search.step and (not active or step >= 1.5 * search.step):
        try:
            found = engine().compute(find_divergence, one, other)
        except UserError as error:
            search.step = step if active else search.step  # while they train, it is not tried at every update
            errors.show(error, st.info)
            return None
        search.found, search.step = found, step
    return search.found
