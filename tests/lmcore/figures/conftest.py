"""Figures are built unvalidated, for speed; in these tests, Plotly checks every property of every figure."""

from collections.abc import Callable

import numpy as np
import pytest

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.figures import style
from lmcore.training.history import Change, History, Snapshot
from lmcore.training.loss_curve import LossCurve, loss_curve


@pytest.fixture(autouse=True)
def validated(monkeypatch: pytest.MonkeyPatch) -> None:
    make = style.go.Figure
    monkeypatch.setattr(style.go, "Figure", lambda given, _validate: make(given))


@pytest.fixture(scope="session")
def markup() -> Corpus:
    """Documents whose characters look like markup."""
    return from_text("<b>\n&a;", config=CorpusConfig(units="lines"))


MakeCurve = Callable[..., LossCurve]


@pytest.fixture
def curve() -> MakeCurve:
    """Makes a loss curve that falls from 3.3 to 2.0, with a snapshot at both ends."""

    def make(steps: int, changes: tuple[Change, ...] = (), diverged: int = 0, dev: bool = True) -> LossCurve:
        history = History()
        history.add(np.linspace(3.3, 2.0, steps, dtype=np.float32))
        losses = [(0, 3.3, 3.3), (steps, 2.0, 2.1)] if steps else []
        snapshots = [
            Snapshot(step, {"train/loss": train} | ({"dev/loss": dev_loss} if dev else {}))
            for step, train, dev_loss in losses
        ]
        return loss_curve(history, snapshots, 27, changes, np.full(diverged, 50.0, np.float32))

    return make
