"""The command line: ``python -m lmcore --help``.

Errors are one line on standard error, with exit status 2. ``--json`` prints one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import torch

from lmcore import families
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
from lmcore.inspection.ngrams import describe_score
from lmcore.models.ngram import CountConfig, NGram, score
from lmcore.recipes.published import RECIPES, find_recipe
from lmcore.recipes.recipe import Recipe, check
from lmcore.runs.archive import MAX_ARCHIVE_BYTES
from lmcore.runs.export import export_run
from lmcore.runs.import_archive import import_archive
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Header, Store
from lmcore.runs.worker import advance
from lmcore.training.checkpoint import decode_state
from lmcore.training.config import ClassifierRunConfig, RunConfig
from lmcore.training.history import Snapshot, TestEvaluation
from lmcore.training.trainer import Trainer

SAVE_EVERY = 3.0  # seconds between two checkpoints
MAX_REMARKS = 30  # lines on the columns of a table
Command = TypeVar("Command", bound=Callable[..., Any])

LAYERED = [name for name in FAMILIES if families.is_layered(families.default_run_config(name))]


class OneLineErrors(click.Group):
    """Prints a `UserError` as one line on standard error and exits with status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)


def options_of(config: type[Config]) -> Callable[[Command], Command]:
    """A decorator that adds an option for every field of a config, with its default and description."""

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
@click.argument("model", type=click.Choice(list(FAMILIES)))
@click.option("--data", help="A text, or a data set for a classifier, by name or path.  [default: given-names, clouds]")
@click.option("--steps", type=int, help="Total number of training steps.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated.")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Threads of PyTorch; more than one only helps large models.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def train(
    model: str, data: str | None, steps: int | None, settings: tuple[str, ...], threads: int, as_json: bool
) -> None:
    """Train a model. Ctrl-C pauses the run; `resume` continues it."""
    torch.set_num_threads(threads)
    given = _flat_settings(model, data, settings) | ({} if steps is None else {"steps": steps})
    run = Run(run_config_from_settings(given), owner="command line")
    for line in _table_remarks(run):
        click.echo(line, err=True)
    store = Store()
    store.create(run)
    _train_to_end(run, store, as_json)
    _print_result(run, as_json)


def _table_remarks(run: Run) -> list[str]:
    """How a table was read, and what became of the columns that are not plain numbers."""
    data = families.load_data(run.config)
    if not isinstance(data, datasets.Dataset):
        return []
    columns = [f"  {column.name}: {column.use}" for column in data.columns if column.use != "number"]
    return [*data.remarks, *columns[:MAX_REMARKS]]


def _flat_settings(model: str, data: str | None, settings: tuple[str, ...]) -> dict[str, Any]:
    """The settings of a run as `run_config_from_settings` takes them."""
    is_classifier = families.find(model).run_config is ClassifierRunConfig
    source = _data_set(data or "clouds") if is_classifier else sources.resolve(data or "given-names")
    return {"family": model, "source": source} | _parse_settings(settings)


def _data_set(name_or_path: str) -> str:
    """The source of a classifier's data. A file is read as a table and saved in the data folder."""
    path = Path(name_or_path)
    if name_or_path in (*datasets.TOYS, *datasets.IMAGES) or not path.is_file():
        return name_or_path
    encoding.check_size(path.stat().st_size, path.name)
    return tables.save(path.read_bytes(), path.name)


def _language_model(model: str, data: str, settings: Mapping[str, Any]) -> RunConfig:
    config = run_config_from_settings({"family": model, "source": sources.resolve(data)} | dict(settings))
    assert isinstance(config, RunConfig)
    return config


def _parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set takes name=value, not {setting[:60]!r}.")
        given[name] = tuple(value.split(",")) if name == "locales" else value
    return given


