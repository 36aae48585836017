"""The loss ladder: baselines and trained models of one text, by their dev loss."""

import math
from pathlib import Path

import pytest

from lmcore.data import corpora
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.models.mlp import MLPConfig
from lmcore.recipes import ladder
from lmcore.recipes.ladder import Ladder
from lmcore.training.config import RunConfig, TrainConfig

CORPUS = CorpusConfig(locales=("de_DE",))
MLP = RunConfig(corpus=CORPUS, model=MLPConfig(hidden=20), train=TrainConfig(steps=2000))


def test_it_leads_from_guessing_down_to_the_network(tmp_path: Path) -> None:
    climbed = ladder.climb(CORPUS, [MLP])
    losses = {rung.name: rung.loss for rung in climbed.rungs}
    assert list(losses) == ["uniform", "unigram", "bigram", "mlp"]
    assert list(losses.values()) == sorted(losses.values(), reverse=True)
    assert losses["uniform"] == math.log(len(corpora.load(CORPUS).vocabulary))
    assert climbed.rungs[-1].config == MLP
    climbed.save(tmp_path / "ladder.json")
    assert Ladder.read(tmp_path / "ladder.json") == climbed


def test_a_file_that_is_no_ladder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ladder.json").write_text('{"corpus": {}, "rungs": [{"name": "mlp", "loss": -1}]}')
    with pytest.raises(UserError, match=r"ladder\.json is not a loss ladder"):
        Ladder.read(tmp_path / "ladder.json")
