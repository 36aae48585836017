from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.inspection import neural_bigram, ngrams


def test_every_pair_that_occurs_is_a_point(corpus: Corpus) -> None:
    matrix = ngrams.pair_matrix(corpus, ngrams.count_pairs(corpus), 1.0)
    record = neural_bigram.log_counts(matrix.counts, matrix.probabilities, matrix.labels)
    diagonal, points = figures.log_counts(record).data
    assert len(points.x) == (matrix.counts > 0).sum()
    assert diagonal.x.tolist() == diagonal.y.tolist()


def test_both_objectives_are_compared_by_the_loss(corpus: Corpus) -> None:
    counts = ngrams.count_pairs(corpus)
    records = [neural_bigram.train_on_counts(counts, 5, 1.0, 1, one) for one in ("mean of logs", "log of mean")]
    figure = figures.objective_comparison(*records)
    assert [trace.name for trace in figure.data] == ["trained on −mean(log p)", "trained on −log(mean p)"]
    assert "nats per character" in figure.layout.yaxis.title.text
