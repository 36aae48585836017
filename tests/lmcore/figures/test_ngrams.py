import json

import numpy as np
import pytest

from lmcore import figures
from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.figures.style import RED
from lmcore.inspection import ngrams
from lmcore.models.ngram import CountConfig, NGram, score


def matrix_of(corpus: Corpus, smoothing: float = 0.0) -> ngrams.PairMatrix:
    return ngrams.pair_matrix(corpus, ngrams.count_pairs(corpus), smoothing)


def test_the_matrix_names_every_pair_literally_and_leaves_zeros_blank(markup: Corpus) -> None:
    matrix = matrix_of(markup)
    figure = figures.pair_matrix(matrix, log=True)
    written = json.dumps(figure.data[0].text.tolist())
    assert "&lt;b" in written
    assert "&amp;a" in written
    assert np.isnan(figure.data[0].z).sum() == (matrix.counts == 0).sum()


def test_the_matrix_of_a_large_alphabet_has_no_numbers() -> None:
    corpus = from_text("".join(map(chr, range(97, 160))) * 3, config=CorpusConfig(units="running"))
    matrix = matrix_of(corpus)
    assert len(matrix.labels) == ngrams.MAX_SHOWN
    assert figures.pair_matrix(matrix).data[0].text is None


def test_probabilities_have_a_color_bar_in_percent(corpus: Corpus) -> None:
    figure = figures.pair_matrix(matrix_of(corpus), probabilities=True, log=True)
    assert all(text.endswith("%") for text in figure.data[0].colorbar.ticktext)
    assert figures.pair_probabilities(matrix_of(corpus), "p", max_color=0.5).data[0].zmax == 0.5


def test_the_difference_is_centered_at_zero(corpus: Corpus) -> None:
    cells = figures.pair_difference(matrix_of(corpus, smoothing=1.0), "difference").data[0]
    assert cells.zmin == -cells.zmax < 0


@pytest.mark.parametrize("keepdim", [True, False])
def test_both_ways_to_divide_have_the_same_colors(corpus: Corpus, keepdim: bool) -> None:
    record = ngrams.broadcasting(corpus, ngrams.count_pairs(corpus))
    cells = figures.broadcasting(record, keepdim).data[0]
    assert cells.z == pytest.approx(record.keepdim if keepdim else record.no_keepdim, rel=1e-6)
    assert (cells.zmin, cells.zmax) == (0, 0.4)


def test_the_bars_of_a_row_are_its_probabilities(corpus: Corpus) -> None:
    matrix = matrix_of(corpus)
    figure = figures.next_characters(matrix, 1)
    assert figure.data[0].y == pytest.approx(matrix.probabilities[1])
    assert figure.layout.yaxis.title.text == "Probability after a"


def test_impossible_characters_are_red_and_reach_the_top(corpus: Corpus) -> None:
    scored = score(NGram(corpus, CountConfig()), corpus, "emmn")
    bars = figures.character_losses(ngrams.score_table(scored)).data[0]
    assert bars.marker.color[3] == RED
    assert bars.y[3] == max(bars.y)
    assert np.isfinite(bars.y).all()


def test_orders_are_compared_by_loss_and_by_share_seen(corpus: Corpus) -> None:
    table = ngrams.compare_orders(corpus, CountConfig(smoothing=0.1))
    figure = figures.order_comparison(table)
    assert [trace.name for trace in figure.data] == ["train", "dev", "share seen"]
    assert figure.data[2].yaxis == "y2"
