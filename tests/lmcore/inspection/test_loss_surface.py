import dataclasses

import numpy as np
import pytest

from lmcore.errors import UserError
from lmcore.families import load_data, make_trainer, run_config_from_settings
from lmcore.inspection.loss_surface import loss_surface
from lmcore.training.classifier import steps_per_epoch

CONFIG = run_config_from_settings({"source": "moons", "family": "logistic-regression", "learning_rate": 0.3})


def test_the_surface_is_the_loss_and_all_paths_start_together() -> None:
    record = loss_surface(CONFIG, 1, 2, epochs=10, n_points=9)
    assert record.names == ("x1 → B", "x2 → B")
    assert set(record.paths) == {"batch", "minibatch", "stochastic"}
    assert all((path[0] == 0).all() for path in record.paths.values())

    minibatch = make_trainer(CONFIG)
    minibatch.train(10 * steps_per_epoch(CONFIG.train, len(minibatch.y)))
    np.testing.assert_allclose(record.paths["minibatch"][-1], minibatch.model.theta[1:])

    probe = make_trainer(CONFIG)
    probe.model.theta[:] = minibatch.model.theta[0], record.x[3], record.y[7]
    assert record.losses[7, 3] == pytest.approx(probe.metrics("train")["loss"], abs=1e-12)


def test_a_descent_that_diverges_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_data(CONFIG)
    too_large = dataclasses.replace(data, X_train=data.X_train * 1e200)
    monkeypatch.setattr("lmcore.families.load_data", lambda config: too_large)
    with pytest.raises(UserError, match=r"descent diverges at a learning rate of 0\.3\. Choose"):
        loss_surface(CONFIG, 0, 1, 40)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (-1, 0), (0, 3)])
def test_two_different_weights_are_needed(first: int, second: int) -> None:
    with pytest.raises(UserError, match="two different weights"):
        loss_surface(CONFIG, first, second)


def test_a_linear_classifier_is_needed() -> None:
    with pytest.raises(UserError, match="linear"):
        loss_surface(run_config_from_settings({"family": "mlp-classifier"}), 0, 1)
