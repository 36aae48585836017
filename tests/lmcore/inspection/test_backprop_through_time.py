from collections.abc import Callable

import numpy as np
import pytest
import torch

from lmcore.errors import UserError
from lmcore.inspection.backprop_through_time import gradient_through_time, spectral_radius, unrolled_pass
from lmcore.models.numpy_rnn import RNN

MakeRNN = Callable[..., RNN]
TEXT = np.random.default_rng(3).integers(0, 7, 400)


def test_unrolled_tensors_obey_the_equations(make_rnn: MakeRNN) -> None:
    model, h = make_rnn(), np.full(8, 0.3)
    ids, targets = TEXT[:6], TEXT[1:7]
    record = unrolled_pass(model, ids, targets, h)
    for t in range(6):
        before = h if t == 0 else record.h[t - 1]
        assert record.a[t] == pytest.approx(model.W @ before + model.U[:, ids[t]] + model.b)
        assert record.h[t] == pytest.approx(np.tanh(record.a[t]))
        assert record.o[t] == pytest.approx(model.V @ record.h[t] + model.c)
        assert record.p[t] == pytest.approx(np.exp(record.o[t]) / np.exp(record.o[t]).sum())
        assert record.losses[t] == pytest.approx(-np.log(record.p[t, targets[t]]))
    p, d_p = record.p, record.d_p
    assert record.d_o == pytest.approx(p * (d_p - (d_p * p).sum(1, keepdims=True)))  # through the softmax
    assert record.d_h == pytest.approx(record.d_h_from_output + record.d_h_from_later)
    assert record.d_a == pytest.approx(record.d_h / np.cosh(record.a) ** 2)
    assert not record.d_h_from_later[-1].any()
    W = sum(np.outer(d, before) for d, before in zip(record.d_a, [h, *record.h[:-1]], strict=True))
    assert record.gradients["W"] == pytest.approx(W)


def test_an_unrolled_record_does_not_change_with_the_next_step(make_rnn: MakeRNN) -> None:
    model, h = make_rnn(), np.zeros(8)
    record = unrolled_pass(model, TEXT[:6], TEXT[1:7], h)
    arrays = [array for array in vars(record).values() if isinstance(array, np.ndarray)] + [*record.gradients.values()]
    copies = [array.copy() for array in arrays]
    model.forward(TEXT[10:16], TEXT[11:17], h)
    model.backward()
    assert all(np.array_equal(*pair) for pair in zip(arrays, copies, strict=True))


def test_the_gradient_of_the_last_loss_vanishes_or_explodes_with_the_radius(make_rnn: MakeRNN) -> None:
    model = make_rnn(hidden=60, sequence=25, scale=0.01)
    ids, targets, h = TEXT[:25], TEXT[1:26], np.zeros(60)
    small, large = (gradient_through_time(model, ids, targets, h, radius) for radius in (0.5, 1.5))
    own = gradient_through_time(model, ids, targets, h)
    assert own.spectral_radius == pytest.approx(spectral_radius(model.W))
    for record, radius in ((small, 0.5), (large, 1.5)):
        assert record.spectral_radius == radius
        per_step = (record.linear_norms[24] / record.linear_norms[12]) ** (1 / 12)
        assert per_step == pytest.approx(radius, rel=0.1)
    assert small.norms[24] < 1e-6 * small.norms[0]
    assert large.norms[24] > 5 * large.norms[0]


def test_the_gradient_of_the_last_loss_is_that_of_autograd(make_rnn: MakeRNN) -> None:
    model, h = make_rnn(), np.full(8, 0.3)
    record = gradient_through_time(model, TEXT[:6], TEXT[1:7], h, 0.8)
    W = torch.from_numpy(model.W * (0.8 / spectral_radius(model.W)))
    states = [torch.from_numpy(h).requires_grad_()]
    for x in TEXT[:6]:
        states.append(torch.tanh(W @ states[-1] + torch.from_numpy(model.U[:, x] + model.b)))
    logits = torch.from_numpy(model.V) @ states[-1] + torch.from_numpy(model.c)
    gradients = torch.autograd.grad(-torch.log_softmax(logits, 0)[TEXT[6]], states[1:])
    assert record.norms == pytest.approx([gradient.norm().item() for gradient in reversed(gradients)])


def test_a_matrix_of_zeros_cannot_be_rescaled(make_rnn: MakeRNN) -> None:
    with pytest.raises(UserError, match="scale above 0"):
        gradient_through_time(make_rnn(scale=0.0), TEXT[:6], TEXT[1:7], np.zeros(8), 1.5)
