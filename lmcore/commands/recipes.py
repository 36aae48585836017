"""The command that repeats published experiments."""

from datetime import date
from pathlib import Path

import click

from lmcore import families
from lmcore.commands.console import print_json
from lmcore.commands.training import current_trainer, owning, train_to_end
from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.recipes import results
from lmcore.recipes.published import RECIPES, find_recipe
from lmcore.recipes.recipe import Recipe, summarize
from lmcore.recipes.results import Outcome
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.training.history import TestEvaluation


@click.command("recipes")
@click.argument("name", required=False)
@click.option("--all", "run_all", is_flag=True, help="Repeat all of them, one after the other.")
@click.option("--quick", is_flag=True, help="With --all: only those that take up to two minutes.")
@click.option("--results", "page", metavar="FILE", help="Write a table of the latest finished run of each recipe.")
@click.option("--steps", type=click.IntRange(1), help="Stop after this many steps; `resume` continues.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_recipes(
    name: str | None, run_all: bool, quick: bool, page: str | None, steps: int | None, as_json: bool
) -> None:
    """List the published experiments, or repeat one or all and compare their numbers."""
    if quick and not run_all:
        raise UserError("--quick chooses among all recipes. Add --all.")
    if name is not None and run_all:
        raise UserError("Give the name of one recipe, or --all, but not both.")
    if name is None and not run_all and page is None:
        _list(as_json)
        return
    if name is not None:
        _repeat(name, steps, as_json)
    elif run_all:
        _repeat_all([name for name, recipe in RECIPES.items() if recipe.is_quick or not quick], steps, as_json)
    if page is not None:
        write_atomically(Path(page), results.markdown(results.outcomes(Store()), date.today()).encode())


def _list(as_json: bool) -> None:
    rows = [{"recipe": name, "title": recipe.title, "minutes": recipe.minutes} for name, recipe in RECIPES.items()]
    if as_json:
        print_json(rows)
        return
    click.echo("\n".join(f"{row['recipe']:22} {row['minutes']:>5} min  {row['title']}" for row in rows))


def _repeat_all(names: list[str], steps: int | None, as_json: bool) -> None:
    """Repeat recipes one after the other; one whose text is missing is passed over, one that is paused ends it."""
    for name in names:
        try:
            if _repeat(name, steps, as_json) == Status.PAUSED and steps is None:
                return
        except UserError as error:
            click.echo(f"{name}: {error}", err=True)


def _repeat(name: str, steps: int | None, as_json: bool) -> Status:
    """Repeat one recipe and print its numbers; return how its run ended."""
    recipe = find_recipe(name)
    run = None if recipe.compute is not None else _run_recipe(recipe, steps, as_json)
    outcome = results.outcome(name, run)
    if as_json:
        numbers = [check.as_dict() for check in outcome.checks]
        print_json({"recipe": name, "run": run and run.id, "minutes": outcome.minutes, "numbers": numbers})
    else:
        click.echo(_report(outcome))
    return Status.FINISHED if run is None else run.status


def _report(outcome: Outcome) -> str:
    """Every number with its tolerance, what was reached, and the minutes."""
    lines = [f"{outcome.name}: {outcome.recipe.title}"]
    for check in outcome.checks:
        lines.append(str(check))
        lines += [f"{'':10} {check.published.reason}"] if check.published.reason else []
    return "\n".join(
        [*lines, f"{summarize(outcome.checks)} {outcome.minutes:.1f} minutes.", f"Source: {outcome.recipe.source}"]
    )


def _run_recipe(recipe: Recipe, steps: int | None, as_json: bool) -> Run:
    """A run of a recipe, up to its last step or a given one, with its test loss if one was published."""
    assert recipe.config is not None
    run, store = Run(recipe.config, owner="command line", planned=recipe.changes), Store()
    families.make_trainer(recipe.config)  # raises UserError if the text is missing, before a run is created
    run.pause_at = steps
    store.create(run)
    with owning(run.id, store):
        train_to_end(run, store, as_json)
        if recipe.evaluates_test and run.status == Status.FINISHED:
            run.add_test_evaluation(TestEvaluation(run.step, current_trainer(run).metrics("test")))
            store.save(run.id, run.encode())
    return run
