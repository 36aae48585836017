"""Known values of the metrics of lessons."""

import math

import pytest

from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.generation.baselines import baseline_losses
from lmcore.lessons import metrics
from lmcore.lessons.metrics import Evidence

BIGRAM = {"smoothing": 0.0, "counted": "all"}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return corpora.from_text("ab\nab\nac\n" * 10)  # pairs of a document: .a, ab or ac, b. or c.


def value(corpus: Corpus, name: str, **settings: object) -> float | None:
    metrics.check(name, "bigram")
    return metrics.measure(name, Evidence(corpus, BIGRAM | settings))


def test_counts_and_probabilities_of_pairs(corpus: Corpus) -> None:
    assert value(corpus, "count ab") == 20
    assert value(corpus, "count .a") == 30
    assert value(corpus, "count ba") == 0
    assert value(corpus, "probability ab") == pytest.approx(2 / 3)
    assert value(corpus, "probability ab", smoothing=1.0) == pytest.approx(21 / 34)


def test_sizes_of_the_text(corpus: Corpus) -> None:
    assert [value(corpus, name) for name in ("documents", "characters", "vocabulary", "pairs")] == [30, 60, 4, 5]


def test_losses_of_counting(corpus: Corpus) -> None:
    mean = (math.log(3 / 2) * 20 + math.log(3) * 10) / 90
    assert value(corpus, "all") == pytest.approx(mean)
    assert value(corpus, "loss ab") == pytest.approx(math.log(3 / 2) / 3)
    assert value(corpus, "loss ba") == math.inf
    assert value(corpus, "uniform") == pytest.approx(math.log(4))
    assert {name: value(corpus, name) for name in ("unigram", "bigram", "trigram")} == {
        name: loss for name, loss in baseline_losses(corpus).items() if name != "uniform"
    }


def test_an_order_of_one_is_the_unigram(corpus: Corpus) -> None:
    assert value(corpus, "order 1 dev", smoothing=1.0) == pytest.approx(value(corpus, "unigram"))
    assert value(corpus, "order 2 train", counted="train") == pytest.approx(value(corpus, "train", counted="train"))


@pytest.mark.parametrize("name", ["count zz", "probability az"])
def test_a_pair_of_characters_that_the_text_lacks_is_refused(corpus: Corpus, name: str) -> None:
    with pytest.raises(UserError, match="no pair"):
        value(corpus, name)


@pytest.mark.parametrize(
    "name", ["saturated", "order 6 dev", "order 2 all", "count", "count abc", "__class__", "loss a b"]
)
def test_a_metric_that_the_page_lacks_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(UserError, match=r"has no metric .* Choose one such as: all, train"):
        metrics.check(name, "bigram")


def test_what_a_page_cannot_show_is_not_measured(corpus: Corpus) -> None:
    metrics.check("train", "mlp")
    assert metrics.measure("train", Evidence(corpus, {})) is None
