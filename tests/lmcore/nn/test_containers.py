"""Models made of layers: one vector of parameters, copies, and what each layer received."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from lmcore.nn.containers import Parallel, Sequential
from lmcore.nn.layers import BatchNorm1d, Linear, Tanh


def small_model() -> Sequential:
    normal = np.random.default_rng(5).standard_normal
    branches = {
        "deep": {"hidden": Linear(normal((4, 3)), normal(3)), "tanh": Tanh()},
        "direct": {"skip": Linear(normal((4, 3)))},
    }
    return Sequential(
        {"first": Linear(normal((2, 4))), "sum": Parallel(branches), "norm": BatchNorm1d(normal(3), normal(3))}
    )


def test_all_parameters_and_gradients_are_views_of_two_vectors() -> None:
    model = small_model()
    assert list(model.parameters) == [
        "first.weight",
        "hidden.weight",
        "hidden.bias",
        "skip.weight",
        "norm.gain",
        "norm.bias",
    ]
    assert np.array_equal(model.theta, np.concatenate([p.reshape(-1) for p in model.parameters.values()]))
    assert list(model.matrices) == ["first.weight", "hidden.weight", "skip.weight"]
    for name, where in model.matrices.items():
        assert np.array_equal(model.theta[where], model.parameters[name].reshape(-1))
    model.theta[:] = 0
    model.grad[:] = 1
    for layer in model.leaves.values():
        assert not any(p.any() for p in layer.parameters.values())
        assert all((gradient == 1).all() for gradient in layer.gradients.values())


@pytest.mark.parametrize("copy", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_a_model_has_its_weights_and_shares_no_memory(copy: Callable[[Sequential], Sequential]) -> None:
    model, x = small_model(), np.random.default_rng(6).standard_normal((5, 2))
    model.forward(x)  # moves the running statistics
    other = copy(model)
    with model.evaluation_mode(), other.evaluation_mode():
        before = model.forward(x).copy()
        assert np.array_equal(other.forward(x), before)
        other.theta += 1  # of which its layers hold views
        assert not np.allclose(other.forward(x), before)
        assert np.array_equal(model.forward(x), before)


def test_layer_inputs_names_every_leaf_and_what_it_received() -> None:
    model, x = small_model(), np.random.default_rng(6).standard_normal((5, 2))
    model.forward(x)
    inputs = {name: received for name, _, received in model.layer_inputs(x)}
    assert list(inputs) == ["first", "hidden", "tanh", "skip", "norm"]
    assert inputs["first"] is x
    assert inputs["hidden"] is inputs["skip"] is model.leaves["first"].out
    assert inputs["tanh"] is model.leaves["hidden"].out
    np.testing.assert_allclose(inputs["norm"], model.leaves["tanh"].out + model.leaves["skip"].out)


def test_only_batch_norm_makes_examples_depend_on_each_other() -> None:
    assert small_model().has_batch_norm
    assert not Sequential({"linear": Linear(np.zeros((2, 2)))}).has_batch_norm
