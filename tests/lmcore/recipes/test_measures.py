"""Numbers are read from a run, and only from the step that they belong to."""

import numpy as np
import pytest

from lmcore.families import make_trainer, run_config_from_settings
from lmcore.recipes import measures
from lmcore.recipes.recipe import FirstStep
from lmcore.runs.run import Run
from lmcore.runs.worker import advance
from lmcore.training.config import RunConfig
from lmcore.training.history import History, Snapshot, TestEvaluation


def test_losses_are_read_from_the_snapshot_of_their_step_only() -> None:
    snapshots = (
        Snapshot(10, {"train/loss": 2.0, "dev/loss": 2.1}),
        Snapshot(20, {"train/loss": 1.9}, arrays={"smoothed_loss": np.array([50.0, 49.0], np.float32)}),
    )
    run = FirstStep(RunConfig(), 0, History(), snapshots, (TestEvaluation(20, {"loss": 1.7}), TestEvaluation(30, {})))
    assert measures.train_loss(10)(run) == 2.0
    assert measures.dev_loss(10)(run) == 2.1
    assert measures.train_loss(15)(run) is None
    assert measures.dev_loss(20)(run) is None
    assert measures.smoothed_loss(20)(run) == 50.0
    assert measures.smoothed_loss(30)(run) is None
    assert measures.test_loss(20)(run) == 1.7
    assert measures.test_loss(10)(run) is None
    assert measures.test_loss(30)(run) is None


def test_nothing_is_known_of_a_run_that_has_not_started() -> None:
    run = FirstStep(RunConfig(), 0, History(), ())
    assert measures.n_parameters(run) is None
    assert measures.first_loss(run) is None
    assert measures.saturation("tanh", 0.97)(run) is None


def test_the_loss_of_a_whole_split_is_computed_from_the_weights_of_the_snapshot() -> None:
    config = run_config_from_settings({"source": "given-names", "steps": 20, "hidden": 10})
    run = Run(config)
    run.fold(*advance(*run.next_slice(), 1.0, 20))
    trainer = make_trainer(config)
    trainer.train(10)
    whole = trainer.evaluate("dev")
    assert whole != run.snapshots[4].loss("dev")  # that of a part
    assert run.snapshots[4].step == 10
    assert measures.whole_loss("dev", 10)(run) == pytest.approx(whole, abs=1e-6)
    assert measures.whole_loss("dev", 11)(run) is None


def test_saturation_is_that_of_the_minibatch_after_the_step() -> None:
    config = run_config_from_settings({"source": "given-names", "hidden_scheme": "normal", "steps": 20, "hidden": 30})
    run = Run(config)
    run.fold(*advance(*run.next_slice(), 1.0, 20))
    share = measures.saturation("tanh", 0.9, step=10)(run)
    trainer = make_trainer(config)
    trainer.train(10)
    trainer.model.forward(trainer.training_examples(trainer.draw_batches(1)[0])[0])
    assert share == pytest.approx((np.abs(trainer.model.leaves["tanh"].out) > 0.9).mean())
    assert measures.saturation("tanh", 0.9, step=11)(run) is None
