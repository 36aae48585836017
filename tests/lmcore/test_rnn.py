import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rnn import difference
from lmcore import corpora, sampling, texts
from lmcore.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.scratch import rnn, unrolled
from lmcore.scratch.rnn import RNN, AdaGrad, Clip, RNNConfig, Stream

TEXT = np.random.default_rng(3).integers(0, 7, 400)


def model_of(
    hidden: int = 8, sequence: int = 6, K: int = 7, scale: float = 0.3, seed: int = 0, dtype: Any = np.float64
) -> RNN:
    config = RNNConfig(hidden=hidden, sequence=sequence, scale=scale)
    return RNN(config, K, np.random.Generator(np.random.PCG64(seed)), dtype)


def ready(ids: Any = TEXT, dtype: Any = np.float64, seed: int = 0) -> tuple[RNN, AdaGrad, Stream]:
    model = model_of(dtype=dtype, seed=seed)
    return model, AdaGrad(model.theta), Stream(ids, 6, 8, dtype)


# ---------------------------------------------------------------- gradients


@given(
    hidden=st.integers(1, 15),
    T=st.integers(1, 12),
    K=st.integers(2, 12),
    scale=st.sampled_from([0.2, 0.3, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_gradients_equal_central_differences_and_autograd(
    hidden: int, T: int, K: int, scale: float, seed: int
) -> None:
    dice = np.random.default_rng(seed)
    model = model_of(hidden, T, K, scale, seed)
    ids, h = dice.integers(0, K, T + 1), np.tanh(dice.standard_normal(hidden))
    record = unrolled.check(model, ids[:-1], ids[1:], h, entries=10**6)
    errors = dict(zip(record.names, record.differences, strict=True))
    assert max(errors[name] for name in "WUV") < 1e-6
    assert max(errors[name] for name in "bc") < 1e-8
    assert record.autograd.max() < 1e-10


def test_gradients_of_the_reference_size_are_exact() -> None:
    model = model_of(100, 25, 56, 0.01)
    ids = np.random.default_rng(0).integers(0, 56, 26)
    record = unrolled.check(model, ids[:-1], ids[1:], np.full(100, 0.5), entries=5)
    assert record.autograd.max() < 1e-10
    assert record.differences.max() < 1e-8


def test_a_wrong_backward_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RNN.backward

    def forgetful(self: RNN) -> None:
        right(self)
        self.gradients["W"] *= 1.01

    monkeypatch.setattr(RNN, "backward", forgetful)
    record = unrolled.check(model_of(), TEXT[:6], TEXT[1:7], np.zeros(8))
    for errors in (record.differences, record.autograd):
        assert errors[0] == pytest.approx(0.01, rel=0.02)
        assert errors[1:].max() < 1e-8


def test_steps_equal_those_of_the_textbook() -> None:
    assert difference(RNNConfig(hidden=30, sequence=10), TEXT, steps=60, rate=0.1) < 1e-9


def test_a_sequence_of_another_length_needs_no_other_model() -> None:
    model, h = model_of(), np.zeros(8)
    whole = model.forward(TEXT[:20], TEXT[1:21], h)
    first = model.forward(TEXT[:6], TEXT[1:7], h)
    assert first + model.forward(TEXT[6:20], TEXT[7:21], model.h[-1].copy()) == pytest.approx(whole, rel=1e-12)


def test_starting_weights_are_drawn_in_a_fixed_order() -> None:
    model = model_of(hidden=3, K=4, scale=0.01, seed=5)
    dice = np.random.Generator(np.random.PCG64(5))
    for weight in (model.W, model.U, model.V):
        assert np.array_equal(weight, dice.standard_normal(weight.shape) * 0.01)
    assert not model.b.any()
    assert not model.c.any()
    assert np.array_equal(model_of(3, 6, 4, 0.01, 5, np.float32).theta, model.theta.astype(np.float32))


# ---------------------------------------------------------------- the step


def test_the_state_is_carried_and_reset_at_each_epoch() -> None:
    model, optimiser, stream = ready(TEXT[:20])  # three sequences of 6 an epoch
    began, ended = [], []
    for _ in range(7):
        rnn.step(model, optimiser, stream, 0.1)
        began.append(model.h[0].copy())
        ended.append(model.h[-1].copy())
    assert stream.epoch == 2
    assert stream.position == 6
    for i in range(7):
        assert np.array_equal(began[i], np.zeros(8) if i % 3 == 0 else ended[i - 1])
    assert all(end.any() for end in ended)


def test_an_epoch_reads_every_whole_sequence_once() -> None:
    stream = Stream(np.arange(19), 6, 8)  # the last target is the last character
    read = [stream.next() for _ in range(4)]
    assert np.array_equal(np.concatenate([ids for ids, _ in read]), [*range(18), *range(6)])
    assert all(np.array_equal(ids + 1, targets) for ids, targets in read)
    with pytest.raises(UserError, match="needs at least 7"):
        Stream(np.arange(6), 6, 8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_restored_run_goes_on_bit_for_bit(dtype: Any) -> None:
    run, other = ready(dtype=dtype), ready(dtype=dtype, seed=1)
    for _ in range(100):
        rnn.step(*run, 0.1)
    held = rnn.state(*run)
    expected = [rnn.step(*run, 0.1) for _ in range(100)]
    rnn.restore(*other, held)
    assert [rnn.step(*other, 0.1) for _ in range(100)] == expected
    for name, array in rnn.state(*run).items():
        assert np.array_equal(array, rnn.state(*other)[name])


def test_a_state_of_another_model_is_refused() -> None:
    held = rnn.state(*ready())
    with pytest.raises(UserError, match=r"float64, this model has .* float32"):
        rnn.restore(*ready(dtype=np.float32), held)


@pytest.mark.parametrize(
    ("clip", "expected"),
    [("values", [3.0, -5.0, 5.0, 0.0]), ("norm", [3 / 3, -6 / 3, 6 * 2 / 3, 0.0]), ("none", [3.0, -6.0, 12.0, 0.0])],
)
def test_clipping(clip: Clip, expected: list[float]) -> None:
    grad = np.array([3.0, -6.0, 12.0, 0.0])
    at = {"values": 5.0, "norm": math.sqrt(189) / 3, "none": 1.0}[clip]
    rnn.hold_back(grad, clip, at)
    assert grad == pytest.approx([3.0, -6.0, 12.0, 0.0] if clip == "none" else _norm_or(clip, expected))
    small = grad / 100
    rnn.hold_back(small, clip, at)
    assert np.array_equal(small, grad / 100)
