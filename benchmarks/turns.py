"""Loops that take turns, so that whatever else the machine does slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping


def take_turns(loops: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds that each loop takes, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            began = time.perf_counter()
            loop()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def print_speeds(seconds: Mapping[str, list[float]], steps: int) -> None:
    """Print the median speed of each loop, and the median ratio of the second loop's speed to the first one's."""
    for name, values in seconds.items():
        print(f"{name:22} {steps / statistics.median(values):10,.0f} steps/s")
    reference, other, *_ = seconds.values()
    ratios = [slow / fast for slow, fast in zip(reference, other, strict=True)]
    print(f"{'ratio':22} {statistics.median(ratios):10.2f}   (rounds: {', '.join(f'{r:.2f}' for r in ratios)})")
