"""Loops that take turns, so that whatever else the machine does slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

Loops = Mapping[str, Callable[[], object]]


class Row(NamedTuple):
    """One line of a table of results: a ratio, and the least that it should be."""

    name: str
    value: float
    goal: float

    def __str__(self) -> str:
        verdict = "reached" if self.value >= self.goal else "missed"
        return f"{self.name:40} {self.value:8.2f} {self.goal:8.2f}   {verdict}"


def take_turns(loops: Loops, rounds: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, list[float]]:
    """Seconds that each loop takes, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            began = clock()
            loop()
            seconds[name].append(clock() - began)
    return seconds


def ratio_row(name: str, reference: Callable[[], object], other: Callable[[], object], rounds: int, goal: float) -> Row:
    """The median ratio of another loop's speed to that of the reference, in CPU time: both run on one thread."""
    seconds = take_turns({"reference": reference, "other": other}, rounds, time.process_time)
    ratios = [slow / fast for slow, fast in zip(seconds["reference"], seconds["other"], strict=True)]
    return Row(name, statistics.median(ratios), goal)


def print_rows(rows: Iterable[Row]) -> None:
    """Print a table of results, each line as soon as it is measured."""
    print(f"{'':40} {'ratio':>8} {'goal':>8}")
    for row in rows:
        print(row, flush=True)


def print_speeds(seconds: Mapping[str, list[float]], steps: int) -> None:
    """Print the median speed of each loop, and the median ratio of the second loop's speed to the first one's."""
    for name, values in seconds.items():
        print(f"{name:22} {steps / statistics.median(values):10,.0f} steps/s")
    reference, other, *_ = seconds.values()
    ratios = [slow / fast for slow, fast in zip(reference, other, strict=True)]
    print(f"{'ratio':22} {statistics.median(ratios):10.2f}   (rounds: {', '.join(f'{r:.2f}' for r in ratios)})")
