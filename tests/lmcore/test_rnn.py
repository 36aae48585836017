import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rnn import difference
from lmcore.data import corpora, sources
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.generation import sampling
from lmcore.generation.sampling import SampleConfig, StateReader
from lmcore.inspection import backprop_through_time
from lmcore.models import numpy_rnn
from lmcore.models.numpy_rnn import RNN, AdaGrad, Clip, RNNConfig, Stream

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


@given(hidden=st.integers(4, 20), T=st.integers(1, 15), K=st.integers(4, 15), seed=st.integers(0, 2**32 - 1))
def test_gradients_equal_central_differences_and_autograd(hidden: int, T: int, K: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    model = model_of(hidden, T, K, 0.25, seed)  # neither saturated nor with gradients that are all rounding
    ids, h = dice.integers(0, K, T + 1), np.tanh(dice.standard_normal(hidden))
    record = backprop_through_time.check(model, ids[:-1], ids[1:], h, entries=10**6)
    errors = dict(zip(record.names, record.differences, strict=True))
    assert max(errors[name] for name in "WUV") < 1e-6
    assert max(errors[name] for name in "bc") < 1e-8
    assert record.autograd.max() < 1e-10


def test_gradients_of_the_reference_size_are_exact() -> None:
    model = model_of(100, 25, 56, 0.01)
    ids = np.random.default_rng(0).integers(0, 56, 26)
    record = backprop_through_time.check(model, ids[:-1], ids[1:], np.full(100, 0.5), entries=5)
    assert record.autograd.max() < 1e-10
    assert record.differences.max() < 1e-8


def test_a_wrong_backward_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RNN.backward

    def forgetful(self: RNN) -> None:
        right(self)
        self.gradients["W"] *= 1.01

    monkeypatch.setattr(RNN, "backward", forgetful)
    record = backprop_through_time.check(model_of(), TEXT[:6], TEXT[1:7], np.zeros(8))
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
    model, optimizer, stream = ready(TEXT[:20])  # three sequences of 6 an epoch
    began, ended = [], []
    for _ in range(7):
        numpy_rnn.step(model, optimizer, stream, 0.1)
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
        numpy_rnn.step(*run, 0.1)
    held = numpy_rnn.state(*run)
    expected = [numpy_rnn.step(*run, 0.1) for _ in range(100)]
    numpy_rnn.restore(*other, held)
    assert [numpy_rnn.step(*other, 0.1) for _ in range(100)] == expected
    for name, array in numpy_rnn.state(*run).items():
        assert np.array_equal(array, numpy_rnn.state(*other)[name])


def test_a_state_of_another_model_is_refused() -> None:
    held = numpy_rnn.state(*ready())
    with pytest.raises(UserError, match=r"float64, this model has .* float32"):
        numpy_rnn.restore(*ready(dtype=np.float32), held)


@pytest.mark.parametrize(
    ("clip", "at", "expected"),
    [
        ("values", 5.0, [3.0, -5.0, 5.0, 0.0]),
        ("values", 7.0, [3.0, -6.0, 6.0, 0.0]),
        ("norm", 4.5, [1.5, -3.0, 3.0, 0.0]),
        ("norm", 9.5, [3.0, -6.0, 6.0, 0.0]),
        ("none", 1.0, [3.0, -6.0, 6.0, 0.0]),
    ],
)
def test_clipping(clip: Clip, at: float, expected: list[float]) -> None:
    grad = np.array([3.0, -6.0, 6.0, 0.0])  # of norm 9
    numpy_rnn.hold_back(grad, clip, at)
    assert grad == pytest.approx(expected)


def test_a_step_clips_and_adagrad_scales() -> None:
    model, optimizer, stream = ready()
    before = model.theta.copy()
    numpy_rnn.step(model, optimizer, stream, 0.1, "values", 1e-2)
    assert np.abs(model.grad).max() == 1e-2
    assert optimizer.memory == pytest.approx(1e-8 + model.grad**2)
    assert model.theta == pytest.approx(before - 0.1 * model.grad / np.sqrt(1e-8 + model.grad**2))
    numpy_rnn.step(model, optimizer, stream, 0.1, "norm", 1e-2)
    assert np.linalg.norm(model.grad) == pytest.approx(1e-2)


def test_a_text_with_a_rhythm_is_learned() -> None:
    model, optimizer, stream = ready(np.tile([0, 1, 2, 3, 1, 5], 50))  # what follows 1 depends on what came before it
    losses = [numpy_rnn.step(model, optimizer, stream, 0.1) for _ in range(300)]
    assert losses[0] > 6 * math.log(7) / 2
    assert losses[-1] < 0.1


def test_smoothing_starts_where_it_is_told() -> None:
    assert numpy_rnn.smoothed([20.0, 0.0], 10.0, 0.9) == pytest.approx([11.0, 9.9])
    assert numpy_rnn.smoothed([100.0], 0.0) == pytest.approx([0.1])


def test_war_and_peace(novel_path: Path) -> None:
    text = sources.decode(novel_path.read_bytes()).text
    ids = corpora.from_text(text, config=CorpusConfig(units="running", lower_case=True)).stream
    K, config = int(ids.max()) + 1, RNNConfig()
    model = RNN(config, K, np.random.Generator(np.random.PCG64(42)))
    run = model, AdaGrad(model.theta), Stream(ids, config.sequence, config.hidden)
    start = config.sequence * math.log(K)
    averages = numpy_rnn.smoothed((numpy_rnn.step(*run, rate=0.1) for _ in range(10_000)), start)
    assert averages[0] == pytest.approx(start, abs=0.01)
    assert averages[-1] < 60  # 51.9 to 58.9 over 32 seeds, 53.2 for this one; rounding, too, decides where chaos leads


# ---------------------------------------------------------------- reading and sampling


def test_reading_gives_the_probabilities_of_the_forward_pass() -> None:
    model, h = model_of(), np.full(8, 0.3)
    loss = model.forward(TEXT[:6], TEXT[1:7], h)
    log_p, states, last = model.read(TEXT[:6], h)
    assert -log_p[np.arange(6), TEXT[1:7]].sum() == pytest.approx(loss)
    assert np.exp(log_p) == pytest.approx(model.p)
    assert np.array_equal(states, model.h[1:])
    assert np.array_equal(last, model.h[-1:])


def test_advancing_one_by_one_is_reading() -> None:
    model = model_of(scale=1.0)
    log_p, states, _ = model.read(TEXT[:6], model.initial(1))
    h = model.initial(3)
    for t, index in enumerate(TEXT[:6]):
        logits, h = model.advance(np.full(3, index), h)
        assert numpy_rnn.log_softmax(logits) == pytest.approx(np.tile(log_p[t], (3, 1)))
        assert h == pytest.approx(np.tile(states[t], (3, 1)))


def test_samples_follow_the_probabilities() -> None:
    corpus = corpora.from_text("abcabd" * 10, config=CorpusConfig(units="running"))
    model, B = model_of(K=4, scale=1.0), 1000
    reader = StateReader(model, 2)
    expected = np.exp(model.read(np.array([2]), model.initial(1))[0][0])
    seeds = range(20)
    drawn = [sampling.draw(reader, corpus, SampleConfig(count=B, length=1, seed=seed)) for seed in seeds]
    ids = np.concatenate([one.ids[:, 0] for one in drawn])
    assert np.bincount(ids, minlength=4) / len(ids) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / len(ids)))
    assert drawn[0].probabilities[:, 0] == pytest.approx(expected[drawn[0].ids[:, 0]])


