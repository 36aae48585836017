"""The range test: sweeps over learning rates, shared by all visitors with the same settings, and their loss curve."""

import threading
from dataclasses import dataclass, field

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.inspection import lr_finder
from lmcore.inspection.lr_finder import Finding, SweepConfig, Sweeps
from lmcore.training.config import RunConfig
from ui import errors
from ui.live_chart import Chart, live
from ui.server import engine

SLICE = 0.1  # seconds of sweeping between two updates of the chart
SWEEP_BYTES = 1_000_000  # that sweeps are taken to occupy: they grow after they are cached


@dataclass
class _SharedSweeps:
    """Sweeps that every page with these settings shows, and that each of them advances."""

    config: RunConfig
    settings: SweepConfig
    sweeps: Sweeps | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self) -> Sweeps:
        """Sweeps for one more slice, in a worker, unless the sweeps are done."""
        with self.lock:
            if self.sweeps is None or not self.sweeps.done:
                self.sweeps = engine().compute(lr_finder.run_sweeps, self.config, self.settings, self.sweeps, SLICE)
            return self.sweeps


@cached(max_bytes=100_000_000, size_of=lambda shared: SWEEP_BYTES)
def _shared(config: str, settings: str) -> _SharedSweeps:
    return _SharedSweeps(RunConfig.model_validate_json(config), SweepConfig.model_validate_json(settings))


def curve(config: RunConfig, settings: SweepConfig) -> Finding | None:
    """Draws the loss over the learning rate, live; the page ends here, with a message, if the settings allow no sweep.

    Returns:
        What the rules suggest, or None until the sweeps are done.
    """
    shared = _shared(config.model_dump_json(), settings.model_dump_json())
    sweeps = shared.advance()
    st.fragment(_draw, run_every=None if sweeps.done else 0.05)(shared, sweeps.done)
    return lr_finder.read_sweeps(sweeps) if sweeps.done else None


@errors.told()
def _draw(shared: _SharedSweeps, was_done: bool) -> None:
    sweeps = shared.advance()
    found = lr_finder.read_sweeps(sweeps)
    if found.remark:
        errors.show(found.remark, st.warning)
    figure = figures.lr_finder(found, (shared.settings.lowest, shared.settings.highest))
    live(Chart.of(figure, "Line chart of the smoothed loss over the learning rate."), key="lr.curve")
    if sweeps.done and not was_done:
        st.rerun()  # once, so that the suggestions and the race appear
