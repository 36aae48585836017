"""The commands that train: a new run, or one that was paused."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import torch

from lmcore import families
from lmcore.commands.console import print_json
from lmcore.commands.settings import encoding_option, parse_settings, set_option, text_settings
from lmcore.data import datasets, tables
from lmcore.data.corpora import SPLITS
from lmcore.data.encoding import check_size
from lmcore.data.files import find_file
from lmcore.errors import UserError
from lmcore.families import FAMILIES, run_config_from_settings
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training.checkpoint import decode_state
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.history import Snapshot
from lmcore.training.trainer import Trainer

SAVE_EVERY = 3.0  # seconds between two checkpoints
MAX_REMARKS = 30  # lines on the columns of a table


@click.command()
@click.argument("model", type=click.Choice(list(FAMILIES)))
@click.option("--data", help="A text, or a data set for a classifier, by name or path.  [default: given-names, clouds]")
@encoding_option
@click.option("--steps", type=int, help="Total number of training steps.")
@set_option
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Threads of PyTorch; more than one only helps large models.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def train(
    model: str,
    data: str | None,
    encoding: str,
    steps: int | None,
    settings: tuple[str, ...],
    threads: int,
    as_json: bool,
) -> None:
    """Train a model. Ctrl-C pauses the run; `resume` continues it."""
    torch.set_num_threads(threads)
    given = _flat_settings(model, data, encoding, settings) | ({} if steps is None else {"steps": steps})
    run = Run(run_config_from_settings(given), owner="command line")
    for line in _remarks(run):
        click.echo(line, err=True)
    store = Store()
    store.create(run)
    with owning(run.id, store):
        train_to_end(run, store, as_json)
    _print_result(run, as_json)


def _remarks(run: Run) -> list[str]:
    """What was changed in a text; how a table was read, and what became of columns that are not plain numbers."""
    data = families.load_data(run.config)
    if not isinstance(data, datasets.Dataset):
        return list(data.remarks)
    columns = [f"  {column.name}: {column.use}" for column in data.columns if column.use != "number"]
    return [*data.remarks, *columns[:MAX_REMARKS]]


def _flat_settings(model: str, data: str | None, encoding: str, settings: tuple[str, ...]) -> dict[str, Any]:
    """The settings of a run as `run_config_from_settings` takes them."""
    if families.find(model).run_config is ClassifierRunConfig:
        return {"family": model, "source": _data_set(data or "clouds")} | parse_settings(settings)
    return {"family": model} | text_settings(data or "given-names", encoding) | parse_settings(settings)


def _data_set(name_or_path: str) -> str:
    """The source of a classifier's data. A file is read as a table and saved in the data folder."""
    path = find_file(name_or_path)
    if name_or_path in (*datasets.TOYS, *datasets.IMAGES) or path is None:
        return name_or_path
    check_size(path.stat().st_size, path.name)
    return tables.save(path.read_bytes(), path.name)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--steps", type=int, help="New total number of steps.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def resume(run_id: str, steps: int | None, as_json: bool) -> None:
    """Resume a run that was paused or interrupted."""
    store = Store()
    store.load(run_id)  # raises UserError if there is none
    with owning(run_id, store):
        run = store.load(run_id)  # as the last process that trained it has left it
        if steps is not None:
            run.change({"steps": steps})
        if (steps or run.current.train.steps) <= run.step:
            raise UserError(f"The run has taken all {run.step:,} steps. Raise their number with --steps.")
        train_to_end(run, store, as_json)
    _print_result(run, as_json)


@contextmanager
def owning(run_id: str, store: Store) -> Iterator[None]:
    """Context in which no other process trains a run.

    Raises:
        UserError: if another process trains it.
    """
    lock = store.lock(run_id)
    try:
        yield
    finally:
        lock.release()


def train_to_end(run: Run, store: Store, as_json: bool) -> None:
    """Train a run of this process up to its last step; Ctrl-C, or a pipe that is closed, pauses it.

    Raises:
        UserError: if it fails.
    """
    run.status, run.message = Status.RUNNING, ""
    click.echo(f"Run {run.id}", err=True)
    try:
        _advance_to_end(run, store, show=not as_json)
    except (KeyboardInterrupt, BrokenPipeError):
        if run.status == Status.RUNNING:
            run.status = Status.PAUSED
        click.echo(f"\nPaused at step {run.step:,}. Continue with: python -m lmcore resume {run.id}", err=True)
    finally:
        store.save(run.id, run.encode())
    if run.status == Status.FAILED:
        raise UserError(run.message)


def _advance_to_end(run: Run, store: Store, show: bool) -> None:
    saved = time.monotonic()
    while run.status == Status.RUNNING:
        state, report = advance(*run.next_slice(), 0.5, run.next_stop)
        run.fold(state, report)
        for snapshot in report.snapshots if show and not report.diverged else []:
            click.echo(_summary_line(snapshot))
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
    trainer = current_trainer(run)
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
        print_json(result | ({"accuracy": accuracy} if is_classifier else {}))
        return
    if run.message:
        click.echo(run.message)
    unit = "nats per example" if is_classifier else "nats per character"
    shown = "   ".join(f"{split} {loss:.4f}" for split, loss in losses.items() if loss is not None)
    click.echo(f"{run.step:,} steps in {run.wall_seconds:.1f} s   {shown} {unit}")


def current_trainer(run: Run) -> Trainer:
    """The trainer of a run as it was last saved."""
    trainer: Trainer = families.make_trainer(run.current)
    if run.state:
        trainer.load_state_dict(decode_state(run.state))
    return trainer
