"""The guessing game."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.corpora import Corpus, from_text
from lmcore.errors import UserError
from lmcore.families import make_reader, make_trainer
from lmcore.generation import guessing_game
from lmcore.generation.baselines import baseline_readers
from lmcore.generation.guessing_game import PLAYER, Game, guess_loss, model_losses, new_game, ranking
from lmcore.generation.scoring import score_text
from lmcore.models.mlp import MLPConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.training.config import RunConfig


@given(st.integers(0, 10_000))
def test_a_game_is_a_piece_of_the_dev_split(running_text: Corpus, seed: int) -> None:
    game = new_game(running_text, seed, length=20, context=30)
    dev = running_text.vocabulary.decode(running_text.streams["dev"])
    assert running_text.vocabulary.decode(np.concatenate([game.context, game.targets])) in dev
    assert (len(game.context), len(game.targets)) == (30, 20)


def test_a_game_of_documents_begins_with_a_document(documents: Corpus) -> None:
    starts = {documents.vocabulary.decode(new_game(documents, seed, length=5).targets) for seed in range(30)}
    dev = [documents.documents[i] for i in documents.document_splits["dev"]]
    assert len(starts) > 1
    assert all(any((name + ".").startswith(start.split(".")[0]) for name in dev) for start in starts)
    assert len(new_game(documents, 1, length=5).context) == 0


def test_a_dev_split_that_is_too_short_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="longer text"):
        new_game(from_text("ab\nba\nabab\n"), 1)


def test_a_guess_costs_what_its_confidence_says() -> None:
    assert guess_loss(27, 0.5, True) == pytest.approx(math.log(2))
    assert guess_loss(27, 0.5, False) == pytest.approx(math.log(52))
    assert guess_loss(27, 1 / 27, True) == pytest.approx(guess_loss(27, 1 / 27, False))
    assert guess_loss(27, 0.99, False) > 7


def test_the_player_is_ranked_among_models_that_guessed_the_same_characters(running_text: Corpus) -> None:
    game, readers = new_game(running_text, 3), baseline_readers(running_text)
    losses = model_losses(running_text, game, readers)
    log_p = torch.log_softmax(readers["bigram"].logits(torch.from_numpy(np.append(game.context, game.targets))), 1)
    expected = [-log_p[len(game.context) + i, index].item() for i, index in enumerate(game.targets)]
    assert losses["bigram"] == pytest.approx(np.array(expected))
    means = ranking([0.0, 0.0], losses)
    assert next(iter(means)) == PLAYER
    assert means["bigram"] == pytest.approx(np.mean(expected[:2]))
    assert list(means.values()) == sorted(means.values())
    assert ranking([], losses) == {}


def test_in_a_game_of_documents_models_start_each_document_anew(documents: Corpus) -> None:
    targets = np.append(documents.encode("ava.mia", allow_boundary=True), 0).astype(np.int64)
    readers = baseline_readers(documents)
    losses = guessing_game.model_losses(documents, Game(np.zeros(0, np.int64), targets), readers)
    apart = [score_text(documents, readers, name).losses["trigram"] for name in ("ava", "mia")]
    assert losses["trigram"] == pytest.approx(np.concatenate(apart))


@pytest.mark.parametrize("model", [MLPConfig(hidden=8), RNNConfig(hidden=8)])
def test_the_snapshot_of_a_run_plays_as_its_model_does(model: Any, documents: Corpus) -> None:
    config = RunConfig(model=model)
    trainer = make_trainer(config, documents)
    game = Game(np.zeros(0, np.int64), np.append(documents.encode("ava.mia", allow_boundary=True), 0).astype(np.int64))
    readers = {"model": trainer.reader, "snapshot": make_reader(config, trainer.snapshot(), documents)}
    losses = guessing_game.model_losses(documents, game, readers)
    assert losses["snapshot"] == pytest.approx(losses["model"])