# ---------------------------------------------------------------- unrolled


def test_unrolled_tensors_obey_the_equations() -> None:
    model, h = model_of(), np.full(8, 0.3)
    ids, targets = TEXT[:6], TEXT[1:7]
    shown = backprop_through_time.unroll(model, ids, targets, h)
    for t in range(6):
        before = h if t == 0 else shown.h[t - 1]
        assert shown.a[t] == pytest.approx(model.W @ before + model.U[:, ids[t]] + model.b)
        assert shown.h[t] == pytest.approx(np.tanh(shown.a[t]))
        assert shown.o[t] == pytest.approx(model.V @ shown.h[t] + model.c)
        assert shown.p[t] == pytest.approx(np.exp(shown.o[t]) / np.exp(shown.o[t]).sum())
        assert shown.losses[t] == pytest.approx(-np.log(shown.p[t, targets[t]]))
    p, h_, a = shown.p, shown.h, shown.a
    assert shown.d_o == pytest.approx(p * (shown.d_p - (shown.d_p * p).sum(1, keepdims=True)))  # through the softmax
    assert shown.d_h == pytest.approx(shown.from_output + shown.from_later)
    assert shown.d_a == pytest.approx(shown.d_h / np.cosh(a) ** 2)
    assert not shown.from_later[-1].any()
    W = sum(np.outer(d, before) for d, before in zip(shown.d_a, [h, *h_[:-1]], strict=True))
    assert shown.gradients["W"] == pytest.approx(W)


