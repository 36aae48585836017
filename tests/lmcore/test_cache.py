"""The cache that is limited in bytes."""

import gc
import pickle
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore import cache
from lmcore.cache import cached, default_key, n_bytes


class Owner:
    """Compared by identity, as corpora and snapshots are."""

    def __init__(self, size: int = 0) -> None:
        self.array = np.zeros(size, np.uint8)


calls: list[Any] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()
    zeros.cache_clear()


@cached(max_bytes=10_000)
def zeros(size: int, owner: Any = None) -> np.ndarray:
    calls.append(size)
    return np.zeros(size, np.uint8)


def test_a_result_is_computed_once() -> None:
    assert zeros(100) is zeros(100)
    assert calls == [100]
    assert zeros.cache_info()[:2] == (1, 1)
    assert zeros.__name__ == "zeros"


def test_a_cache_says_whether_it_has_a_result() -> None:
    assert not zeros.is_cached(100)
    zeros(100)
    assert zeros.is_cached(100)
    assert not zeros.is_cached(101)
    assert calls == [100]


def test_the_least_recently_used_result_goes_first() -> None:
    zeros(4000, "a")
    zeros(4000, "b")
    zeros(4000, "a")
    zeros(4000, "c")  # the three do not fit
    calls.clear()
    zeros(4000, "a")
    zeros(4000, "c")
    assert calls == []
    zeros(4000, "b")
    assert calls == [4000]


@given(st.lists(st.tuples(st.integers(0, 12_000), st.text(max_size=3))))
def test_no_sequence_of_calls_exceeds_the_limit(arguments: list[tuple[int, str]]) -> None:
    for size, name in arguments:
        assert len(zeros(size, name)) == size
        assert zeros.cache_info().currsize <= 10_000


@cached(max_bytes=10_000)
def ones(size: int) -> np.ndarray:
    return np.ones(size, np.uint8)


@cached(max_bytes=10_000, is_data=True)
def data(size: int) -> np.ndarray:
    return np.ones(size, np.uint8)


@cached(max_bytes=20_000)
def twos(size: int) -> np.ndarray:
    return np.full(size, 2, np.uint8)


@contextmanager
def limited_together(max_bytes: int) -> Iterator[None]:
    """All caches are empty at first, but for those of data, and have a common limit in bytes."""
    cache.limit_together(0)
    cache.limit_together(max_bytes)
    yield
    cache.limit_together(sys.maxsize)


def test_the_least_recently_used_result_of_all_caches_goes_first() -> None:
    with limited_together(12_000):
        zeros(4000), ones(4000), zeros(4000), ones(5000)
        assert zeros.is_cached(4000)
        assert not ones.is_cached(4000)
        assert ones.is_cached(5000)


def test_what_nobody_has_used_for_a_while_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    with limited_together(100_000):
        data(9000), zeros(1000), zeros(2000), ones(1000)
        monkeypatch.setattr(time, "monotonic", lambda: now + 60)
        zeros(1000)
        cache.drop_unused(120)
        assert zeros.is_cached(2000)
        cache.drop_unused(30)
        assert zeros.is_cached(1000)
        assert not zeros.is_cached(2000)
        assert not ones.is_cached(1000)
        assert data.is_cached(9000)


def test_data_do_not_count_for_the_common_limit() -> None:
    with limited_together(12_000):
        data(9000), zeros(9000), ones(2000), ones(8000)
        assert data.is_cached(9000)
        assert not zeros.is_cached(9000)


def test_a_result_beyond_the_common_limit_drops_no_others() -> None:
    with limited_together(12_000):
        zeros(4000)
        assert len(twos(15_000)) == 15_000
        assert not twos.is_cached(15_000)
        assert zeros.is_cached(4000)


@given(st.lists(st.tuples(st.sampled_from([zeros, ones]), st.integers(0, 11_000)), max_size=30))
def test_no_sequence_of_calls_exceeds_the_common_limit(given_calls: list[tuple[Any, int]]) -> None:
    with limited_together(12_000):
        for function, size in given_calls:
            assert len(function(size)) == size
            assert zeros.cache_info().currsize + ones.cache_info().currsize <= 12_000
            assert function.is_cached(size) or size > 9000


def test_a_result_beyond_the_limit_is_returned_and_not_kept() -> None:
    zeros(10)
    assert len(zeros(20_000)) == 20_000
    zeros(20_000)
    zeros(10)
    assert calls == [10, 20_000, 20_000]


def test_large_keys_count_as_well() -> None:
    zeros(10, "x" * 9000)
    zeros(10, "y" * 9000)
    calls.clear()
    zeros(10, "x" * 9000)
    assert calls == [10]


