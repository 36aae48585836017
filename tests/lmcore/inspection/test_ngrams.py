import numpy as np
import pytest

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.inspection import ngrams
from lmcore.models.ngram import CountConfig, NGram, normalize


@pytest.fixture(scope="module")
def tiny() -> Corpus:
    return from_text("ab\nab\nba", config=CorpusConfig(units="lines"))


def test_the_matrix_sorts_and_keeps_the_most_frequent(names: Corpus) -> None:
    counts = ngrams.count_pairs(names)
    alphabet = ngrams.pair_matrix(names, counts, 0.0)
    assert alphabet.labels == list(names.vocabulary.labels)
    assert alphabet.counts.sum() == 228146
    frequent = ngrams.pair_matrix(names, counts, 0.0, order="frequency", max_shown=5)
    assert frequent.labels == ["a", ".", "e", "n", "i"]
    a, n = alphabet.labels.index("a"), alphabet.labels.index("n")
    assert alphabet.counts[a, n] == 5438
    assert alphabet.probabilities[a, n] == pytest.approx(0.1605, abs=5e-5)


def test_the_table_lists_all_pairs_with_the_missing_ones_last(names: Corpus) -> None:
    table = ngrams.pair_table(names, ngrams.count_pairs(names))
    assert len(table) == 729
    assert table["pair"].iloc[0] == "n."
    assert (table["count"] == 0).sum() == 102
    assert table["count"].is_monotonic_decreasing


def test_a_search_finds_pairs_and_is_cut_but_counted(names: Corpus) -> None:
    everything = ngrams.find_pairs(names, "all", max_rows=50)
    assert (everything.n_seen, everything.n_unseen) == (627, 102)
    assert (len(everything.seen), len(everything.unseen)) == (50, 50)
    found = ngrams.find_pairs(names, "all", "qu")
    assert found.seen["pair"].tolist() == ["qu"]
    assert found.n_unseen == 0
    smoothed = ngrams.find_pairs(names, "all", "qu", smoothing=100.0).seen["probability"]
    record = ngrams.pair_matrix(names, ngrams.count_pairs(names), smoothing=100.0)
    assert smoothed.iloc[0] == record.probabilities[record.labels.index("q"), record.labels.index("u")]
    assert ngrams.pairs_csv(names, "all").startswith("pair,first,second,count,probability\nn.,n,.,")


def test_the_derivation_of_the_loss_ends_at_the_published_one(names: Corpus) -> None:
    derivation = ngrams.derive_loss(names, "all", 0.0)
    assert derivation.loss == pytest.approx(2.454014, abs=5e-7)
    assert derivation.log_likelihood == pytest.approx(-2.454014 * 228146, rel=1e-6)
    assert derivation.log10_likelihood == pytest.approx(derivation.log_likelihood / np.log(10))
    assert derivation.table["all"].tolist() == pytest.approx([3.295837, 2.822726, 2.454014], abs=5e-7)


def test_the_counts_do_not_differ_from_themselves(names: Corpus) -> None:
    counts = ngrams.count_pairs(names, "train")
    own = ngrams.compare_with_counts(names, normalize(counts))
    assert own.max_difference == 0
    assert own.count_loss == pytest.approx(2.4538, abs=0.002)
    uniform = ngrams.compare_with_counts(names, np.full((27, 27), 1 / 27))
    assert uniform.max_difference > 0.4


def test_impossible_texts_are_ranked_last(tiny: Corpus) -> None:
    table = ngrams.rank_texts(NGram(tiny, CountConfig()), tiny, ["aa", "ab"])
    assert table["text"].tolist() == ["ab", "aa"]
    assert table["description"].iloc[1] == "infinite, because aa never occurs"


def test_texts_that_cannot_be_scored_are_listed_last_with_the_reason() -> None:
    corpus = from_text("emma\nava\nnoël", config=CorpusConfig(units="lines"))
    table = ngrams.rank_texts(NGram(corpus, CountConfig(smoothing=1)), corpus, ["Emma", "emma", "Anne-Marie", "ava"])
    assert set(table["text"][:2]) == {"emma", "ava"}
    assert table["text"][2:].tolist() == ["Emma", "Anne-Marie"]
    assert "'E'" in table["description"][2]
    assert "'-', 'A', 'M', 'i', 'r'" in table["description"][3]
    assert table["loss"].isna().tolist() == [False, False, True, True]


def test_composed_and_decomposed_letters_are_the_same() -> None:
    corpus = from_text("emma\nava\nnoël", config=CorpusConfig(units="lines"))
    table = ngrams.rank_texts(NGram(corpus, CountConfig()), corpus, ["noël", "noe\u0308l"])
    assert table["loss"][0] == table["loss"][1] > 0


def test_samples_are_marked_as_known_or_new(tiny: Corpus) -> None:
    table = ngrams.sample_table(tiny, ["ab", "bb"], "ba")
    assert table["novelty"].tolist() == ["seen in training", "new", "seen in test"]
    assert table["sampling"].tolist() == ["random", "random", "greedy"]


def test_without_keepdim_columns_are_divided(tiny: Corpus) -> None:
    record = ngrams.broadcasting(tiny, ngrams.count_pairs(tiny))
    assert record.keepdim.sum(axis=1) == pytest.approx(np.ones(3))
    sums = ngrams.count_pairs(tiny) + 1.0
    assert record.no_keepdim[0, 1] == pytest.approx(sums[0, 1] / sums[1].sum())


def test_orders_are_compared_by_their_contexts_and_losses(tiny: Corpus) -> None:
    table = ngrams.compare_orders(tiny, CountConfig(smoothing=0.1))
    assert table["order"].tolist() == [1, 2, 3, 4, 5]
    assert table["share seen"].iloc[0] == 1
    assert np.isfinite(table["train"]).all()


def test_orders_whose_table_is_too_large_have_no_losses(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "MAX_CELLS", 3)
    table = ngrams.compare_orders(tiny, CountConfig(smoothing=0.1))
    assert table["train"].notna().tolist() == [True, False, False, False, False]
    assert table["contexts"].notna().all()
