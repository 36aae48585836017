"""Recurrent networks on probe sequences: cells against hand-computed numbers and PyTorch's, gradients by distance."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lmcore.data.corpora import Corpus
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.inspection import recurrent_activations as inspected
from lmcore.inspection.recurrent_activations import CELL_STEPS, gate_table, gru_step, lstm_step, saturated
from lmcore.training.config import RunConfig

SMALL = {"family": "recurrent", "hidden": 7, "embedding": 5, "sequence": 12, "batch_size": 4}


def config_of(**settings: Any) -> RunConfig:
    config = run_config_from_settings(SMALL | settings)
    assert isinstance(config, RunConfig)
    return config


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def row(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_a_gru_step_by_hand() -> None:
    step = gru_step(row(0.1, 0.2, 0.3), row(0.4, 0.5, 0.6), {"h": row(0.7)})
    reset, update = sigmoid(0.5), sigmoid(0.7)
    new = math.tanh(0.3 + reset * 0.6)
    assert step.gates["reset"].item() == pytest.approx(reset)
    assert step.gates["update"].item() == pytest.approx(update)
    assert step.states["h"].item() == pytest.approx((1 - update) * new + update * 0.7)


def test_an_lstm_step_by_hand() -> None:
    step = lstm_step(row(0.1, 0.2, 0.3, 0.4), row(0.5, 0.6, 0.7, 0.8), {"h": row(9), "c": row(-0.5)})
    c = sigmoid(0.8) * -0.5 + sigmoid(0.6) * math.tanh(1.0)
    assert {name: gate.item() for name, gate in step.gates.items()} == pytest.approx(
        {"input": sigmoid(0.6), "forget": sigmoid(0.8), "output": sigmoid(1.2)}
    )
    assert step.states["c"].item() == pytest.approx(c)
    assert step.states["h"].item() == pytest.approx(sigmoid(1.2) * math.tanh(c))


TORCH_CELLS = {"rnn": torch.nn.RNNCell, "gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}


@pytest.mark.parametrize("name", TORCH_CELLS)
def test_a_step_is_that_of_the_cell_of_pytorch(name: str) -> None:
    cell = TORCH_CELLS[name](3, 4, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    x, h, c = (torch.randn(5, size, generator=generator, dtype=torch.float64) for size in (3, 4, 4))
    expected = cell(x, (h, c)) if name == "lstm" else (cell(x, h),)
    W, U, b, d = cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    step = CELL_STEPS[name](x @ W.T + b, h @ U.T + d, {"h": h, "c": c})
    for ours, theirs in zip(step.states.values(), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_the_hidden_states_are_those_of_the_network(cell: str, layers: int, corpus: Corpus) -> None:
    config = config_of(cell=cell, layers=layers)
    record = inspected.recurrent_activations(config, corpus=corpus)
    trainer = make_trainer(config, corpus)
    ids = inspected._probe_sequences(trainer)
    assert ids.shape == (13, 32)
    with torch.no_grad():
        _, expected, _ = trainer.model.forward(ids[:-1], None)  # (T, B, layers * H)
    found = np.concatenate(list(record.hidden.values()), 1)
    assert found == pytest.approx(expected.reshape(12 * 32, -1).numpy(), abs=1e-5)
    names = ["h"] if layers == 1 else ["h 1", "h 2"]
    assert list(record.hidden) == names
    n_gates = {"rnn": 0, "gru": 2, "lstm": 3}[cell]
    assert len(record.gates) == n_gates * layers
    assert all(((values > 0) & (values < 1)).all() for values in record.gates.values())
    assert len(record.gradients) == layers * (2 if cell == "lstm" else 1)


def test_the_numpy_network_has_the_same_hidden_states_and_gradients(corpus: Corpus) -> None:
    config = run_config_from_settings({"family": "rnn", "hidden": 6, "sequence": 9, "scale": 0.5})
    assert isinstance(config, RunConfig)
    record = inspected.recurrent_activations(config, corpus=corpus)
    trainer = make_trainer(config, corpus)
    ids = inspected._probe_sequences(trainer).numpy()  # (T + 1, B)
    model = trainer.model.copy(np.float64)
    norms = []
    for b, sequence in enumerate(ids.T):
        model.forward(sequence[:-1], sequence[1:], np.zeros(6))
        assert record.hidden["h"][b::32] == pytest.approx(model.h[1:], abs=1e-6)
        d_o = model.p[-1].copy()
        d_o[sequence[-1]] -= 1
        d_h, own = d_o @ model.V, []
        for state in model.h[:0:-1]:  # the recursion of the lesson: W' diag(1 - h²)
            own.append(np.linalg.norm(d_h))
            d_h = (d_h * (1 - state**2)) @ model.W
        norms.append(own)
    assert record.gradients["h"] == pytest.approx(np.mean(norms, 0), rel=1e-4)
    assert record.gates == {}


def test_a_forget_gate_that_is_open_carries_the_gradient_of_the_cell_state_back(corpus: Corpus) -> None:
    config, kept = config_of(cell="lstm"), {}
    for bias in (-8.0, 8.0):
        trainer = make_trainer(config, corpus)
        trainer.model.layers[0].get_parameter("bias_ih_l0").data[7:14] = bias
        record = inspected.recurrent_activations(config, trainer.snapshot(), corpus)
        kept[bias] = record.gradients["c"][-1] / record.gradients["c"][0]
        forget = gate_table(record).set_index("gate").loc["forget"]
        assert (forget["shut"], forget["open"]) == ((1, 0) if bias < 0 else (0, 1))
        assert record.open["forget"].tolist() == [float(bias > 0)] * 7
    assert kept[8.0] > 0.2
    assert kept[-8.0] < 1e-6


def test_saturated_hidden_states_are_counted(corpus: Corpus) -> None:
    config = config_of(cell="rnn")
    assert saturated(inspected.recurrent_activations(config, corpus=corpus)) < 0.5
    trainer = make_trainer(config, corpus)
    trainer.model.layers[0].get_parameter("bias_ih_l0").data[:] = 20
    assert saturated(inspected.recurrent_activations(config, trainer.snapshot(), corpus)) == 1
