"""Recurrent networks of PyTorch, and their runs."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.generation import passages
from lmcore.generation.sampling import SampleConfig
from lmcore.models import recurrent
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.models.recurrent import CELLS, Lanes, RecurrentConfig, RecurrentNet
from lmcore.runs.run import Run
from lmcore.runs.worker import advance
from lmcore.training import trainers
from lmcore.training.history import MAX_KEPT_ALWAYS
from lmcore.training.training import DivergedError, RunConfig, TrainConfig, train_for

TEXT = "The cat said no. The dog said yes, of course.\nA bird in 1984 sang on.\n" * 60
NOVEL = from_text(TEXT, config=CorpusConfig(units="running"))
NAMES = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 40, config=CorpusConfig(units="lines"))
TRAIN = TrainConfig(steps=120, batch_size=4, optimizer="adam", learning_rate=0.01, seed=5, evaluate_every=100)
CONFIG = RunConfig(model=RecurrentConfig(embedding=6, hidden=16, sequence=12), train=TRAIN)
SHAPES = st.builds(
    RecurrentConfig,
    cell=st.sampled_from(sorted(CELLS)),
    embedding=st.integers(1, 6),
    hidden=st.integers(1, 7),
    layers=st.integers(1, 3),
)


def config_of(**model: object) -> RunConfig:
    return CONFIG.updated(model=CONFIG.model.updated(**model).model_dump())


def trained(steps: int, corpus=NOVEL, config: RunConfig = CONFIG) -> trainers.InTorch:
    trainer = trainers.InTorch(config, corpus)
    trainer.train(steps)
    return trainer


# ---------------------------------------------------------------- the network


@settings(max_examples=40)
@given(SHAPES, st.integers(1, 9))
def test_the_size_is_known_before_the_network_is_built(config: RecurrentConfig, V: int) -> None:
    net = RecurrentNet(config, V, torch.Generator().manual_seed(0))
    assert len(net.theta) == recurrent.size(config, V) == sum(weight.numel() for weight in net.parameters())


@settings(max_examples=30)
@given(SHAPES)
def test_weights_and_gradients_are_views_of_two_vectors(config: RecurrentConfig) -> None:
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


def test_the_plain_cell_is_the_network_from_scratch() -> None:
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
    logits, states, _ = net.forward(torch.from_numpy(ids).unsqueeze(1), None)
    other = torch.nn.functional.cross_entropy(logits[:, 0], torch.from_numpy(targets), reduction="sum")
    other.backward()
    assert other.item() == pytest.approx(loss, rel=1e-12)
    assert states[:, 0].detach().numpy() == pytest.approx(scratch.h[1:], abs=1e-12)
    for name, ours in (("layers.0.weight_hh_l0", "W"), ("layers.0.weight_ih_l0", "U"), ("output.weight", "V")):
        assert net.get_parameter(name).grad.numpy() == pytest.approx(scratch.gradients[ours], abs=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_reading_at_once_is_advancing_one_by_one(cell: str) -> None:
    net = RecurrentNet(RecurrentConfig(cell=cell, embedding=4, hidden=8, layers=2), 6, torch.Generator().manual_seed(1))
    ids = np.arange(15) % 6
    log_p, states, carried = net.read(ids, net.initial(1))
    assert states.shape == (15, 16)
    one = net.initial(3)
    for t, index in enumerate(ids):
        logits, one = net.advance(np.full(3, index), one)
        assert torch.log_softmax(logits, 1)[2].numpy() == pytest.approx(log_p[t], abs=1e-5)
    whole, parts = recurrent.flattened(carried), recurrent.flattened(one)
    assert len(whole) == (4 if cell == "lstm" else 2)
    assert all(torch.allclose(a[:, 0], b[:, 2], atol=1e-6) for a, b in zip(whole, parts, strict=True))


def test_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    net = RecurrentNet(RecurrentConfig(dropout=0.3), 5, torch.Generator().manual_seed(0))
    dropped = net._drop(torch.ones(200, 500), torch.Generator().manual_seed(1))
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(net._drop(torch.ones(3), None), torch.ones(3))


def test_rivals_have_about_as_many_parameters() -> None:
    config = RecurrentConfig(cell="lstm", embedding=32, hidden=128)
    wanted = recurrent.size(config, 65)
    for cell in CELLS:
        assert recurrent.size(recurrent.rival(config, cell, 65), 65) == pytest.approx(wanted, rel=0.01)
    assert recurrent.rival(config, "lstm", 65) == config
    assert recurrent.rival(config, "rnn", 65).hidden > recurrent.rival(config, "gru", 65).hidden > 128


@given(st.integers(2, 5), st.integers(1, 7), st.integers(20, 90))
def test_lanes_read_the_text_in_order_and_again(count: int, length: int, n: int) -> None:
    ids = np.arange(n, dtype=np.int32)
    if n < count * (length + 1):
        with pytest.raises(UserError, match="too short"):
            Lanes(ids, count, length)
        return
    lanes = Lanes(ids, count, length)
    x, y = lanes.next()
    assert torch.equal(y, x + 1)
    assert torch.equal(x[0], torch.arange(count) * (n // count))
    while lanes.epoch == 0:
        before = x
        lanes.carried = [torch.ones(1)]
        x, _ = lanes.next()
        assert lanes.epoch == 1 or torch.equal(x[0], before[-1] + 1)
    assert torch.equal(x[0], torch.arange(count) * (n // count))
    assert lanes.carried is None


# ---------------------------------------------------------------- its runs


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_a_text_with_a_rhythm(cell: str) -> None:
    corpus = from_text("abacbd" * 200, config=CorpusConfig(units="running"))  # b is followed by a or d
    config = config_of(cell=cell, dropout=0.1)
    losses = trained(120, corpus, config).train(80)
    assert losses[-1] < 0.25


@pytest.mark.parametrize("cell", CELLS)
def test_it_goes_on_bit_for_bit_after_a_restore(cell: str) -> None:
    config = config_of(cell=cell, layers=2, dropout=0.2)
    whole, cut = trained(90, config=config), trained(40, config=config)
    other = trainers.InTorch(config, NOVEL)
    other.restore({name: array.copy() for name, array in cut.state().items()})
    other.train(50)
    for name, array in whole.state().items():
        assert np.array_equal(array, other.state()[name]), name


def test_a_worker_advances_it_like_any_run() -> None:
    config = CONFIG.updated(corpus={"source": "given-names", "locales": ("de_DE",)}).model_dump()
    at_once, report = advance(b"", config, 60)
    assert report["step"] == 120
    halfway, _ = advance(b"", config, 60, 50)
    assert advance(halfway, config, 60)[0] == at_once


def test_another_batch_size_begins_the_text_anew() -> None:
    trainer = trained(30)
    trainer.config = CONFIG.updated(train=TRAIN.updated(batch_size=8).model_dump())
    trainer.train(1)
    assert trainer.lanes.ids.shape[1] == 8
    assert trainer.lanes.position == 12


def test_a_step_clips_the_norm_of_the_whole_gradient() -> None:
    config = config_of(clip_at=1e-3).updated(train=TRAIN.updated(optimizer="sgd", learning_rate=1.0).model_dump())
    trainer = trainers.InTorch(config, NOVEL)
    before = trainer.theta.copy()
    trainer.train(1)
    assert np.linalg.norm(trainer.theta - before) == pytest.approx(1e-3, rel=0.01)


def test_the_best_network_is_kept_and_is_no_alias() -> None:
    trainer = trained(100)
    best = trainer.best.copy()
    trainer.smoothed = trainer.best_smoothed = 0.01  # as after a long training: what follows is worse
    trainer.train(10)
    assert np.array_equal(trainer.best, best)
    snapshot = trainer.snapshot()
    for which, theta in ((trainers.BEST, best), (trainers.LAST, trainer.theta)):
        assert np.array_equal(trainers.network(CONFIG, NOVEL, snapshot, which).theta.numpy(), theta)


def test_the_loss_of_a_split_leaves_nothing_out() -> None:
    trainer = trained(60, config=config_of(dropout=0.5))
    log_p, _, _ = trainer.model.read(NOVEL.streams["dev"][:40], trainer.model.initial(1))
    expected = -log_p[np.arange(40), NOVEL.streams["dev"][1:41]].mean()
    assert trainer.evaluate("dev", 40) == pytest.approx(expected, rel=1e-6)
    assert trainer.evaluate("dev", 40) == trainer.evaluate("dev", 40)


def test_a_rate_far_too_high_is_told() -> None:
    config = CONFIG.updated(train=TRAIN.updated(learning_rate=1000.0, optimizer="sgd").model_dump())
    with pytest.raises(DivergedError, match="learning rate of 100"):
        trainers.InTorch(config, NOVEL).train(200)


def test_snapshots_of_large_networks_keep_the_last_weights_only() -> None:
    small, large = config_of(), config_of(hidden=256)
    for config in (small, large):
        run = Run(config)
        result = train_for(trainers.InTorch(config, NOVEL), math.inf, until=10)
        assert len(result.snapshots) == 5
        parameters = recurrent.size(config.model, len(NOVEL.vocabulary))
        assert (parameters > MAX_KEPT_ALWAYS) == (config is large)
        report = result._asdict() | {"step": 10, "parameters": parameters}
        run.fold(b"", report)
        keeping = [snapshot.step for snapshot in run.snapshots if "last/theta" in snapshot.arrays]
        assert keeping == ([10] if config is large else [0, 1, 2, 5, 10])
        assert run.snapshots[-1].seconds > run.snapshots[0].seconds >= 0
        assert run.seconds >= run.snapshots[-1].seconds
    with pytest.raises(UserError, match="keeps no weights"):
        trainers.network(large, NOVEL, run.snapshots[0])


def test_names_end_where_the_network_ends_them() -> None:
    texts = trained(120, NAMES).sample(SampleConfig(count=20, seed=1, length=30))
    assert not any("." in text for text in texts)
    assert {len(text) for text in texts} != {30}


def test_words_and_units_are_looked_at_as_in_the_network_from_scratch() -> None:
    trainer = trained(120, config=config_of(layers=2))
    record = passages.words(trainer.config, trainer.snapshot(), ["said"], 5000, corpus=NOVEL)
    assert record.total > 500
    ids = passages.encode(NOVEL, "The cat said")
    assert passages.activations(trainer.model, ids).shape == (12, 32)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a" * 5000, "one distinct character"),
        ("shorter", "too short"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 3000))) * 4, ""),
    ],
    ids=["one distinct character", "shorter than a sequence", "3,000 distinct characters"],
)
def test_texts_at_the_edges_work_or_are_refused_in_words(text: str, message: str) -> None:
    if message:
        with pytest.raises(UserError, match=message):
            trainers.InTorch(CONFIG, from_text(text, config=CorpusConfig(units="running")))
        return
    corpus = from_text(text, config=CorpusConfig(units="running"))
    losses = trained(3, corpus).train(2)
    assert np.isfinite(losses).all()
    assert losses[0] == pytest.approx(math.log(len(corpus.vocabulary)), abs=0.6)


def test_a_step_of_too_much_work_is_refused_in_words() -> None:
    config = CONFIG.updated(train=TRAIN.updated(batch_size=16_384).model_dump()).updated(
        model=CONFIG.model.updated(hidden=1024, sequence=1000).model_dump()
    )
    with pytest.raises(UserError, match="smaller batch"):
        trainers.InTorch(config, NOVEL)