def test_an_unrolled_record_outlives_the_next_step() -> None:
    model, h = model_of(), np.zeros(8)
    shown = backprop_through_time.unroll(model, TEXT[:6], TEXT[1:7], h)
    arrays = [array for array in vars(shown).values() if isinstance(array, np.ndarray)] + [*shown.gradients.values()]
    held = [array.copy() for array in arrays]
    model.forward(TEXT[10:16], TEXT[11:17], h)
    model.backward()
    assert all(np.array_equal(*pair) for pair in zip(arrays, held, strict=True))


def test_the_last_loss_fades_and_explodes_with_the_radius() -> None:
    model = model_of(hidden=60, sequence=25, scale=0.01)
    ids, targets, h = TEXT[:25], TEXT[1:26], np.zeros(60)
    weak, strong = (backprop_through_time.fading(model, ids, targets, h, radius) for radius in (0.5, 1.5))
    assert backprop_through_time.spectral_radius(model.W) == pytest.approx(
        backprop_through_time.fading(model, ids, targets, h).radius
    )
    for record, radius in ((weak, 0.5), (strong, 1.5)):
        assert record.radius == radius
        assert (record.linear[24] / record.linear[12]) ** (1 / 12) == pytest.approx(radius, rel=0.1)
    assert weak.norms[24] < 1e-6 * weak.norms[0]
    assert strong.norms[24] > 5 * strong.norms[0]


def test_the_gradient_of_the_last_loss_is_that_of_autograd() -> None:
    model, h = model_of(), np.full(8, 0.3)
    record = backprop_through_time.fading(model, TEXT[:6], TEXT[1:7], h, 0.8)
    W = torch.from_numpy(model.W * (0.8 / backprop_through_time.spectral_radius(model.W)))
    states = [torch.from_numpy(h).requires_grad_()]
    for x in TEXT[:6]:
        states.append(torch.tanh(W @ states[-1] + torch.from_numpy(model.U[:, x] + model.b)))
    logits = torch.from_numpy(model.V) @ states[-1] + torch.from_numpy(model.c)
    gradients = torch.autograd.grad(-torch.log_softmax(logits, 0)[TEXT[6]], states[1:])
    assert record.norms == pytest.approx([gradient.norm().item() for gradient in reversed(gradients)])


def test_a_matrix_of_zeros_has_no_radius_to_change() -> None:
    with pytest.raises(UserError, match="scale above 0"):
        backprop_through_time.fading(model_of(scale=0.0), TEXT[:6], TEXT[1:7], np.zeros(8), 1.5)
