"""The table of all recipes: published numbers, what was reached, and the minutes that it took."""

import os
import platform
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lmcore.errors import UserError
from lmcore.recipes.published import RECIPES, matching_recipe
from lmcore.recipes.recipe import Check, Recipe, check
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store

CPU_INFO = Path("/proc/cpuinfo")  # of Linux, whose `platform.processor` is empty


@dataclass(frozen=True)
class Outcome:
    """What a recipe reached; without checks it was not run."""

    name: str
    recipe: Recipe
    checks: Sequence[Check] = ()
    minutes: float = 0.0  # of training
    missing: str = ""  # why it cannot be run here, in a sentence


def outcomes(store: Store) -> list[Outcome]:
    """All recipes with the latest finished run of each; those without a run are computed."""
    runs = _finished_runs(store)
    return [_outcome_or_reason(name, runs.get(name)) for name in RECIPES]


def _outcome_or_reason(name: str, run: Run | None) -> Outcome:
    try:
        return outcome(name, run)
    except UserError as error:
        return Outcome(name, RECIPES[name], missing=str(error))


def outcome(name: str, run: Run | None) -> Outcome:
    """What a recipe reached in a run.

    Args:
        name: of the recipe.
        run: that followed it; None if there is none, or if it needs none.

    Raises:
        UserError: if its data are not on this computer.
    """
    recipe = RECIPES[name]
    if recipe.compute is not None:
        began = time.perf_counter()
        computed = recipe.compute()
        return Outcome(name, recipe, check(recipe, computed), (time.perf_counter() - began) / 60)
    if run is None:
        return Outcome(name, recipe)
    return Outcome(name, recipe, check(recipe, run), run.wall_seconds / 60)


def _finished_runs(store: Store) -> dict[str, Run]:
    """The latest run of each recipe that took all its steps."""
    runs: dict[str, Run] = {}
    for header in store.headers():  # newest first
        name = matching_recipe(header.config)
        if name is None or name in runs or header.status != Status.FINISHED:
            continue
        config = RECIPES[name].config
        if config is not None and header.step >= config.train.steps:
            runs[name] = store.load(header.id)
    return runs


# ---------------------------------------------------------------- the page


def markdown(results: Sequence[Outcome], day: date) -> str:
    """A Markdown page: one row per published number, and the recipes that were not run."""
    run, not_run = ([one for one in results if bool(one.checks) == has_run] for has_run in (True, False))
    checks = [check for one in run for check in one.checks]
    reached = sum(check.verdict == "reproduced" for check in checks)
    lines = [
        "# Results",
        "",
        f"Published experiments, repeated on {machine()}. As of {day:%d %B %Y}, {len(run)} of {len(results)} recipes "
        f"were run, and they reached {reached} of their {len(checks)} published numbers. `python -m lmcore recipes "
        "--all --results docs/RESULTS.md` repeats all of them and writes this page. Minutes are those that passed "
        "while one core trained, and the machine also did other work; losses are in nats.",
        "",
        *_table(["recipe", "number", "published", "reached", "", "minutes"], _rows(run)),
    ]
    if reasons := dict.fromkeys(
        f"{one.published.name}: {one.published.reason}" for one in checks if one.published.reason
    ):
        lines += ["", "## Tolerances", "", *(f"- {reason}" for reason in reasons)]
    if not_run:
        rows = [(one.name, one.recipe.title, f"about {one.recipe.minutes:g}", one.missing) for one in not_run]
        lines += ["", "## Not run", "", *_table(["recipe", "title", "minutes", ""], rows)]
    return "\n".join(lines) + "\n"


def _rows(results: Iterable[Outcome]) -> Iterable[tuple[str, ...]]:
    """One row per number; the first of each recipe has its name and its minutes."""
    for one in results:
        for i, number in enumerate(one.checks):
            measured = "–" if number.measured is None else number.published.format(number.measured)
            mark = {"reproduced": "✓", "differs": "≠", "pending": "…"}[number.verdict]
            own = (f"**{one.name}**", f"{one.minutes:.1f}") if i == 0 else ("", "")
            yield own[0], number.published.name, str(number.published), measured, mark, own[1]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [titles, ["---"] * len(titles), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def machine() -> str:
    """Number of cores and model of this machine's processor."""
    names = re.findall(r"^model name\s*: *(.*)$", CPU_INFO.read_text(), re.MULTILINE) if CPU_INFO.is_file() else []
    model = names[0].strip() if names else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {model}"
