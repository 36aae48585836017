import math
from typing import Any

import numpy as np
import pytest

from lmcore.families import make_trainer, run_config_from_settings
from lmcore.inspection.learning_curve import LearningCurve, TrainingEvents, learning_curve
from lmcore.training.history import History
from lmcore.training.loss_curve import XAxis

SETTINGS = {"family": "softmax-regression", "steps": 100, "examples": 100, "batch_size": 8, "dev_share": 0}


def trained(x_axis: XAxis = "steps", **settings: Any) -> LearningCurve:
    """A run of 100 steps: 10 epochs of 80 examples."""
    trainer = make_trainer(run_config_from_settings(SETTINGS | settings))
    report = trainer.train_for(60)
    history = History()
    history.add(report.losses)
    return learning_curve(history, report.snapshots, trainer.data, x_axis)


def test_the_record_has_the_events_of_schedule_clipping_and_early_stopping() -> None:
    record = trained(schedule="step", decay_every=4, clip="norm", clip_threshold=1e-6)
    assert record.events.learning_rates == ((40, 0.05), (80, 0.025))
    assert record.events.clipped == ((1, 100),)
    stopped = trained("epochs", early_stopping=True, stop_patience=3, min_change=5)
    assert stopped.events.stopped == (4,)


def test_events_are_in_the_unit_of_the_curve() -> None:
    record = trained("epochs", schedule="step", decay_every=4)
    assert record.events.learning_rates == ((4, 0.05), (8, 0.025))
    assert record.losses.x_axis == "epochs"
    assert record.losses.snapshot_steps[-1] == pytest.approx(10)
    assert record.losses.steps[0] == pytest.approx(0.1)


def test_over_time_the_curve_moves_forward() -> None:
    record = trained("CPU seconds")
    assert 0 < record.losses.steps[-1] <= record.losses.snapshot_steps[-1] * 1.001
    assert (np.diff(record.losses.steps) >= 0).all()


def test_accuracies_are_those_of_the_snapshots() -> None:
    record = trained(dev_share=0.2)
    assert set(record.accuracy) == {"train", "dev"}
    assert all(((values >= 0) & (values <= 1)).all() for values in record.accuracy.values())
    assert np.isnan(trained(dev_share=0).accuracy["dev"]).all()


def test_an_untrained_classifier_has_an_empty_curve() -> None:
    trainer = make_trainer(run_config_from_settings(SETTINGS))
    record = learning_curve(History(), (trainer.snapshot(),), trainer.data)
    assert len(record.losses.steps) == 0
    assert record.losses.guessing == pytest.approx(math.log(3))
    assert learning_curve(History(), (), trainer.data).events == TrainingEvents()
