"""The command that repeats published experiments."""

import click

from lmcore import families
from lmcore.commands.console import print_json
from lmcore.commands.training import current_trainer, train_to_end
from lmcore.recipes.published import RECIPES, find_recipe
from lmcore.recipes.recipe import Recipe, check
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.training.history import TestEvaluation


@click.command("recipes")
@click.argument("name", required=False)
@click.option("--steps", type=click.IntRange(1), help="Stop after this many steps; `resume` continues.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_recipes(name: str | None, steps: int | None, as_json: bool) -> None:
    """List the published experiments, or repeat one and compare its numbers."""
    if name is None:
        rows = [{"recipe": name, "title": recipe.title} for name, recipe in RECIPES.items()]
        if as_json:
            print_json(rows)
        else:
            click.echo("\n".join(f"{row['recipe']:16} {row['title']}" for row in rows))
        return
    recipe, run_id = find_recipe(name), None
    if recipe.compute is not None:
        checks = check(recipe, recipe.compute())
    else:
        run = _run_recipe(recipe, steps, as_json)
        run_id, checks = run.id, check(recipe, run)
    if as_json:
        print_json({"recipe": name, "run": run_id, "numbers": [one.as_dict() for one in checks]})
        return
    click.echo("\n".join(map(str, checks)))
    click.echo(f"Source: {recipe.source}")


def _run_recipe(recipe: Recipe, steps: int | None, as_json: bool) -> Run:
    """A run of a recipe, up to its last step or a given one, with its test loss if one was published."""
    assert recipe.config is not None
    run, store = Run(recipe.config, owner="command line"), Store()
    families.make_trainer(recipe.config)  # raises UserError if the text is missing, before a run is created
    run.pause_at = steps
    store.create(run)
    train_to_end(run, store, as_json)
    if recipe.evaluates_test and run.status == Status.FINISHED:
        run.test_evaluations.append(TestEvaluation(run.step, current_trainer(run).metrics("test")))
        store.save(run.id, run.encode())
    return run
