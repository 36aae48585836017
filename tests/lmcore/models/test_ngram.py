import itertools
import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.data import encoding
from lmcore.data.corpora import SPLITS, Corpus, CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.generation.reader import WindowReader
from lmcore.generation.sampling import SampleConfig, sample, sample_in_turn
from lmcore.models.ngram import CountConfig, NGram, bigram_counts, mean_loss, normalize, score, table_size

LINES = CorpusConfig(units="lines")


def naive_counts(documents: list[str], order: int) -> dict[str, int]:
    """The loop over characters that everybody writes first."""
    counts: dict[str, int] = {}
    for document in documents:
        padded = "." * (order - 1) + document + "."
        for i in range(len(padded) - order + 1):
            counts[padded[i : i + order]] = counts.get(padded[i : i + order], 0) + 1
    return counts


@pytest.fixture(scope="module")
def counts(names: Corpus) -> np.ndarray:
    return bigram_counts(names.stream, 27, documents=True)


def test_the_names_have_the_published_bigrams(names: Corpus, counts: np.ndarray) -> None:
    assert counts.sum() == 228146
    assert (counts > 0).sum() == 627
    assert (counts == 0).sum() == 102
    top = np.argsort(-counts, axis=None)[:10]
    pairs = {names.vocabulary.decode(np.array(divmod(i, 27))): counts.flat[i] for i in top}
    assert pairs == {
        "n.": 6763,
        "a.": 6640,
        "an": 5438,
        ".a": 4410,
        "e.": 3983,
        "ar": 3264,
        "el": 3248,
        "ri": 3033,
        "na": 2977,
        ".k": 2963,
    }


@pytest.mark.parametrize(("smoothing", "expected"), [(0, 2.454014), (1, 2.454577)])
def test_the_names_cost_what_was_published(
    names: Corpus, counts: np.ndarray, smoothing: float, expected: float
) -> None:
    assert mean_loss(counts, normalize(counts, smoothing)) == pytest.approx(expected, abs=5e-7)
    assert NGram(names, CountConfig(smoothing=smoothing)).loss(names, "all") == pytest.approx(expected, abs=5e-7)


def test_guessing_by_frequency_alone_costs_what_was_published(names: Corpus) -> None:
    assert NGram(names, CountConfig(order=1)).loss(names, "all") == pytest.approx(2.822726, abs=5e-7)


def test_an_impossible_word_has_an_infinite_loss_until_smoothed(names: Corpus) -> None:
    raw = score(NGram(names, CountConfig()), names, "andrejq")
    assert raw.loss == math.inf
    assert raw.impossible == ("jq",)
    smoothed = score(NGram(names, CountConfig(smoothing=1)), names, "andrejq")
    assert smoothed.loss == pytest.approx(3.4834, abs=5e-5)
    assert smoothed.impossible == ()


def test_the_published_samples_come_out(names: Corpus) -> None:
    model = NGram(names, CountConfig(smoothing=1))
    drawn = sample_in_turn(WindowReader(model, 1), names, SampleConfig(count=5, seed=2147483647))
    assert drawn == ["mor", "axx", "minaymoryles", "kondlaisah", "anchshizarie"]


def test_counting_a_novel_is_quick_and_exact(novel_path: Path) -> None:
    corpus = from_text(encoding.decode(novel_path.read_bytes()).text, config=CorpusConfig(units="running"))
    V = len(corpus.vocabulary)
    began = time.perf_counter()
    counts = bigram_counts(corpus.stream, V, documents=False)
    assert time.perf_counter() - began < 2  # a tenth of that is wanted, see benchmarks; this catches a Python loop
    assert counts.sum() == len(corpus.stream) - 1
    text = corpus.vocabulary.decode(corpus.stream[:50_000])
    t, h = corpus.vocabulary.encode("th")
    assert bigram_counts(corpus.stream[:50_000], V, documents=False)[t, h] == text.count("th")


DOCUMENTS = st.lists(st.text("abc", min_size=1, max_size=6), min_size=1, max_size=12).filter(
    lambda documents: len(set("".join(documents))) > 1
)
MIXING = st.sampled_from(["none", "interpolation", "back-off"])


@settings(deadline=None)
@given(DOCUMENTS, st.integers(1, 5))
def test_counts_equal_the_naive_loop(documents: list[str], order: int) -> None:
    corpus = from_text("\n".join(documents), config=LINES)
    model = NGram(corpus, CountConfig(order=order))
    expected = naive_counts(documents, order)
    size = table_size(corpus, order)
    assert size.seen == len(expected)
    assert size.contexts == len({gram[:-1] for gram in expected}) == len(model.contexts)
    assert model.counts.sum() == sum(expected.values())
    for gram, number in expected.items():
        ids = [corpus.vocabulary.index[character] for character in gram]
        code = int(sum(digit * model.V ** (order - 2 - i) for i, digit in enumerate(ids[:-1])))
        row = int(np.searchsorted(model.contexts, code))
        assert model.counts[row, ids[-1]] == number


