"""The command line: ``python -m lmcore --help``.

Errors are one line on standard error, with exit status 2. ``--json`` prints one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import safetensors.numpy
import torch

from lmcore import families, models
from lmcore.config import Config
from lmcore.data import corpora, datasets, downloads, encoding, sources, tables
from lmcore.data.corpora import SPLITS, CorpusConfig
from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.families import FAMILIES, run_config_from_settings
from lmcore.generation.reader import WindowReader
from lmcore.generation.sampling import SampleConfig, sample_in_turn
from lmcore.inspection import gradient_check, lr_finder
from lmcore.inspection.lr_finder import SweepConfig
from lmcore.inspection.ngrams import verdict
from lmcore.models.ngram import CountConfig, NGram, score
from lmcore.recipes.published import RECIPES, find_recipe
from lmcore.recipes.recipe import Recipe, check
from lmcore.runs.archive import MAX_ARCHIVE_BYTES
from lmcore.runs.export import export_run
from lmcore.runs.import_archive import import_archive
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training.classifier import ClassifierTrainer
from lmcore.training.config import ClassifierRunConfig, RunConfig
from lmcore.training.history import Snapshot, TestEvaluation
from lmcore.training.trainer import Trainer

SAVE_EVERY = 3.0  # seconds
Command = TypeVar("Command", bound=Callable[..., Any])


class OneLineErrors(click.Group):
    """Shows whatever a person can mend as one line on standard error, and exits with status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)


def options_of(config: type[Config]) -> Callable[[Command], Command]:
    """A command-line option for each field of a config, with its default and its sentence."""

    def add(command: Command) -> Command:
        for name, field in reversed(config.model_fields.items()):
            option = f"--{name.replace('_', '-')}"
            command = click.option(option, name, default=field.default, show_default=True, help=field.description)(
                command
            )
        return command

    return add


@click.group(cls=OneLineErrors)
def main() -> None:
    """Train small language models and look inside them."""
    torch.set_num_threads(1)