@main.command("find-lr")
@click.argument("model", type=click.Choice(LAYERED))
@click.option("--data", default="given-names", show_default=True, help="Name of a text, or path of a file.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the curve.")
def find_lr(model: str, data: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Raise the learning rate at every step, and print what each rule reads from the loss."""
    given = _parse_settings(settings)
    own = {name: given.pop(name) for name in SweepConfig.model_fields if name in given}
    config = _language_model(model, data, given)
    found = lr_finder.read_sweeps(lr_finder.run_sweeps(config, SweepConfig.parse(own)))
    if as_json:
        curve = {"rate": found.rates.tolist(), "loss": found.mean.tolist()}
        click.echo(json.dumps({"suggestions": found.suggestions, "remark": found.remark, "curve": curve}))
        return
    for name, rate in found.suggestions.items():
        click.echo(f"{name:18} {rate:<10.3g} {lr_finder.RULES[name][1]}")
    if found.remark:
        click.echo(found.remark)


@main.command("check-gradients")
@click.argument("model", type=click.Choice(LAYERED))
@click.option("--data", default="given-names", show_default=True, help="Name of a text, or path of a file.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated.")
@click.option("--h", "h", default=1e-5, show_default=True, help="Step size of the central differences.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object per precision.")
def check_gradients(model: str, data: str, settings: tuple[str, ...], h: float, as_json: bool) -> None:
    """Compare explicit gradients with autograd and central differences, tensor by tensor."""
    if not 1e-12 <= h <= 1:
        raise UserError("--h must be between 1e-12 and 1.")
    config = _language_model(model, data, _parse_settings(settings))
    records = [gradient_check.check_gradients(config, precision, h) for precision in gradient_check.PRECISIONS]
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
@click.option("--steps", type=int, help="New total number of steps.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def resume(run_id: str, steps: int | None, as_json: bool) -> None:
    """Resume a run that was paused or interrupted."""
    store = Store()
    run = store.load(run_id)
    if steps is not None:
        run.change({"steps": steps})
    if (steps or run.current.train.steps) <= run.step:
        raise UserError(f"The run has taken all {run.step:,} steps. Raise their number with --steps.")
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
        click.echo(f"\nPaused at step {run.step:,}. Continue with: python -m lmcore resume {run.id}", err=True)
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
            click.echo(_summary_line(snapshot))
        shown = len(run.snapshots)
        if time.monotonic() - saved > SAVE_EVERY:
            store.save(run.id, run.encode())
            saved = time.monotonic()


def _summary_line(snapshot: Snapshot) -> str:
    line = f"step {snapshot.step:>9,}   train {snapshot.loss('train'):.4f}   dev {_shown(snapshot.loss('dev'))}"
    if (accuracy := snapshot.metric("accuracy", "train")) is not None:
        return f"{line}   train accuracy {accuracy:.1%}"
    return f"{line}   {' '.join(snapshot.samples[:5])!r}"


def _shown(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.4f}"


def _print_result(run: Run, as_json: bool) -> None:
    """The metrics of every split at the end of a run, the test split included."""
    trainer = _trainer(run)
    metrics = {split: trainer.metrics(split) for split in SPLITS}
    losses = {split: metrics[split].get("loss") for split in SPLITS}
    accuracy = {split: metrics[split].get("accuracy") for split in SPLITS}
    is_classifier = isinstance(run.config, ClassifierRunConfig)
    result = {
        "run": run.id,
        "model": run.current.family,
        "parameters": run.n_parameters,
        "steps": run.step,
        "first_batch_loss": float(run.history.head[0]) if len(run.history.head) else None,
        "loss": losses,
        "wall_seconds": run.wall_seconds,
        "steps_per_second": run.step / run.wall_seconds if run.wall_seconds else None,
    }
    if as_json:
        click.echo(json.dumps(result | ({"accuracy": accuracy} if is_classifier else {})))
        return
    if run.message:
        click.echo(run.message)
    unit = "nats per example" if is_classifier else "nats per character"
    shown = "   ".join(f"{split} {loss:.4f}" for split, loss in losses.items() if loss is not None)
    click.echo(f"{run.step:,} steps in {run.wall_seconds:.1f} s   {shown} {unit}")


def _trainer(run: Run) -> Trainer:
    """The trainer of a run as it was last saved."""
    trainer: Trainer = families.make_trainer(run.current)
    if run.state:
        trainer.load_state_dict(decode_state(run.state))
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
    """Draw texts from the model of a run."""
    drawn = _trainer(Store().load(run_id)).sample(SampleConfig.parse(options))
    click.echo(json.dumps(drawn) if as_json else "\n".join(drawn))


@main.command()
@click.option("--data", default="given-names", show_default=True, help="Name of a text, or path of a file.")
@options_of(CountConfig)
@click.option("--score", "words", multiple=True, metavar="WORD", help="A text to score; may be repeated.")
@click.option("--samples", default=0, help="Number of texts to draw, one after the other from one generator.")
@click.option("--seed", default=2147483647, show_default=True, help="Seed of the random generator.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def count(data: str, words: tuple[str, ...], samples: int, seed: int, as_json: bool, **options: Any) -> None:
    """Count n-grams and print losses, scores and samples. Nothing is trained."""
    corpus = corpora.load(CorpusConfig(source=sources.resolve(data)))
    model = NGram(corpus, CountConfig.parse(options))
    reader = WindowReader(model, model.config.order - 1)
    scores = {word: score(model, corpus, word) for word in words}
    result: dict[str, Any] = {
        "loss": {"all": model.loss(corpus, "all")} | {split: model.loss(corpus, split) for split in SPLITS},
        "contexts": len(model.contexts),
        "scores": {word: scored.loss for word, scored in scores.items()},
        "samples": sample_in_turn(reader, corpus, SampleConfig.parse({"count": samples, "seed": seed}))
        if samples
        else [],
    }
    if as_json:
        click.echo(json.dumps(result))
        return
    # a count over all of the text has seen its dev and test splits
    remark = "  (on all text, not held out)" if model.config.counted == "all" else ""
    for part, loss in result["loss"].items():
        click.echo(f"{part:6} {loss:.6f} nats per character{remark}" if loss is not None else f"{part:6} -")
    for word, scored in scores.items():
        click.echo(f"{word}: {describe_score(scored)}")
    for text in result["samples"]:
        click.echo(text)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def runs(as_json: bool) -> None:
    """List the runs on this computer, newest first."""
    headers = Store().headers()
    if as_json:
        click.echo(json.dumps([_header_fields(header) for header in headers]))
        return
    for header in headers:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(header.created))
        model = f"{header.config.family} on {header.config.data_name}"
        click.echo(f"{header.id}  {created}  {header.status:11}  {header.step:>9,} steps  {model}")


def _header_fields(header: Header) -> dict[str, Any]:
    return {
        "run": header.id,
        "model": header.config.family,
        "data": header.config.data_name,
        "status": header.status,
        "step": header.step,
    }


if __name__ == "__main__":
    main(prog_name="python -m lmcore")
