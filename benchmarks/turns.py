"""Loops that take turns, so that whatever else the machine does slows all of them alike; and the table of results."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from threadpoolctl import threadpool_limits

Loops = Mapping[str, Callable[[], object]]


class Row(NamedTuple):
    """One measured figure, and what it should be."""

    name: str
    value: float
    goal: float | None = None  # None if there is none: the figure explains another one
    unit: str = ""  # as in "ms"; empty for a ratio
    at_least: bool = True  # whether larger values are better

    @property
    def verdict(self) -> str:
        """Whether the goal is met: "met", "missed", or empty if there is no goal."""
        if self.goal is None:
            return ""
        return "met" if (self.value >= self.goal if self.at_least else self.value <= self.goal) else "missed"


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table that is readable as it is."""
    cells = [("name", "value", "goal", "verdict"), *map(_cells, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def print_rows(rows: Iterable[Row]) -> None:
    """Print each row as soon as it is measured."""
    for row in rows:
        name, value, goal, verdict = _cells(row)
        print(f"{name:40} {value:>12}   {goal:20} {verdict}", flush=True)


def medians(rounds: Sequence[Sequence[Row]]) -> list[Row]:
    """The same rows with the median value of several rounds."""
    return [rows[0]._replace(value=statistics.median(row.value for row in rows)) for rows in zip(*rounds, strict=True)]


def _cells(row: Row) -> tuple[str, str, str, str]:
    goal = "" if row.goal is None else f"{'at least' if row.at_least else 'at most'} {_number(row.goal, row.unit)}"
    return row.name, _number(row.value, row.unit), goal, row.verdict


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}".strip() if abs(value) >= 100 else f"{value:,.2f} {unit}".strip()


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets PyTorch and NumPy compute on one thread, as in a worker."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


def take_turns(loops: Loops, rounds: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, list[float]]:
    """Seconds that each loop takes, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            began = clock()
            loop()
            seconds[name].append(clock() - began)
    return seconds


def median_ratio(seconds: Mapping[str, list[float]]) -> float:
    """The median, over the rounds, of how many times the second loop is as fast as the first one."""
    reference, other, *_ = seconds.values()
    return statistics.median(slow / fast for slow, fast in zip(reference, other, strict=True))


def ratio_row(name: str, reference: Callable[[], object], other: Callable[[], object], rounds: int, goal: float) -> Row:
    """The median ratio of another loop's speed to that of the reference, in CPU time on one thread; after a warm-up."""
    with one_thread():
        reference(), other()
        seconds = take_turns({"reference": reference, "other": other}, rounds, time.process_time)
    return Row(name, median_ratio(seconds), goal)


def print_speeds(seconds: Mapping[str, list[float]], steps: int) -> None:
    """Print the median speed of each loop, and the median ratio of the second loop's speed to the first one's."""
    for name, values in seconds.items():
        print(f"{name:22} {steps / statistics.median(values):10,.0f} steps/s")
    reference, other, *_ = seconds.values()
    ratios = [slow / fast for slow, fast in zip(reference, other, strict=True)]
    print(f"{'ratio':22} {median_ratio(seconds):10.2f}   (rounds: {', '.join(f'{r:.2f}' for r in ratios)})")
