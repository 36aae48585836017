"""What computations that go wrong cost everybody else: the time of a click's computation, and the speed of a run.

    python -m benchmarks.isolation [--rounds 5] [--seconds 6]

The situations take turns: a quiet machine, two visitors whose computations hang, one whose computations crash again and
again, and one whose computations take all the memory they can get.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import click
import numpy as np

from benchmarks.turns import Row, table
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.inspection.embeddings import EMBEDDING, embedding_map
from lmcore.runs.computations import Computations
from lmcore.runs.engine import Engine
from lmcore.runs.worker_pool import GIGABYTE
from lmcore.training.history import Snapshot

MEMORY = GIGABYTE // 2
GOALS = {"two that hang": 0.95, "one that crashes": 0.5, "one that fills memory": 0.5}
"""Speed of the run against a quiet machine: who hangs costs nothing, who computes no more than a core."""


def hang(_: int) -> None:
    """Never returns."""
    while True:
        time.sleep(1)


def crash(_: int) -> None:
    """Ends its process by a segmentation fault."""
    import ctypes

    ctypes.string_at(0)


def fill(_: int) -> None:
    """Allocates until there is no more."""
    kept = []
    while True:
        kept.append(np.ones(1_000_000))


SITUATIONS: dict[str, list[Callable[[int], None]]] = {
    "quiet": [],
    "two that hang": [hang, hang],
    "one that crashes": [crash],
    "one that fills memory": [fill],
}


@contextmanager
def trouble(engine: Engine, kinds: list[Callable[[int], None]]) -> Iterator[None]:
    """Visitors whose computations go wrong, one after the other until the end of the block."""
    ended = threading.Event()

    def visitor(kind: Callable[[int], None]) -> None:
        attempt = time.monotonic_ns()
        while not ended.is_set():
            attempt += 1  # a computation that failed twice would be refused
            try:
                engine.compute(kind, attempt)
            except UserError:
                continue

    with ThreadPoolExecutor() as visitors:
        for kind in kinds:
            visitors.submit(visitor, kind)
        yield
        ended.set()


def watch(engine: Engine, run_id: str, seconds: float, example: Snapshot) -> tuple[list[float], float]:
    """Milliseconds of each computation, ten of which are asked for in a second, and the steps per second of the run."""
    times, first, began = [], engine.view(run_id).step, time.monotonic()
    labels = [chr(97 + i) for i in range(27)]
    while time.monotonic() - began < seconds:
        start = time.perf_counter()
        engine.compute(embedding_map, (example,), labels, "PCA", 2)
        times.append(1000 * (time.perf_counter() - start))
        time.sleep(0.1)
    return times, (engine.view(run_id).step - first) / (time.monotonic() - began)


def measure(rounds: int, seconds: float = 6.0) -> list[Row]:
    """The clicks, and the speed of the run against a quiet machine, in each situation."""
    engine = Engine(computations=Computations(deadline=4, memory=MEMORY))
    run_id = engine.start(run_config_from_settings({"steps": 10**7}))
    snapshot = _example()
    clicks: dict[str, list[float]] = {name: [] for name in SITUATIONS}
    speeds: dict[str, list[float]] = {name: [] for name in SITUATIONS}
    for _ in range(rounds):
        for name, kinds in SITUATIONS.items():
            with trouble(engine, kinds):
                times, speed = watch(engine, run_id, seconds, snapshot)
            clicks[name] += times
            speeds[name].append(speed)
    engine.close()
    rows = []
    for name, times in clicks.items():
        rows.append(Row(f"{name}: click, median", statistics.median(times), None, "ms"))
        rows.append(Row(f"{name}: click, 95 % below", float(np.quantile(times, 0.95)), None, "ms"))
        share = statistics.median(speeds[name]) / statistics.median(speeds["quiet"])
        rows.append(Row(f"{name}: speed against a quiet machine", share, GOALS.get(name)))
    return rows


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=6.0, show_default=True, help="Length of each measurement.")
def main(rounds: int, seconds: float) -> None:
    """Print the table."""
    print(table(measure(rounds, seconds)))


def _example() -> Snapshot:
    values = np.random.default_rng(1).normal(size=(27, 10)).astype(np.float32)
    return Snapshot(0, {}, (), {EMBEDDING: values})


if __name__ == "__main__":
    from benchmarks import isolation  # workers import the functions above from there

    isolation.main()
