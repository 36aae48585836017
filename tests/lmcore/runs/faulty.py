"""Computations that go wrong, each in its own way. Workers import this module."""

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lmcore.runs import worker

SEEDS = {"segfault": 666, "hang": 667, "fill_memory": 668}  # of runs that go wrong
HANG = 3600.0


def segfault() -> None:
    ctypes.string_at(0)


def exit_at_once() -> None:
    os._exit(1)


def hang() -> None:
    time.sleep(HANG)


def spin() -> None:
    while True:
        pass


def fill_memory() -> None:
    kept = []
    while True:
        kept.append(np.ones(10_000_000))


def fill_memory_with_tensors() -> None:
    kept = []
    while True:
        kept.append(torch.ones(10_000_000))


def fill_memory_with_objects() -> None:
    kept: list[Any] = []
    while True:
        kept.append([len(kept)] * 1000)


class TwoReasonsError(Exception):
    """Cannot be unpickled: its arguments are not those of its constructor."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class HoldsALockError(Exception):
    """Cannot be pickled."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.lock = threading.Lock()


class Unreadable:
    """Can be pickled, but unpickling it raises an exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Exception]]:
        return throw, (self.error,)


def throw(error: Exception) -> None:
    raise error


def raise_two_reasons() -> None:
    raise TwoReasonsError("one", "two")


def raise_with_a_lock() -> None:
    raise HoldsALockError("one and two")


def nest() -> list[Any]:
    """A result that is nested too deeply to be pickled."""
    result: list[Any] = []
    for _ in range(100_000):
        result = [result]
    return result


def noted(path: str, fault: Callable[[], None]) -> None:
    """Adds a line to a file, then goes wrong."""
    with open(path, "a") as file:
        print(os.getpid(), file=file)
    fault()


CRASHES = [segfault, exit_at_once]
HANGS = [hang, spin]
MEMORY = [fill_memory, fill_memory_with_tensors, fill_memory_with_objects]


def advance(state: bytes, config: dict[str, Any], seconds: float, until: int | None = None) -> Any:
    """`worker.advance`, except for runs with the seed of a fault."""
    for fault, seed in SEEDS.items():
        if config["train"]["seed"] == seed:
            globals()[fault]()
    return worker.advance(state, config, seconds, until)
