"""Layers and models by themselves: shapes, gradients, batch statistics, published starting values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lmcore import models
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import initialization
from lmcore.models import MLPConfig, NeuralBigramConfig, WaveNetConfig
from lmcore.nn.layers import BatchNorm1d, FlattenConsecutive, Linear, Parallel, ReLU, Sequential, Tanh
from lmcore.runs.worker import advance
from lmcore.training.training import RunConfig, TrainConfig, Trainer, cross_entropy
from tests.lmcore.test_training import small_corpus

DICE = torch.Generator()


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=DICE, dtype=torch.float64)


LAYERS = {
    "linear": lambda F: Linear(normal(F, 3), normal(3)),
    "linear without bias": lambda F: Linear(normal(F, 3)),
    "batch norm": lambda F: BatchNorm1d(normal(F), normal(F)),
    "tanh": lambda F: Tanh(),
    "relu": lambda F: ReLU(),
    "parallel": lambda F: Parallel(
        {"a": {"deep": Linear(normal(F, 3)), "tanh": Tanh()}, "b": {"straight": Linear(normal(F, 3))}}
    ),
}


def loss_of(model: Sequential, x: Tensor, weights: Tensor, parameters: dict[str, Tensor] | None = None) -> Tensor:
    out = model.plain(x, parameters if parameters is not None else model.parameters)
    return (out * weights).sum()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(LAYERS)),
    st.integers(2, 5),
    st.integers(0, 4),
    st.integers(1, 5),
    st.booleans(),
    st.integers(0, 99),
)
def test_every_layer_agrees_with_autograd_and_central_differences(
    kind: str, B: int, T: int, F: int, training: bool, seed: int
) -> None:
    DICE.manual_seed(seed)
    below = Linear(normal(F, F), normal(F))  # so that the gradient of the layer's input is seen too
    model = Sequential({"below": below, "layer": LAYERS[kind](F)})
    x = normal(B, T, F) if T else normal(B, F)
    for _ in range(3):
        model.forward(x)  # moves running statistics away from where they start
    for layer in model.leaves.values():
        layer.training = training
    out = model.forward(x)
    weights = normal(*out.shape)
    model.backward(weights)

    parameters = {name: p.clone().requires_grad_() for name, p in model.parameters.items()}
    plain = model.plain(x, parameters)
    torch.testing.assert_close(out, plain.detach(), rtol=1e-10, atol=1e-10)
    (plain * weights).sum().backward()
    for name, gradient in model.gradients.items():
        torch.testing.assert_close(gradient, parameters[name].grad, rtol=1e-10, atol=1e-10)
    if kind == "relu":
        return  # has a corner, where a difference is of no use
    for i in torch.randperm(len(model.theta), generator=DICE)[:8].tolist():
        values = []
        before = model.theta[i].item()
        for shifted in (before + 1e-5, before - 1e-5):
            model.theta[i] = shifted
            values.append(loss_of(model, x, weights).item())
        model.theta[i] = before
        assert model.grad[i].item() == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-7, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["mlp", "wavenet", "neural-bigram"]),
    st.integers(1, 5),
    st.integers(1, 8),
    st.integers(2, 9),
    st.integers(2, 12),
    st.sampled_from(["none", "hidden", "all"]),
    st.booleans(),
    st.integers(1, 3),
)
def test_every_model_agrees_with_autograd(
    family: str, embedding: int, hidden: int, B: int, V: int, norm: str, direct: bool, depth: int
) -> None:
    config = {
        "mlp": MLPConfig(
            context=depth, embedding=embedding, hidden=hidden, hidden_layers=depth, batch_norm=norm, direct=direct
        ),
        "wavenet": WaveNetConfig(context=2**depth, embedding=embedding, hidden=hidden, batch_norm=norm != "none"),
        "neural-bigram": NeuralBigramConfig(),
    }[family]
    dice = torch.Generator().manual_seed(hidden)
    model = models.build(config, V, dice, torch.float64)
    X = torch.randint(0, V, (B, config.context), generator=dice)
    Y = torch.randint(0, V, (B,), generator=dice)
    parameters = {name: p.clone().requires_grad_() for name, p in model.parameters.items()}
    expected = torch.nn.functional.cross_entropy(model.plain(X, parameters), Y)
    expected.backward()
    loss = cross_entropy(model.forward(X), Y.unsqueeze(1))
    model.backward(loss.grad_logits)
    assert -loss.log_probabilities.mean().item() == pytest.approx(expected.item(), abs=1e-12)
    for name, gradient in model.gradients.items():
        torch.testing.assert_close(gradient, parameters[name].grad, rtol=1e-10, atol=1e-10)


# ---------------------------------------------------------------- batch normalization


@pytest.mark.parametrize("shape", [(32, 5), (8, 4, 5)])
def test_batch_norm_is_torchs_but_for_the_unbiased_variance(shape: tuple[int, ...]) -> None:
    DICE.manual_seed(1)
    layer, x = BatchNorm1d(normal(5), normal(5), momentum=0.3), 3 + 2 * normal(*shape)
    n = 32
    oracle = torch.nn.BatchNorm1d(5, momentum=0.3, dtype=torch.float64)
    oracle.weight.data, oracle.bias.data = layer.parameters["gain"], layer.parameters["bias"]
    rows = x.reshape(-1, 5)
    oracle.eps = layer.EPS * (n - 1) / n  # eps is added to a variance that is smaller by this factor
    expected = (oracle(rows) - oracle.bias) * math.sqrt((n - 1) / n) + oracle.bias
    torch.testing.assert_close(layer.forward(x).reshape(-1, 5), expected.detach())
    torch.testing.assert_close(layer.statistics["mean"], oracle.running_mean)
    torch.testing.assert_close(layer.statistics["variance"], oracle.running_var)
    layer.training = False
    oracle.eval()
    oracle.eps = layer.EPS
    torch.testing.assert_close(layer.forward(x).reshape(-1, 5), oracle(rows).detach())


def test_examples_depend_on_each_other_in_training_only() -> None:
    DICE.manual_seed(2)
    model = Sequential({"norm": BatchNorm1d(torch.ones(4), torch.zeros(4))})
    x = normal(6, 4).float()
    other = x.clone()
    other[0] = 30
    trained = model.forward(x).clone()
    assert not torch.allclose(trained[1:], model.forward(other)[1:])
    with model.evaluating():
        kept = {name: tensor.clone() for name, tensor in model.statistics.items()}
        evaluated = model.forward(x).clone()
        assert torch.equal(evaluated[1:], model.forward(other)[1:])
        assert torch.allclose(evaluated[:1], model.forward(x[:1]))  # a batch of one is no different
    assert all(torch.equal(tensor, model.statistics[name]) for name, tensor in kept.items())
    assert model.leaves["norm"].training


def test_neighbors_are_fused_in_order() -> None:
    layer = FlattenConsecutive(2)
    x = torch.arange(12.0).view(1, 4, 3)
    assert layer.forward(x).tolist() == [[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]]
    assert layer.backward(layer.out).tolist() == x.tolist()
    assert FlattenConsecutive(4).forward(x).shape == (1, 12)


def test_a_batch_of_one_is_refused_where_it_is_normalized() -> None:
    config = RunConfig(model=MLPConfig(batch_norm="hidden"), train=TrainConfig(batch_size=1))
    with pytest.raises(UserError, match="at least 2"):
        Trainer(config, small_corpus()).train(1)
    Trainer(RunConfig(train=TrainConfig(batch_size=1)), small_corpus()).train(1)


def test_running_statistics_are_part_of_a_run() -> None:
    config = RunConfig(model=MLPConfig(hidden=8, batch_norm="hidden"), train=TrainConfig(steps=60))
    whole, cut = Trainer(config, small_corpus()), Trainer(config, small_corpus())
    whole.train(40)
    cut.train(15)
    other = Trainer(config, small_corpus())
    other.restore(cut.state())
    other.train(25)
    assert other.evaluate("dev") == whole.evaluate("dev")
    assert all(torch.equal(t, other.model.statistics[name]) for name, t in whole.model.statistics.items())
    settings = config.updated(corpus={"source": "given-names", "locales": ("de_DE",)}).model_dump()
    at_once, _ = advance(b"", settings, 60)
    halfway, report = advance(b"", settings, 60, 25)
    assert report["step"] == 25
    assert advance(halfway, settings, 60)[0] == at_once


# ---------------------------------------------------------------- published


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (MLPConfig(batch_norm="hidden"), 12_097),
        (MLPConfig(context=8, batch_norm="hidden"), 22_097),
        (WaveNetConfig(), 22_397),
        (WaveNetConfig(embedding=24, hidden=128), 76_579),
        (MLPConfig(hidden=100, hidden_layers=5, batch_norm="all"), 47_024),
    ],
)
def test_models_have_as_many_parameters_as_published(config: models.ModelConfig, parameters: int) -> None:
    assert len(models.build(config, 27, torch.Generator()).theta) == parameters


def test_the_first_batch_with_batch_norm_costs_what_is_published(names: Corpus) -> None:
    config = RunConfig(model=MLPConfig(**initialization.PRESETS["output × 0.01, hidden Kaiming, BatchNorm"]))
    record = initialization.start(config, names)
    assert record.loss == pytest.approx(3.3239, abs=5e-5)
    assert record.saturated["tanh"] == pytest.approx(0.004, abs=0.0005)


def test_training_with_batch_norm_equals_a_plain_autograd_loop(names: Corpus) -> None:
    steps = 3000
    model = MLPConfig(**initialization.PRESETS["output × 0.01, hidden Kaiming, BatchNorm"])
    trainer = Trainer(RunConfig(model=model, train=TrainConfig(steps=steps)), names)
    losses = trainer.train(steps)

    dice = torch.Generator().manual_seed(2147483647)
    C = torch.randn((27, 10), generator=dice)
    W1 = torch.randn((30, 200), generator=dice) * (5 / 3) / 30**0.5
    W2 = torch.randn((200, 27), generator=dice) * 0.01
    b2 = torch.randn(27, generator=dice) * 0
    gain, bias = torch.ones(1, 200), torch.zeros(1, 200)
    mean, deviation = torch.zeros(1, 200), torch.ones(1, 200)
    parameters = [C, W1, W2, b2, gain, bias]
    for p in parameters:
        p.requires_grad_()
    X, Y = (torch.from_numpy(array).long() for array in names.windows("train", 3))
    expected = []
    for _ in range(steps):
        ix = torch.randint(0, len(X), (32,), generator=dice)
        before = C[X[ix]].view(32, -1) @ W1
        h = torch.tanh(gain * (before - before.mean(0, keepdim=True)) / before.std(0, keepdim=True) + bias)
        loss = torch.nn.functional.cross_entropy(h @ W2 + b2, Y[ix])
        for p in parameters:
            p.grad = None
        loss.backward()
        with torch.no_grad():
            mean = 0.999 * mean + 0.001 * before.mean(0, keepdim=True)
            deviation = 0.999 * deviation + 0.001 * before.std(0, keepdim=True)
            for p in parameters:
                p -= 0.1 * p.grad
        expected.append(loss.item())
    assert losses[:50] == pytest.approx(expected[:50], abs=1e-3)
    assert np.mean(losses[-500:]) == pytest.approx(np.mean(expected[-500:]), abs=0.01)
    assert trainer.model.statistics["norm.mean"].numpy() == pytest.approx(mean[0].detach().numpy(), abs=0.05)


def test_the_deep_net_is_as_published(names: Corpus) -> None:
    """Five hidden layers with batch normalization everywhere, as in makemore, part 3."""
    model = MLPConfig(
        hidden=100, hidden_layers=5, batch_norm="all", hidden_scale=3 / 5, output_scheme="kaiming", output_scale=0.1
    )
    trainer = Trainer(RunConfig(model=model, train=TrainConfig(steps=1001)), names)
    losses = trainer.train(1001)
    assert losses[0] == pytest.approx(3.2870, abs=5e-5)
    tanhs = [layer for layer in trainer.model.leaves.values() if isinstance(layer, Tanh)]
    saturated = [float((layer.out.abs() > 0.97).float().mean()) * 100 for layer in tanhs]
    assert saturated == pytest.approx([2.78, 2.56, 2.25, 1.69, 1.88], abs=0.02)
    assert trainer.evaluate("train") == pytest.approx(2.4003, abs=0.0005)
    assert trainer.evaluate("dev") == pytest.approx(2.3982, abs=0.0005)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 4, 8, 16, 32]), st.integers(1, 30), st.integers(1, 100), st.booleans(), st.integers(2, 90))
def test_a_flat_rival_has_as_many_parameters_as_one_more_unit_can_decide(
    context: int, embedding: int, hidden: int, batch_norm: bool, V: int
) -> None:
    config = WaveNetConfig(context=context, embedding=embedding, hidden=hidden, batch_norm=batch_norm)
    rival = models.flat_rival(config, V)
    assert (rival.context, rival.embedding) == (context, embedding)
    difference = abs(models.count_parameters(config, V) - models.count_parameters(rival, V))
    assert difference <= context * embedding + 2 + V or rival.hidden == 2048  # as wide as an MLP may be
