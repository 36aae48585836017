"""Models to compare with."""

import math

import numpy as np
import pytest

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.generation.baselines import COUNT_CONFIGS, UNIFORM, baseline_losses, baseline_readers
from lmcore.generation.scoring import losses, score_text


def test_guessing_costs_ln_V_and_longer_contexts_cost_less(documents: Corpus) -> None:
    readers = baseline_readers(documents)
    assert list(readers) == ["uniform", "unigram", "bigram", "trigram"]
    means = score_text(documents, readers, "mia").mean_losses
    assert means["uniform"] == pytest.approx(math.log(len(documents.vocabulary)))
    assert means["trigram"] < means["bigram"] < means["unigram"] < means["uniform"]


def test_a_unigram_is_the_counts_of_the_train_split(documents: Corpus) -> None:
    stream, V = documents.streams["train"].astype(np.int64), len(documents.vocabulary)
    p = (np.bincount(stream, minlength=V) + 1) / (len(stream) + V)
    expected = -np.log(p[[*documents.vocabulary.encode("mia"), 0]]).mean()
    means = score_text(documents, baseline_readers(documents), "mia").mean_losses
    assert means["unigram"] == pytest.approx(expected)


def test_no_baseline_has_seen_the_held_out_splits() -> None:
    assert all(config.counted == "train" for config in COUNT_CONFIGS.values())
    corpus = from_text("ab" * 400 + "xy" * 100, config=CorpusConfig(units="running"))  # x and y are never in train
    assert baseline_losses(corpus, "train")["unigram"] < math.log(2.1)
    assert baseline_losses(corpus, "dev")["unigram"] == pytest.approx(math.log(804))


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_losses_of_a_split_are_the_mean_over_its_characters(running_text: Corpus, split: str) -> None:
    readers, found = baseline_readers(running_text), baseline_losses(running_text, split)
    stream = running_text.streams[split].astype(np.int64)
    assert list(found) == list(readers)
    for n, name in enumerate(COUNT_CONFIGS):  # an n-gram is scored after its first n - 1 characters
        assert found[name] == pytest.approx(losses(readers[name], stream)[n:].mean(), rel=1e-6)


def test_tables_that_would_be_too_large_are_left_out() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 6000)))
    corpus = from_text(text, config=CorpusConfig(units="running"))
    assert list(baseline_readers(corpus)) == [UNIFORM, "unigram"]
    assert list(baseline_losses(corpus)) == [UNIFORM, "unigram"]


def test_an_empty_split_has_the_loss_of_guessing_only(abc: Corpus) -> None:
    only_train = from_text("ab", config=CorpusConfig(units="lines"))
    assert baseline_losses(only_train) == {UNIFORM: math.log(3)}
    assert UNIFORM in baseline_losses(abc)
