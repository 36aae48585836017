"""A leaderboard of the runs on one text: dev loss against size and training time, and the Pareto frontiers.

Losses are in nats per character.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lmcore.runs.store import Header


@dataclass(frozen=True)
class Entry:
    """A run on a leaderboard."""

    id: str
    name: str
    n_parameters: int
    wall_seconds: float  # of training
    dev_loss: float


@dataclass(frozen=True)
class Leaderboard:
    """The runs on one text, beside the baselines."""

    entries: tuple[Entry, ...]  # lowest dev loss first
    baselines: dict[str, float]  # dev loss by name
    size_frontier: tuple[Entry, ...]  # no other run is both smaller and better
    time_frontier: tuple[Entry, ...]  # no other run is both faster and better


def leaderboard(headers: Sequence[Header], names: Mapping[str, str], baselines: Mapping[str, float]) -> Leaderboard:
    """The leaderboard of a text.

    Args:
        headers: the runs on it; those without a dev loss are left out.
        names: the name of each run, by its id.
        baselines: dev losses, such as `lmcore.generation.baselines.baseline_losses`.
    """
    entries = []
    for header in headers:
        dev_loss = header.loss("dev")
        if header.step > 0 and dev_loss is not None and math.isfinite(dev_loss):
            entries.append(Entry(header.id, names[header.id], header.n_parameters, header.wall_seconds, dev_loss))
    entries.sort(key=lambda entry: entry.dev_loss)
    return Leaderboard(
        tuple(entries),
        dict(baselines),
        pareto_frontier(entries, lambda entry: entry.n_parameters),
        pareto_frontier(entries, lambda entry: entry.wall_seconds),
    )


def pareto_frontier(entries: Sequence[Entry], cost: Callable[[Entry], float]) -> tuple[Entry, ...]:
    """The entries for which no other one is both cheaper and better, cheapest first."""
    frontier: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: (cost(entry), entry.dev_loss)):
        if not frontier or entry.dev_loss < frontier[-1].dev_loss:
            frontier.append(entry)
    return tuple(frontier)


def leaderboard_table(record: Leaderboard) -> pd.DataFrame:
    """The entries, best first, with the frontiers that each is on."""
    frontiers = {"parameters": record.size_frontier, "time": record.time_frontier}
    return pd.DataFrame(
        [
            {
                "run": entry.name,
                "dev loss (nats)": entry.dev_loss,
                "parameters": entry.n_parameters,
                "time (s)": entry.wall_seconds,
                "on the frontier of": ", ".join(name for name, edge in frontiers.items() if entry in edge) or "–",
            }
            for entry in record.entries
        ]
    )


def describe_leaderboard(record: Leaderboard) -> str:
    """The best run and the baselines, in one or two sentences."""
    baselines = ", ".join(f"{name} {loss:.3f}" for name, loss in record.baselines.items())
    if not record.entries:
        return f"No run on this text has a dev loss yet. Baselines (dev loss): {baselines}."
    best = record.entries[0]
    beaten = {name: loss for name, loss in record.baselines.items() if best.dev_loss < loss}
    rank = f"better than {min(beaten, key=lambda name: beaten[name])}" if beaten else "worse than every baseline"
    return f"Best: {best.name} with a dev loss of {best.dev_loss:.3f}, {rank}. Baselines: {baselines}."
