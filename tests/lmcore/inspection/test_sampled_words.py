"""Words in a long sample."""

import math
import re

import numpy as np
import pytest

from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.families import make_trainer
from lmcore.generation import sampling
from lmcore.generation.sampling import SampleConfig
from lmcore.inspection.sampled_words import count_words, frequent_words, known_word_shares
from lmcore.models.mlp import MLPConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.training.config import RunConfig, TrainConfig

TEXT = 'The cat said "no". The dog said "yes, of course".\nA bird in 1984 sang on.\n' * 60
CORPUS = from_text(TEXT, config=CorpusConfig(units="running"))
TRAIN = TrainConfig(steps=400, seed=5, evaluate_every=100, clip="value", clip_threshold=5.0)
CONFIG = RunConfig(model=RNNConfig(hidden=16, sequence=10), train=TRAIN)


@pytest.mark.slow
def test_words_are_counted_in_a_long_sample_and_in_the_text() -> None:
    trainer = make_trainer(CONFIG, CORPUS)
    trainer.train(400)
    record = count_words(CONFIG, trainer.snapshot(), ["said", "zebra"], 20_000, corpus=CORPUS)
    table = record.table.set_index("word")
    assert table.loc["said", "in the text"] == pytest.approx(TEXT.count("said") / len(TEXT) * 10_000)
    assert table.loc["said", "sampled"] > 50
    assert table.loc["zebra", "sampled"] == 0
    assert np.isnan(table.loc["zebra", "first after"])
    # the first word is where it says
    settings = SampleConfig(count=20, length=1000, seed=42)
    first = CORPUS.vocabulary.decode(sampling.draw(trainer.reader, CORPUS, settings).ids[0])
    assert first[int(table.loc["said", "first after"]) :].startswith("said")
    # what is invented does not occur in the text
    known = set(re.findall("[A-Za-z]+", TEXT))
    assert not known & set(record.invented)
    assert 0.5 < record.share_known <= 1


def test_frequent_words_have_at_least_three_letters() -> None:
    assert frequent_words(CORPUS, 2) == ["The", "said"]
    assert all(len(word) > 2 for word in frequent_words(CORPUS))


def test_marks_belong_to_the_letters_of_a_word_in_every_script() -> None:
    corpus = from_text(
        "मीरा और मीरा, 12 मी e\u0301te\u0301 e\u0301te\u0301 could\u200cnot! " * 30,
        config=CorpusConfig(units="running"),
    )
    assert frequent_words(corpus, 2) == ["मीरा", "e\u0301te\u0301"]
    assert "could\u200cnot" in frequent_words(corpus)


@pytest.mark.slow
@pytest.mark.parametrize("model", [CONFIG.model, MLPConfig(hidden=30)], ids=["rnn", "mlp"])
def test_more_and_more_sampled_words_exist(model: RNNConfig | MLPConfig) -> None:
    config = CONFIG.model_copy(update={"model": model})
    snapshots = make_trainer(config, CORPUS).train_for(math.inf).snapshots
    shares = known_word_shares(config, snapshots, corpus=CORPUS)
    assert [step for step, _ in shares] == [snapshot.step for snapshot in snapshots]
    assert shares[-1][1] > shares[0][1] + 0.3


def test_snapshots_without_weights_are_left_out() -> None:
    snapshot = make_trainer(CONFIG, CORPUS).snapshot()
    shares = known_word_shares(CONFIG, [snapshot.without_weights(), snapshot], 200, CORPUS)
    assert [step for step, _ in shares] == [0]
    assert known_word_shares(CONFIG, [snapshot.without_weights()], 200, CORPUS) == []
