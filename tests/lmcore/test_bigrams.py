import json

import numpy as np
import pytest

from lmcore import figures
from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.figures import style
from lmcore.generation.sampling import Throw
from lmcore.inspection import ngrams
from lmcore.models.ngram import CountConfig, NGram, normalize, score


@pytest.fixture(autouse=True)
def validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are built unvalidated, for speed; here plotly checks every property of every one."""
    make = style.go.Figure
    monkeypatch.setattr(style.go, "Figure", lambda given, _validate: make(given))


@pytest.fixture(scope="module")
def tiny() -> Corpus:
    return from_text("ab\nab\nba", config=CorpusConfig(units="lines"))


def test_the_matrix_sorts_and_keeps_the_most_frequent(names: Corpus) -> None:
    counts = ngrams.counted(names)
    alphabet = ngrams.pair_matrix(names, counts, 0.0)
    assert alphabet.labels == list(names.vocabulary.labels)
    assert alphabet.counts.sum() == 228146
    frequent = ngrams.pair_matrix(names, counts, 0.0, order="frequency", most=5)
    assert frequent.labels == ["a", ".", "e", "n", "i"]
    a, n = alphabet.labels.index("a"), alphabet.labels.index("n")
    assert alphabet.counts[a, n] == 5438
    assert alphabet.probabilities[a, n] == pytest.approx(0.1605, abs=5e-5)


def test_the_table_lists_every_pair_the_missing_ones_last(names: Corpus) -> None:
    table = ngrams.pair_table(names, ngrams.counted(names))
    assert len(table) == 729
    assert table["pair"].iloc[0] == "n."
    assert (table["count"] == 0).sum() == 102
    assert table["count"].is_monotonic_decreasing


def test_the_story_of_the_loss_ends_where_it_was_published(names: Corpus) -> None:
    story = ngrams.loss_story(names, ngrams.counted(names), 0.0)
    assert story.loss == pytest.approx(2.454014, abs=5e-7)
    assert story.log_likelihood == pytest.approx(-2.454014 * 228146, rel=1e-6)
    assert story.log10_likelihood == pytest.approx(story.log_likelihood / np.log(10))
    assert story.table["all"].tolist() == pytest.approx([3.295837, 2.822726, 2.454014], abs=5e-7)


def test_the_counts_differ_from_themselves_by_nothing(names: Corpus) -> None:
    counts = ngrams.counted(names, "train")
    own = ngrams.against_counts(names, normalize(counts))
    assert own.largest == 0
    assert own.counted_loss == pytest.approx(2.4538, abs=0.002)
    uniform = ngrams.against_counts(names, np.full((27, 27), 1 / 27))
    assert uniform.largest > 0.4


def test_ranking_puts_the_impossible_last_and_says_why(tiny: Corpus) -> None:
    table = ngrams.rank(NGram(tiny, CountConfig()), tiny, ["aa", "ab"])
    assert table["word"].tolist() == ["ab", "aa"]
    assert table["in words"].iloc[1] == "infinite, because aa never occurs"


def test_samples_are_marked_as_known_or_new(tiny: Corpus) -> None:
    table = ngrams.sample_table(tiny, ["ab", "bb"], "ba")
    assert table["is"].tolist() == ["in the corpus", "new", "in the corpus"]
    assert table["drawn"].tolist() == ["random", "random", "greedy"]


def test_forgetting_keepdim_divides_columns(tiny: Corpus) -> None:
    record = ngrams.broadcasting(tiny, ngrams.counted(tiny))
    assert record.right.sum(axis=1) == pytest.approx(np.ones(3))
    sums = ngrams.counted(tiny) + 1.0
    assert record.wrong[0, 1] == pytest.approx(sums[0, 1] / sums[1].sum())


def test_growth_counts_contexts_and_shares(tiny: Corpus) -> None:
    table = ngrams.growth(tiny, CountConfig(smoothing=0.1))
    assert table["order"].tolist() == [1, 2, 3, 4, 5]
    assert table["share seen"].iloc[0] == 1
    assert np.isfinite(table["train"]).all()


def test_the_matrix_writes_every_pair_escaped_and_leaves_zeros_blank() -> None:
    corpus = from_text("<b>\n&a;", config=CorpusConfig(units="lines"))
    matrix = ngrams.pair_matrix(corpus, ngrams.counted(corpus), 0.0)
    figure = figures.pair_matrix(matrix, log=True)
    written = json.dumps(figure.data[0].text.tolist())
    assert "&lt;b" in written
    assert "&amp;a" in written
    assert np.isnan(figure.data[0].z).sum() == (matrix.counts == 0).sum()


def test_large_alphabets_are_drawn_without_writing(names: Corpus) -> None:
    corpus = from_text("".join(map(chr, range(97, 160))) * 3, config=CorpusConfig(units="running"))
    matrix = ngrams.pair_matrix(corpus, ngrams.counted(corpus), 0.0)
    assert len(matrix.labels) == 40
    assert figures.pair_matrix(matrix).data[0].text is None


def test_every_picture_of_counting_is_valid(names: Corpus) -> None:
    counts = ngrams.counted(names)
    matrix = ngrams.pair_matrix(names, counts, 1.0)
    record = ngrams.broadcasting(names, counts)
    scored = score(NGram(names, CountConfig()), names, "andrejq")
    throw = Throw((0,), matrix.probabilities[0], 0.4, 5)
    pictures = [
        figures.pair_matrix(matrix, probabilities=True),
        figures.difference(matrix),
        figures.broadcasting(record, wrong=True),
        figures.what_follows(matrix, 1),
        figures.dart(throw, names.vocabulary.labels),
        figures.surprise(ngrams.score_table(scored)),
        figures.growth(ngrams.growth(names, CountConfig(smoothing=0.1))),
    ]
    for picture in pictures:
        assert picture.layout.xaxis.title.text
        assert len(picture.data)
    dart = pictures[4]
    assert dart.layout.annotations[0].x == 0.4
    assert sum(trace.x[0] for trace in dart.data) == pytest.approx(1)
    assert pictures[5].data[0].marker.color[-2] == style.RED  # q after j never occurs
