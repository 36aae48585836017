"""Training with batch normalization: runs, and the numbers of the makemore lectures, part 3."""

import numpy as np
import pytest
import torch

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.families import make_trainer
from lmcore.inspection import initialization
from lmcore.models.mlp import MLPConfig
from lmcore.nn.layers import Tanh
from lmcore.runs.worker import advance
from lmcore.training.config import RunConfig, TrainConfig


def test_a_batch_of_one_is_refused_where_it_is_normalized(corpus: Corpus) -> None:
    config = RunConfig(model=MLPConfig(batch_norm="hidden"), train=TrainConfig(batch_size=1))
    with pytest.raises(UserError, match="at least 2"):
        make_trainer(config, corpus).train(1)
    make_trainer(RunConfig(train=TrainConfig(batch_size=1)), corpus).train(1)


def test_running_statistics_are_part_of_a_run(corpus: Corpus) -> None:
    config = RunConfig(model=MLPConfig(hidden=8, batch_norm="hidden"), train=TrainConfig(steps=60))
    whole, cut = make_trainer(config, corpus), make_trainer(config, corpus)
    whole.train(40)
    cut.train(15)
    other = make_trainer(config, corpus)
    other.load_state_dict(cut.state_dict())
    other.train(25)
    assert other.evaluate("dev") == whole.evaluate("dev")
    assert all(np.array_equal(a, other.model.statistics[name]) for name, a in whole.model.statistics.items())
    settings = config.updated(corpus={"source": "given-names", "locales": ("de_DE",)}).model_dump()
    at_once, _ = advance(b"", settings, 60)
    halfway, report = advance(b"", settings, 60, 25)
    assert report.step == 25
    assert advance(halfway, settings, 60)[0] == at_once


def test_the_first_batch_with_batch_norm_costs_what_is_published(names: Corpus) -> None:
    config = RunConfig(model=MLPConfig(**initialization.PRESETS["output × 0.01, hidden Kaiming, BatchNorm"]))
    record = initialization.first_batch(config, names)
    assert record.loss == pytest.approx(3.3239, abs=5e-5)
    assert record.saturated["tanh"] == pytest.approx(0.004, abs=0.0005)


@pytest.mark.slow
def test_training_with_batch_norm_equals_a_plain_autograd_loop(names: Corpus) -> None:
    steps = 3000
    model = MLPConfig(**initialization.PRESETS["output × 0.01, hidden Kaiming, BatchNorm"])
    trainer = make_trainer(RunConfig(model=model, train=TrainConfig(steps=steps)), names)
    losses = trainer.train(steps)

    generator = torch.Generator().manual_seed(2147483647)
    C = torch.randn((27, 10), generator=generator)
    W1 = torch.randn((30, 200), generator=generator) * (5 / 3) / 30**0.5
    W2 = torch.randn((200, 27), generator=generator) * 0.01
    b2 = torch.randn(27, generator=generator) * 0
    gain, bias = torch.ones(1, 200), torch.zeros(1, 200)
    mean, deviation = torch.zeros(1, 200), torch.ones(1, 200)
    parameters = [C, W1, W2, b2, gain, bias]
    for p in parameters:
        p.requires_grad_()
    X, Y = (torch.from_numpy(np.array(array)).long() for array in names.windows("train", 3))
    expected = []
    for _ in range(steps):
        ix = torch.randint(0, len(X), (32,), generator=generator)
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
    assert trainer.model.statistics["norm.mean"] == pytest.approx(mean[0].detach().numpy(), abs=0.05)


@pytest.mark.slow
def test_the_deep_net_is_as_published(names: Corpus) -> None:
    """Five hidden layers with batch normalization everywhere, as in makemore, part 3."""
    model = MLPConfig(
        hidden=100, hidden_layers=5, batch_norm="all", hidden_scale=3 / 5, output_scheme="kaiming", output_scale=0.1
    )
    trainer = make_trainer(RunConfig(model=model, train=TrainConfig(steps=1001)), names)
    losses = trainer.train(1001)
    assert losses[0] == pytest.approx(3.2870, abs=5e-5)
    tanhs = [layer for layer in trainer.model.leaves.values() if isinstance(layer, Tanh)]
    saturated = [float((np.abs(layer.out) > 0.97).mean()) * 100 for layer in tanhs]
    assert saturated == pytest.approx([2.78, 2.56, 2.25, 1.69, 1.88], abs=0.02)
    assert trainer.evaluate("train") == pytest.approx(2.4003, abs=0.0005)
    assert trainer.evaluate("dev") == pytest.approx(2.3982, abs=0.0005)
