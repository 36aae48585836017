"""The hierarchical model: its receptive field, and the MLP of the same size."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.models import mlp, wavenet
from lmcore.models.wavenet import WaveNetConfig, build_wavenet, parameter_matched_mlp


def test_every_level_halves_the_time_axis() -> None:
    config = WaveNetConfig(context=8, embedding=3, hidden=5)
    model = build_wavenet(config, 7, torch.Generator().manual_seed(0))
    logits = model.forward(np.arange(16).reshape(2, 8) % 7)
    assert logits.shape == (2, 7)
    shapes = {name: tuple(layer.out.shape) for name, layer in model.leaves.items() if name.startswith("tanh")}
    assert shapes == {"tanh": (2, 4, 5), "tanh2": (2, 2, 5), "tanh3": (2, 5)}


def test_a_pair_of_characters_affects_only_its_own_units_of_the_first_level() -> None:
    config = WaveNetConfig(context=8, hidden=5, batch_norm=False)
    model = build_wavenet(config, 7, torch.Generator().manual_seed(0))
    x = np.zeros((1, 8), np.int64)
    model.forward(x)
    before = model.leaves["tanh"].out.copy()
    x[0, 3] = 1
    model.forward(x)
    changed = (model.leaves["tanh"].out != before).any(2)[0]
    assert changed.tolist() == [False, True, False, False]


def test_normalized_over_the_batch_alone_every_position_has_statistics_of_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    model = build_wavenet(WaveNetConfig(context=8, hidden=5, norm_axes="batch"), 7, generator)
    model.forward(np.random.default_rng(0).integers(0, 7, (16, 8)))
    x, out = (model.leaves[name].out for name in ("hidden", "norm"))  # (B, T, F)
    expected = (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + 1e-5)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
    assert {name: len(layer.statistics["mean"]) for name, layer in model.leaves.items() if layer.statistics} == {
        "norm": 20, "norm2": 10, "norm3": 5
    }  # fmt: skip
    assert len(model.theta) == wavenet.count_parameters(WaveNetConfig(context=8, hidden=5), 7)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 4, 8, 16, 32]), st.integers(1, 30), st.integers(1, 100), st.booleans(), st.integers(2, 90))
def test_the_parameter_matched_mlp_differs_by_less_than_one_hidden_unit(
    context: int, embedding: int, hidden: int, batch_norm: bool, V: int
) -> None:
    config = WaveNetConfig(context=context, embedding=embedding, hidden=hidden, batch_norm=batch_norm)
    matched = parameter_matched_mlp(config, V)
    assert (matched.context, matched.embedding) == (context, embedding)
    difference = abs(wavenet.count_parameters(config, V) - mlp.count_parameters(matched, V))
    assert difference <= context * embedding + 2 + V or matched.hidden == 2048  # the maximum of an MLP
