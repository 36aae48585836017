import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.histograms import histograms

RECORD = histograms({"tanh": np.array([-0.5, 0.5]), "<b>": np.array([0.1, 0.2, 0.9])}, 1.0, 4)


def test_histograms_are_overlaid_on_shared_bins() -> None:
    figure = figures.histograms(RECORD, "Output")
    assert [trace.name for trace in figure.data] == ["tanh", "&lt;b&gt;"]
    assert np.array_equal(figure.data[0].x, figure.data[1].x)
    assert [trace.y.sum() for trace in figure.data] == pytest.approx([1, 1])
    assert figure.layout.xaxis.range == (-1, 1)
    assert figure.layout.xaxis.title.text == "Output"
    assert figure.layout.yaxis.title.text == "Share of values"


def test_stacked_histograms_are_one_below_the_other() -> None:
    figure = figures.histograms(RECORD, "Output", stacked=True)
    assert figure.data[1].yaxis == "y2"
    assert figure.layout.yaxis2.domain[1] <= figure.layout.yaxis.domain[0]


def test_a_single_histogram_needs_no_legend() -> None:
    assert not figures.histograms(histograms({"a": np.ones(3)}), "Value", of="units").layout.showlegend