def test_an_argument_compared_by_identity_is_not_kept_alive() -> None:
    owner = Owner(10**6)
    alive = weakref.ref(owner)
    zeros(100, owner)
    zeros(100, (owner, 1))
    zeros(100, owner)
    assert calls == [100, 100]
    before = zeros.cache_info().currsize
    del owner
    gc.collect()
    assert alive() is None
    zeros(1)
    assert zeros.cache_info().currsize < before  # the results for it went with it


@dataclass(frozen=True)
class Pair:
    """Compared by its fields, as readers are."""

    owner: Owner
    n: int


def test_what_a_frozen_dataclass_refers_to_is_not_kept_alive() -> None:
    owner = Owner(10**6)
    zeros(7, Pair(owner, 1))
    zeros(7, Pair(owner, 1))
    zeros(7, Pair(owner, 2))
    assert calls == [7, 7]
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is None


def test_another_object_at_the_same_address_is_another_argument() -> None:
    for _ in range(20):
        zeros(5, Owner())
    assert len(calls) == 20


def test_an_argument_without_weak_references_is_its_own_key() -> None:
    argument = object()
    assert default_key(argument) == default_key(argument) != default_key(object())


def test_exceptions_are_not_kept() -> None:
    @cached(max_bytes=1000)
    def fails(x: int) -> int:
        calls.append(x)
        if len(calls) == 1:
            raise ValueError("the first time")
        return x

    with pytest.raises(ValueError, match="the first time"):
        fails(3)
    assert fails(3) == 3


def test_threads_that_ask_for_one_result_wait_for_one_computation() -> None:
    begun = threading.Event()

    @cached(max_bytes=1000)
    def slow(x: int) -> list[int]:
        calls.append(x)
        begun.wait(10)
        return [x]

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(slow, 1) for _ in range(8)]
        time.sleep(0.05)
        begun.set()
        results = [future.result(10) for future in futures]
    assert calls == [1]
    assert all(result is results[0] for result in results)


def test_many_threads_leave_the_size_right() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: zeros(i % 90 * 40), range(2000)))
    assert 0 < zeros.cache_info().currsize <= 10_000
    zeros.cache_clear()
    assert zeros.cache_info().currsize == 0


def test_keys_and_sizes_can_be_given() -> None:
    @cached(max_bytes=10, size_of=lambda result: 0, key=lambda owner, step: step)
    def by_step(owner: Owner, step: int) -> int:
        calls.append(step)
        return step

    by_step(Owner(), 3)
    by_step(Owner(), 3)
    assert calls == [3, 3]  # the key alone, 28 bytes, exceeds the limit of 10


def test_a_cached_function_is_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(zeros)) is zeros


# ---------------------------------------------------------------- sizes


def test_arrays_and_tensors_count_as_their_memory() -> None:
    array, tensor = np.zeros(10_000), torch.zeros(10_000)
    assert n_bytes(array) == pytest.approx(80_000, rel=0.01)
    assert n_bytes(tensor) == pytest.approx(40_000, rel=0.01)
    assert n_bytes(torch.nn.Linear(100, 100)) == pytest.approx(40_400, rel=0.2)
    assert n_bytes(pd.DataFrame({"a": np.zeros(10_000)})) == pytest.approx(80_000, rel=0.01)


def test_views_count_as_what_they_are_views_of() -> None:
    array, tensor = np.zeros(10_000), torch.zeros(10_000)
    windows = np.lib.stride_tricks.sliding_window_view(array, 50)
    assert n_bytes(array[:1]) == pytest.approx(80_000, rel=0.01)
    assert n_bytes([array, windows, array.reshape(100, 100)]) == pytest.approx(80_000, rel=0.05)
    assert n_bytes([tensor, tensor[5:], tensor.numpy()]) == pytest.approx(40_000, rel=0.01)


def test_an_array_that_came_from_another_process_counts_as_its_memory() -> None:
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(np.zeros(10_000), protocol=5, buffer_callback=buffers.append)
    received = pickle.loads(pickled, buffers=[memoryview(bytearray(buffer.raw())) for buffer in buffers])
    assert not received.flags.owndata
    assert n_bytes([received, received[5:]]) == pytest.approx(80_000, rel=0.01)


def test_containers_and_objects_count_with_what_they_hold_once() -> None:
    owner = Owner(50_000)
    assert n_bytes({"a": [owner], "b": (owner, {owner})}) == pytest.approx(50_000, rel=0.05)
    assert n_bytes(["x" * 1000 for _ in range(10)]) > 1000
    circle: list[Any] = []
    circle.append(circle)
    assert n_bytes(circle) < 200
    assert n_bytes(np.array(["x" * 5000], dtype=object)) > 5000
    assert n_bytes((Owner, np, len)) < 200
