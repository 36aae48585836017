import pytest

from lmcore import figures
from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.data.corpus_summary import summarize


@pytest.mark.parametrize("units", ["lines", "running"])
def test_lengths_and_frequencies_are_those_of_the_text(units: str) -> None:
    summary = summarize(from_text("ab\nabc\nb1", config=CorpusConfig(units=units)))
    bars = figures.character_frequencies(summary)
    assert sum(bars.data[0].y) == pytest.approx(1)
    assert bars.layout.xaxis.tickvals == tuple(range(len(bars.layout.xaxis.ticktext)))
    lengths = figures.length_histogram(summary)
    assert lengths.data[0].y.tolist() == [0, 0, 2, 1]
    assert lengths.layout.yaxis.title.text == ("Number of documents" if units == "lines" else "Number of lines")