@settings(deadline=None)
@given(DOCUMENTS, st.integers(1, 4), MIXING, st.floats(0, 10))
def test_every_row_sums_to_one(documents: list[str], order: int, mixing: str, smoothing: float) -> None:
    corpus = from_text("\n".join(documents), config=LINES)
    model = NGram(corpus, CountConfig(order=order, mixing=mixing, smoothing=smoothing))
    everything = np.array(list(itertools.product(range(model.V), repeat=order - 1)), dtype=np.int32)
    p = model.probabilities(everything.reshape(model.V ** (order - 1), order - 1))
    assert p.sum(axis=1) == pytest.approx(np.ones(len(p)))
    assert (p >= 0).all()


@settings(deadline=None)
@given(DOCUMENTS, st.integers(1, 4))
def test_no_model_beats_the_entropy_of_its_own_counts(documents: list[str], order: int) -> None:
    corpus = from_text("\n".join(documents), config=LINES)
    entropy = NGram(corpus, CountConfig(order=order)).loss(corpus, "all")
    assert entropy is not None
    for config in (CountConfig(order=order, smoothing=0.7), CountConfig(order=order, mixing="back-off")):
        loss = NGram(corpus, config).loss(corpus, "all")
        assert loss is not None
        assert loss >= entropy - 1e-9


@pytest.mark.slow
@settings(deadline=None)
@given(DOCUMENTS, st.integers(0, 2**31), MIXING)
def test_the_same_seed_samples_the_same(documents: list[str], seed: int, mixing: str) -> None:
    corpus = from_text("\n".join(documents), config=LINES)
    model = NGram(corpus, CountConfig(order=3, mixing=mixing, smoothing=0.1))
    config = SampleConfig(count=3, seed=seed)
    assert sample(WindowReader(model, 2), corpus, config) == sample(WindowReader(model, 2), corpus, config)


def test_the_loss_of_a_split_is_the_mean_over_its_windows(names: Corpus) -> None:
    model = NGram(names, CountConfig(order=3, mixing="interpolation", counted="train", smoothing=0.01))
    for split in SPLITS:
        windows = names.windows(split, 2)
        p = model.probabilities(windows.X[:])[np.arange(len(windows.Y)), windows.Y]
        assert model.loss(names, split) == pytest.approx(-np.log(p).mean())


def test_higher_orders_fit_the_training_split_and_then_fail_on_dev(names: Corpus) -> None:
    losses = {}
    for order in (2, 3, 4, 5):
        model = NGram(names, CountConfig(order=order, smoothing=0.1, counted="train"))
        losses[order] = (model.loss(names, "train"), model.loss(names, "dev"))
    assert losses[5][0] < losses[4][0] < losses[3][0] < losses[2][0]
    assert losses[3][1] < losses[2][1]
    assert losses[5][1] > losses[4][1]


def test_back_off_helps_where_nothing_was_seen(names: Corpus) -> None:
    plain = NGram(names, CountConfig(order=4, counted="train"))
    mixed = NGram(names, CountConfig(order=4, counted="train", mixing="back-off"))
    assert plain.loss(names, "dev") == math.inf
    assert mixed.loss(names, "dev") < 2.2


@pytest.mark.slow
def test_a_table_beyond_the_limit_is_refused_in_words(novel_path: Path) -> None:
    corpus = from_text(encoding.decode(novel_path.read_bytes()).text, config=CorpusConfig(units="running"))
    assert table_size(corpus, 5).cells > 5_000_000
    big = from_text("".join(map(chr, range(300, 5300))) * 2, config=CorpusConfig(units="running"))
    with pytest.raises(UserError, match="lower order"):
        NGram(big, CountConfig(order=3))


def test_scoring_names_unknown_characters_and_asks_for_a_word(names: Corpus) -> None:
    model = NGram(names, CountConfig(order=3))
    with pytest.raises(UserError, match="é"):
        score(model, names, "émile")
    assert score(model, names, "emma").contexts == ("..", ".e", "em", "mm", "ma")
    running = from_text("abcabc", config=CorpusConfig(units="running"))
    with pytest.raises(UserError, match="at least 3"):
        score(NGram(running, CountConfig(order=3)), running, "ab")


def test_a_row_that_was_never_seen_is_uniform() -> None:
    assert normalize(np.array([[0, 0], [3, 1]])).tolist() == [[0.5, 0.5], [0.75, 0.25]]


def test_a_count_model_samples_through_its_log_probabilities() -> None:
    corpus = from_text("abc" * 50, config=CorpusConfig(units="running"))
    model = NGram(corpus, CountConfig())
    assert sample(WindowReader(model, 1), corpus, SampleConfig(count=2, length=6, prefix="a")) == ["abcabca"] * 2
    assert torch.isinf(model.forward(torch.tensor([[0]]))).sum() == 2


def test_counts_of_nothing_have_no_loss() -> None:
    assert np.isnan(mean_loss(np.zeros((2, 2), int), np.full((2, 2), 0.5)))
