import numpy as np
import pytest

from lmcore.inspection.histograms import histograms, symmetric_limit, value_range


def test_histograms_share_their_bins_and_do_not_count_values_beyond_them() -> None:
    arrays = {"a": np.array([-1, 0.1, 0.2, 5], np.float32), "b": np.ones(4, np.float32)}
    record = histograms(arrays, 2.0, 4)
    assert record.edges.tolist() == [-2, -1, 0, 1, 2]
    assert record.shares["a"].tolist() == [0, 0.25, 0.5, 0]
    assert record.shares["b"].tolist() == [0, 0, 0, 1]


def test_without_a_limit_every_value_is_counted() -> None:
    record = histograms({"a": np.zeros(10, np.float32), "b": np.arange(10, dtype=np.float32)}, n_bins=60)
    assert record.edges[[0, -1]].tolist() == [0, 9]
    assert [shares.sum() for shares in record.shares.values()] == pytest.approx([1, 1])
    tiny = histograms({"rounding errors": np.linspace(-1e-7, 1e-7, 100)}, n_bins=10)
    assert tiny.shares["rounding errors"].max() < 0.2


def test_equal_values_and_no_values_have_a_range() -> None:
    assert value_range({"a": np.full(3, 2.0)}) == (1.5, 2.5)
    assert value_range({}) == (-0.5, 0.5)
    assert histograms({"a": np.full(3, 2.0)}, n_bins=3).shares["a"].tolist() == [0, 1, 0]


def test_the_limit_is_a_quantile_of_the_absolute_values() -> None:
    assert symmetric_limit({"a": np.arange(1001, dtype=np.float32), "b": np.ones(5, np.float32)}) == 999
    assert symmetric_limit({"zeros": np.zeros(3, np.float32)}) == 1
    assert symmetric_limit({}) == 1
