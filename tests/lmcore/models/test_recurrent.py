"""Recurrent networks in PyTorch: their parameters, dropout, and reading of texts."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.models import recurrent
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.models.recurrent import CELLS, RecurrentConfig, detach, flatten_state, parameter_matched
from lmcore.models.recurrent_net import RecurrentNet

CONFIGS = st.builds(
    RecurrentConfig,
    cell=st.sampled_from(sorted(CELLS)),
    embedding=st.integers(1, 6),
    hidden=st.integers(1, 7),
    layers=st.integers(1, 3),
)


@settings(max_examples=30)
@given(CONFIGS)
def test_parameters_and_gradients_are_views_of_two_vectors(config: RecurrentConfig) -> None:
    net = RecurrentNet(config, 5, torch.Generator().manual_seed(0), torch.float64)
    ids, targets = torch.tensor([[0, 1], [2, 3], [4, 0]]), torch.tensor([1, 2, 3, 4, 0, 1])

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(net.forward(ids, None)[0].flatten(0, 1), targets)

    loss().backward()
    found, at, h = net.grad.clone(), int(net.grad.abs().argmax()), 1e-5
    with torch.no_grad():
        before = net.theta[at].item()
        net.theta[at] = before + h
        above = loss().item()
        net.theta[at] = before - h
        below = loss().item()
    assert found[at].item() == pytest.approx((above - below) / (2 * h), rel=1e-4)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_has_the_same_weights_once_and_shares_no_memory(
    copied: Callable[[RecurrentNet], RecurrentNet],
) -> None:
    network = RecurrentNet(RecurrentConfig(hidden=64, layers=3), 30, torch.Generator().manual_seed(3))
    other, theta = copied(network), network.theta.clone()
    assert len(pickle.dumps(network)) < 1.1 * theta.nbytes
    other.theta += 1  # of which its parameters are views
    assert all(
        (mine.detach() + 1 == its).all() for mine, its in zip(network.parameters(), other.parameters(), strict=True)
    )
    assert torch.equal(network.theta, theta)


def test_the_forget_gate_of_an_lstm_starts_open() -> None:
    net = RecurrentNet(RecurrentConfig(cell="lstm", hidden=4, layers=2), 5, torch.Generator().manual_seed(0))
    for layer in net.layers:
        bias = layer.get_parameter("bias_ih_l0") + layer.get_parameter("bias_hh_l0")
        assert bias[4:8].tolist() == [1, 1, 1, 1]


def test_the_vanilla_cell_equals_the_rnn_in_numpy() -> None:
    scratch = RNN(RNNConfig(hidden=9, scale=0.4), 6, np.random.default_rng(0), np.float64)
    net = RecurrentNet(RecurrentConfig(cell="rnn", embedding=6, hidden=9), 6, torch.Generator(), torch.float64)
    weights = net.state_dict()
    own = {"embedding.weight": np.eye(6), "layers.0.weight_ih_l0": scratch.U, "layers.0.weight_hh_l0": scratch.W}
    own |= {"layers.0.bias_ih_l0": scratch.b, "layers.0.bias_hh_l0": 0 * scratch.b}
    own |= {"output.weight": scratch.V, "output.bias": scratch.c}
    with torch.no_grad():
        for name, array in own.items():
            weights[name].copy_(torch.from_numpy(array))
    ids, targets = np.arange(20) % 6, (np.arange(20) * 5 + 1) % 6
    loss = scratch.forward(ids, targets, np.zeros(9))
    scratch.backward()
    logits, hidden_states, _ = net.forward(torch.from_numpy(ids).unsqueeze(1), None)
    other = torch.nn.functional.cross_entropy(logits[:, 0], torch.from_numpy(targets), reduction="sum")
    other.backward()
    assert other.item() == pytest.approx(loss, rel=1e-12)
    assert hidden_states[:, 0].detach().numpy() == pytest.approx(scratch.h[1:], abs=1e-12)
    for name, ours in (("layers.0.weight_hh_l0", "W"), ("layers.0.weight_ih_l0", "U"), ("output.weight", "V")):
        assert net.get_parameter(name).grad.numpy() == pytest.approx(scratch.gradients[ours], abs=1e-10)


def test_dropout_zeroes_its_share_of_the_embeddings_and_keeps_their_mean() -> None:
    net = RecurrentNet(RecurrentConfig(dropout=0.3, embedding=500), 5, torch.Generator().manual_seed(0))
    received = []
    net.layers[0].register_forward_pre_hook(lambda layer, inputs: received.append(inputs[0]))
    with torch.no_grad():
        net.embedding.weight.fill_(1)
        net.forward(torch.zeros((200, 1), dtype=torch.int64), None, torch.Generator().manual_seed(1))
        net.forward(torch.zeros((200, 1), dtype=torch.int64), None)
    dropped, whole = received
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert (whole == 1).all()


# ---------------------------------------------------------------- reading text


@pytest.mark.parametrize("cell", CELLS)
def test_reading_a_text_equals_stepping_through_it(cell: str) -> None:
    net = RecurrentNet(RecurrentConfig(cell=cell, embedding=4, hidden=8, layers=2), 6, torch.Generator().manual_seed(1))
    ids = np.arange(15) % 6
    log_p, hidden_states, after_reading = net.read(ids, net.initial_state(1))
    assert hidden_states.shape == (15, 16)
    state = net.initial_state(3)
    for t, index in enumerate(ids):
        logits, state = net.step(np.full(3, index), state)
        assert torch.log_softmax(logits, 1)[2].numpy() == pytest.approx(log_p[t], abs=1e-5)
    read, stepped = flatten_state(after_reading), flatten_state(state)
    assert len(read) == (4 if cell == "lstm" else 2)
    assert all(torch.allclose(a[:, 0], b[:, 2], atol=1e-6) for a, b in zip(read, stepped, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_can_be_flattened_and_detached(cell: str) -> None:
    net = RecurrentNet(RecurrentConfig(cell=cell, hidden=3, layers=2), 6, torch.Generator().manual_seed(1))
    _, _, state = net.forward(torch.tensor([[1], [2]]), None)
    again = flatten_state(net.unflatten_state(flatten_state(state)))
    assert all(a is b for a, b in zip(flatten_state(state), again, strict=True))
    for part, cut in zip(flatten_state(state), flatten_state(detach(state)), strict=True):
        assert part.requires_grad
        assert not cut.requires_grad
        assert torch.equal(part, cut)


# ---------------------------------------------------------------- equal sizes


def test_parameter_matched_networks_have_about_as_many_parameters() -> None:
    config = RecurrentConfig(cell="lstm", embedding=32, hidden=128)
    expected = recurrent.count_parameters(config, 65)
    matched = {cell: parameter_matched(config, cell, 65) for cell in CELLS}
    for other in matched.values():
        assert recurrent.count_parameters(other, 65) == pytest.approx(expected, rel=0.01)
    assert matched["lstm"] == config
    assert matched["rnn"].hidden > matched["gru"].hidden > 128