@main.command("corpora")
@click.option("--download", metavar="NAME", help="Download this text of the catalog.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_corpora(download: str | None, as_json: bool) -> None:
    """List the texts that --data can name, or download one."""
    if download:
        _download(download)
    listed = sources.sources()
    if as_json:
        click.echo(
            json.dumps({source.name: {"title": source.title, "available": source.is_available} for source in listed})
        )
        return
    for source in listed:
        state = "" if source.is_available else "  (not downloaded)"
        click.echo(f"{source.name:20} {source.title}{state}")


def _download(name: str) -> None:
    source = next((source for source in sources.catalog() if source.name == name), None)
    if source is None or source.remote_file is None:
        listed = ", ".join(source.name for source in sources.catalog())
        raise UserError(f"The catalog has no text {name!r}. Choose one of: {listed}.")
    with click.progressbar(length=source.remote_file.size, label=source.title, file=sys.stderr) as bar:
        downloads.download(source.remote_file, lambda done, total: bar.update(done - bar.pos))


@main.command()
@click.argument("model", type=click.Choice([*models.REGISTRY, *FAMILIES]))
@click.option("--data", help="A text, or for a classifier data, by name or path.  [default: given-names, clouds]")
@click.option("--steps", type=int, help="Steps of gradient descent.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting; repeat for more.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="For large models.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def train(
    model: str, data: str | None, steps: int | None, settings: tuple[str, ...], threads: int, as_json: bool
) -> None:
    """Train a model; Ctrl-C saves it, and `resume` goes on."""
    torch.set_num_threads(threads)
    classifies = model in FAMILIES
    given: dict[str, Any] = {"family": model} | _settings(settings)
    given["source"] = _data(data or "clouds") if classifies else sources.resolve(data or "given-names")
    if steps is not None:
        given["steps"] = steps
    run = Run((ClassifierRunConfig if classifies else RunConfig).from_flat(given), owner="command line")
    store = Store()
    store.create(run)
    _train_to_end(run, store, as_json)
    _print_result(run, as_json)


def _data(name_or_path: str) -> str:
    """The source of a classifier's data; a file is a table, and is kept."""
    path = Path(name_or_path)
    if name_or_path in (*datasets.TOYS, *datasets.IMAGES) or not path.is_file():
        return name_or_path
    encoding.check_size(path.stat().st_size, path.name)
    return tables.save(path.read_bytes(), path.name)


def _given(model: str, data: str, settings: tuple[str, ...]) -> dict[str, Any]:
    return {"family": model, "source": sources.resolve(data)} | _settings(settings)


def _settings(settings: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set takes name=value, not {setting!r}.")
        given[name] = tuple(value.split(",")) if name == "locales" else value
    return given


@main.command("find-lr")
@click.argument("model", type=click.Choice(models.LAYERED))
@click.option("--data", default="given-names", show_default=True, help="A text by name, or a path.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting; repeat for more.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the curve.")
def find_lr(model: str, data: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Grow the learning rate at every step, and print what each rule reads from the loss."""
    given = _given(model, data, settings)
    own = {name: given.pop(name) for name in SweepConfig.model_fields if name in given}
    found = lr_finder.read_sweeps(lr_finder.run_sweeps(run_config_from_settings(given), SweepConfig.parse(own)))
    if as_json:
        curve = {"rate": found.rates.tolist(), "loss": found.mean.tolist()}
        click.echo(json.dumps({"suggestions": found.suggestions, "remark": found.remark, "curve": curve}))
        return
    for name, rate in found.suggestions.items():
        click.echo(f"{name:18} {rate:<10.3g} {lr_finder.RULES[name][1]}")
    if found.remark:
        click.echo(found.remark)


@main.command("check-gradients")
@click.argument("model", type=click.Choice(models.LAYERED))
@click.option("--data", default="given-names", show_default=True, help="A text by name, or a path.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting; repeat for more.")
@click.option("--h", "h", default=1e-5, show_default=True, help="Size of the central differences.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, an object a precision.")
def check_gradients(model: str, data: str, settings: tuple[str, ...], h: float, as_json: bool) -> None:
    """Compare explicit gradients with autograd and central differences, tensor by tensor."""
    if not 1e-12 <= h <= 1:
        raise UserError("--h takes a number from 1e-12 to 1.")
    config = run_config_from_settings(_given(model, data, settings))
    records = [gradient_check.check(config, precision, h) for precision in gradient_check.PRECISIONS]
    if as_json:
        click.echo(json.dumps([gradient_check.as_json(record) for record in records]))
        return
    click.echo("relative error against autograd in float64")
    for record in records:
        click.echo(f"{record.precision:24} {'explicit':>10} {'differences':>12}")
        for name, explicit, differences in zip(record.names, record.explicit, record.differences, strict=True):
            click.echo(f"  {name:22} {explicit:10.1e} {differences:12.1e}")


@main.command()
@click.argument("run_id", metavar="RUN")
@click.option("--steps", type=int, help="A new number of steps in all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def resume(run_id: str, steps: int | None, as_json: bool) -> None:
    """Go on with a run that was paused or interrupted."""
    store = Store()
    run = store.load(run_id)
    if steps is not None:
        run.change({"steps": steps})
    if (steps or run.current.train.steps) <= run.step:
        raise UserError(f"The run has taken its {run.step:,} steps. Give more with --steps.")
    _train_to_end(run, store, as_json)
    _print_result(run, as_json)


def _train_to_end(run: Run, store: Store, as_json: bool) -> None:
    lock = store.lock(run.id)
    run.status, run.message = Status.RUNNING, ""
    click.echo(f"Run {run.id}", err=True)
    try:
        _advance_to_end(run, store, show=not as_json)
    except KeyboardInterrupt:
        run.status = Status.PAUSED
        click.echo(f"\nPaused at step {run.step:,}. Go on with: python -m lmcore resume {run.id}", err=True)
    finally:
        store.save(run.id, run.encode())
        lock.release()
    if run.status == Status.FAILED:
        raise UserError(run.message)


def _advance_to_end(run: Run, store: Store, show: bool) -> None:
    saved, shown = time.monotonic(), 0
    while run.status == Status.RUNNING:
        run.fold(*advance(*run.next_slice(), 0.5, run.pause_at))
        for snapshot in run.snapshots[shown:] if show else []:
            click.echo(_in_a_line(snapshot))
        shown = len(run.snapshots)
        if time.monotonic() - saved > SAVE_EVERY:
            store.save(run.id, run.encode())
            saved = time.monotonic()


def _in_a_line(snapshot: Snapshot) -> str:
    held_out = f"{snapshot.loss('dev'):.4f}" if snapshot.loss('dev') is not None else "-"
    line = f"step {snapshot.step:>9,}   train {snapshot.loss('train'):.4f}   "
    if "accuracy" in snapshot.arrays:
        train, test = snapshot.arrays["accuracy"].tolist()
        return f"{line}test {held_out}   right {train:.1%} and {test:.1%}"
    return f"{line}dev {held_out}   {' '.join(snapshot.samples[:5])!r}"


def _print_result(run: Run, as_json: bool) -> None:
    trainer = _trainer(run)
    losses = {split: trainer.evaluate(split) for split in SPLITS}
    accuracy = None
    if isinstance(trainer, ClassifierTrainer):
        accuracy = {part: trainer.measure(part)[1] for part in SPLITS}
    result = {
        "run": run.id,
        "model": run.current.family,
        "parameters": run.n_parameters,
        "steps": run.step,
        "first_batch_loss": float(run.history.head[0]) if len(run.history.head) else None,
        "loss": losses,
        "seconds": run.wall_seconds,
        "steps_per_second": run.step / run.wall_seconds if run.wall_seconds else None,
    }
    if as_json:
        click.echo(json.dumps(result | ({"accuracy": accuracy} if accuracy else {})))
    else:
        if run.message:
            click.echo(run.message)
        unit = "nats per example" if accuracy else "nats per character"
        shown = "   ".join(f"{split} {loss:.4f}" for split, loss in losses.items() if loss is not None)
        click.echo(f"{run.step:,} steps in {run.wall_seconds:.1f} s   {shown} {unit}")


def _trainer(run: Run) -> Trainer:
    """The run's model as it was last saved."""
    trainer = families.make_trainer(run.current)
    if run.state:
        trainer.load_state_dict(safetensors.numpy.load(run.state))
    return trainer


@main.command("export")
@click.argument("run_id", metavar="RUN")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_command(run_id: str, file: Path) -> None:
    """Export a run to FILE: .zip for an archive, .py or .ipynb for code that reproduces it, .csv for its losses."""
    write_atomically(file, export_run(Store().load(run_id), file.suffix))
    click.echo(f"{file}: {file.stat().st_size:,} bytes", err=True)


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_command(file: Path) -> None:
    """Import a run from a zip archive and print its new id."""
    if (size := file.stat().st_size) > MAX_ARCHIVE_BYTES:
        raise UserError(f"{file.name} has {size:,} bytes, but at most {MAX_ARCHIVE_BYTES:,} are allowed.")
    imported = import_archive(file.read_bytes(), Store(), owner="command line")
    click.echo(imported.id)
    if imported.remark:
        click.echo(imported.remark, err=True)


@main.command("recipes")
@click.argument("name", required=False)
@click.option("--steps", type=click.IntRange(1), help="Stop after this many steps; `resume` continues.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_recipes(name: str | None, steps: int | None, as_json: bool) -> None:
    """List the published experiments, or repeat one and compare its numbers."""
    if name is None:
        rows = [{"recipe": name, "title": recipe.title} for name, recipe in RECIPES.items()]
        click.echo(json.dumps(rows) if as_json else "\n".join(f"{row['recipe']:16} {row['title']}" for row in rows))
        return
    recipe, run_id = find_recipe(name), None
    if recipe.compute is not None:
        checks = check(recipe, recipe.compute())
    else:
        run = _run_recipe(recipe, steps, as_json)
        run_id, checks = run.id, check(recipe, run)
    if as_json:
        click.echo(json.dumps({"recipe": name, "run": run_id, "numbers": [one.as_dict() for one in checks]}))
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
    _train_to_end(run, store, as_json)
    if recipe.evaluates_test and run.status == Status.FINISHED:
        run.test_evaluations.append(TestEvaluation(run.step, _trainer(run).metrics("test")))
        store.save(run.id, run.encode())
    return run


@main.command()
@click.argument("run_id", metavar="RUN")
@options_of(SampleConfig)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def sample(run_id: str, as_json: bool, **options: Any) -> None:
    """Draw texts from a run's model."""
    drawn = _trainer(Store().load(run_id)).sample(SampleConfig.parse(options))
    click.echo(json.dumps(drawn) if as_json else "\n".join(drawn))


@main.command()
@click.option("--data", default="given-names", show_default=True, help="A text by name, or a path.")
@options_of(CountConfig)
@click.option("--score", "words", multiple=True, metavar="WORD", help="A text to score; repeat for more.")
@click.option("--samples", default=0, help="Texts to draw, one after the other from one generator.")
@click.option("--seed", default=2147483647, show_default=True, help="Seed of the generator.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def count(data: str, words: tuple[str, ...], samples: int, seed: int, as_json: bool, **options: Any) -> None:
    """Count n-grams: loss, scores and samples; nothing is trained."""
    corpus = corpora.load(CorpusConfig(source=sources.resolve(data)))
    model = NGram(corpus, CountConfig.parse(options))
    reader = WindowReader(model, model.config.order - 1)
    scores = {word: score(model, corpus, word) for word in words}
    result: dict[str, Any] = {
        "loss": {"all": model.loss(corpus, "all")} | {split: model.loss(corpus, split) for split in SPLITS},
        "contexts": len(model.contexts),
        "scores": {word: scored.loss for word, scored in scores.items()},
        "samples": sample_in_turn(reader, corpus, SampleConfig.parse({"count": samples, "seed": seed})) if samples else [],
    }
    if as_json:
        click.echo(json.dumps(result))
        return
    for part, loss in result["loss"].items():
        click.echo(f"{part:6} {loss:.6f} nats per character" if loss is not None else f"{part:6} -")
    for word, scored in scores.items():
        click.echo(f"{word}: {verdict(scored)}")
    for text in result["samples"]:
        click.echo(text)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def runs(as_json: bool) -> None:
    """List the runs on this computer, newest first."""
    headers = Store().headers()
    if as_json:
        rows = [
            {
                "run": h.id,
                "model": h.config.family,
                "data": h.config.data_name,
                "status": h.status,
                "step": h.step,
            }
            for h in headers
        ]
        click.echo(json.dumps(rows))
        return
    for h in headers:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(h.created))
        click.echo(f"{h.id}  {created}  {h.status:11}  {h.step:>9,} steps  {h.config.family} on {h.config.data_name}")


if __name__ == "__main__":
    main(prog_name="python -m lmcore")
