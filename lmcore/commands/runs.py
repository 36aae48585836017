"""The commands that list, sample, export and import runs."""

import time
from pathlib import Path
from typing import Any

import click

from lmcore.commands.console import options_of, print_json
from lmcore.commands.training import current_trainer
from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig
from lmcore.runs.archive import MAX_ARCHIVE_BYTES
from lmcore.runs.export import export_run
from lmcore.runs.import_archive import import_archive
from lmcore.runs.store import Header, Store


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def runs(as_json: bool) -> None:
    """List the runs on this computer, newest first."""
    headers = Store().headers()
    if as_json:
        print_json([_header_fields(header) for header in headers])
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


@click.command()
@click.argument("run_id", metavar="RUN")
@options_of(SampleConfig)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def sample(run_id: str, as_json: bool, **options: Any) -> None:
    """Draw texts from the model of a run."""
    drawn = current_trainer(Store().load(run_id)).sample(SampleConfig.parse(options))
    if as_json:
        print_json(drawn)
    else:
        click.echo("\n".join(drawn))


@click.command("export")
@click.argument("run_id", metavar="RUN")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_command(run_id: str, file: Path) -> None:
    """Export a run to FILE.

    The end of its name says what to write: .zip for an archive, .py or .ipynb for code that reproduces the run,
    .script.zip for this code beside the data that it reads, .csv for the losses.
    """
    write_atomically(file, export_run(Store().load(run_id), file.name))
    click.echo(f"{file}: {file.stat().st_size:,} bytes", err=True)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_command(file: Path) -> None:
    """Import a run from a zip archive and print its new id."""
    with file.open("rb") as opened:
        content = opened.read(MAX_ARCHIVE_BYTES + 1)  # a pipe or a device does not say its size
    if len(content) > MAX_ARCHIVE_BYTES:
        raise UserError(f"{file.name} has more than {MAX_ARCHIVE_BYTES:,} bytes, the most that is allowed.")
    imported = import_archive(content, Store(), owner="command line")
    click.echo(imported.id)
    if imported.remark:
        click.echo(imported.remark, err=True)
