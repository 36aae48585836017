"""Readers: reading a text at once is reading it one character at a time."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.cache import default_key
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.errors import UserError
from lmcore.families import make_reader, make_trainer
from lmcore.generation import sampling
from lmcore.generation.reader import MAX_WINDOWS, Reader, RecurrentReader, WindowReader
from lmcore.generation.sampling import SampleConfig
from lmcore.models.mlp import MLPConfig
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.models.recurrent import CELLS, RecurrentConfig
from lmcore.models.recurrent_net import RecurrentNet
from lmcore.training.checkpoint import BEST
from lmcore.training.config import RunConfig, TrainConfig


class SumModel:
    """Sees two characters, and predicts their sum modulo the size of the vocabulary, 3."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(x.sum(1) % 3, 3).float() * 5


def one_by_one(reader: Reader, ids: list[int]) -> torch.Tensor:
    logits, state = reader.start(1)
    read = [logits]
    for index in ids:
        logits, state = reader.step(torch.tensor([index]), state)
        read.append(logits)
    return torch.cat(read)


@given(st.lists(st.integers(0, 2), max_size=9))
def test_a_window_model_reads_a_text_at_once_as_one_by_one(ids: list[int]) -> None:
    reader = WindowReader(SumModel(), 2)
    assert torch.equal(reader.logits(torch.tensor(ids, dtype=torch.int64)), one_by_one(reader, ids))


def test_a_long_text_is_read_in_parts() -> None:
    reader = WindowReader(SumModel(), 2)
    ids = torch.arange(MAX_WINDOWS + 100) % 3
    logits = reader.logits(ids)
    assert len(logits) == len(ids) + 1
    assert torch.equal(logits[2:].argmax(1), (ids[:-1] + ids[1:]) % 3)


def test_a_model_without_a_context_needs_no_window() -> None:
    class NoContext:
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[1] == 0
            return torch.zeros(len(x), 3)

    reader = WindowReader(NoContext(), 0)
    assert reader.logits(torch.tensor([1, 2])).shape == (3, 3)
    logits, state = reader.start(4)
    assert reader.step(torch.zeros(4, dtype=torch.int64), state)[0].shape == logits.shape == (4, 3)


def recurrent_models() -> list[Any]:
    nets = [
        RecurrentNet(RecurrentConfig(cell=cell, embedding=4, hidden=6, layers=2), 5, torch.Generator().manual_seed(1))
        for cell in CELLS
    ]
    return [RNN(RNNConfig(hidden=6, scale=0.5), 5, np.random.default_rng(0)), *nets]


@pytest.mark.parametrize("model", recurrent_models(), ids=["numpy", *CELLS])
def test_a_recurrent_model_reads_a_text_at_once_as_one_by_one(model: Any) -> None:
    reader, ids = RecurrentReader(model, (1, 3)), [0, 4, 2, 2, 1, 0, 3]
    at_once = torch.log_softmax(reader.logits(torch.tensor(ids)), 1)
    assert torch.allclose(at_once, torch.log_softmax(one_by_one(reader, ids), 1), atol=1e-5)
    _, state = model.step(np.array([1]), model.initial_state(1))
    after_opening, _ = model.step(np.array([3]), state)
    assert torch.equal(reader.start(1)[0], torch.as_tensor(after_opening))


def test_one_reader_serves_several_threads(documents: Corpus) -> None:
    config = RunConfig(model=MLPConfig(hidden=64), train=TrainConfig(batch_size=4))
    reader, settings = make_trainer(config, documents).reader, SampleConfig(count=40, length=20)
    alone = sampling.draw(reader, documents, settings).ids
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: sampling.draw(reader, documents, settings).ids, range(12)))
    assert all(np.array_equal(alone, ids) for ids in together)


# ---------------------------------------------------------------- snapshots


@pytest.mark.parametrize("model", [MLPConfig(batch_norm="hidden"), RNNConfig(hidden=6), RecurrentConfig(hidden=8)])
def test_the_reader_of_a_snapshot_travels_as_its_weights(model: Any, names: Corpus) -> None:
    config = RunConfig(model=model, corpus=names.config or CorpusConfig(), train=TrainConfig(steps=20))
    trainer = make_trainer(config, names)
    trainer.train_for(60.0)
    ids = torch.tensor([3, 1, 0, 5])
    snapshot = trainer.snapshot()
    reader = make_reader(config, replace(snapshot, state={"theta": np.zeros(10**6)}), names)
    for _ in range(2):  # before and after it has built the network
        travelled = pickle.dumps(reader)
        assert len(travelled) < 1.2 * snapshot.nbytes + len(pickle.dumps(names)) + 5000
        assert torch.equal(pickle.loads(travelled).logits(ids), trainer.reader.logits(ids))
        assert torch.equal(reader.logits(ids), trainer.reader.logits(ids))


def test_readers_of_the_same_snapshot_are_the_same_key_of_a_cache(names: Corpus) -> None:
    config = RunConfig(model=MLPConfig(hidden=5))
    snapshot, other = (make_trainer(config, names).snapshot() for _ in range(2))
    key = default_key(make_reader(config, snapshot, names))
    assert default_key(make_reader(config, snapshot, names)) == key
    assert default_key(make_reader(config, other, names)) != key


def test_a_snapshot_without_weights_that_suit_has_no_reader(names: Corpus) -> None:
    config = RunConfig(model=MLPConfig(hidden=5))
    snapshot = make_trainer(config, names).snapshot()
    with pytest.raises(UserError, match="no weights"):
        make_reader(config, snapshot.without_weights(), names)
    with pytest.raises(UserError, match="no weights"):
        make_reader(config, snapshot, names, BEST)
    with pytest.raises(UserError, match="have changed"):
        make_reader(RunConfig(model=MLPConfig(hidden=6)), snapshot, names)
