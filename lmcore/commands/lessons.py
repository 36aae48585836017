"""The commands for lesson files: check, rehearse, and print their JSON schema."""

from pathlib import Path

import click

from lmcore.commands.console import print_json
from lmcore.errors import UserError
from lmcore.lessons import reading, schema
from lmcore.lessons.rehearsal import QUICK_STEPS, Rehearsal, minute_plan, rehearse

files = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def lesson() -> None:
    """Check and rehearse lesson files; docs/LESSONS.md describes them."""


@lesson.command("check")
@click.argument("paths", metavar="FILES...", nargs=-1, required=True, type=files)
def check(paths: tuple[Path, ...]) -> None:
    """Validate lesson files. Each that is broken is refused with line and reason."""
    broken = 0
    for path in paths:
        try:
            found = reading.read_file(path)
            planned = sum(step.minutes for step in found.steps)
            click.echo(f"{path}: {found.title}, {len(found.steps)} steps, {planned:g} of {found.minutes:g} minutes")
        except UserError as error:
            broken += 1
            click.echo(f"{path}: {error}", err=True)
    if broken:
        raise UserError(f"{broken} of {len(paths)} files are not lessons.")


@lesson.command("rehearse")
@click.argument("path", metavar="FILE", type=files)
@click.option("--seeds", type=click.IntRange(1, 20), default=3, show_default=True, help="Passes, each with its seed.")
@click.option(
    "--quick", is_flag=True, help=f"Shorten every run to {QUICK_STEPS} steps; later expectations are skipped."
)
def rehearse_command(path: Path, seeds: int, quick: bool) -> None:
    """Carry out every action of a lesson on this machine, and print the minute plan and what was measured."""
    found = reading.read_file(path)
    passes = []
    for seed in range(found.seed, found.seed + seeds):
        passes.append(rehearse(found, seed, QUICK_STEPS if quick else None))
        click.echo(_measured(passes[-1]))
    click.echo(_plan(passes))
    if failures := sum(len(one.failures) for one in passes):
        raise UserError(f"{failures} {'action or expectation' if failures == 1 else 'actions or expectations'} failed.")


def _measured(rehearsal: Rehearsal) -> str:
    """What one pass showed, step by step."""
    lines = [f"Seed {rehearsal.seed}"]
    for step in rehearsal.steps:
        lines += [f"  {step.title}: FAILS: {step.problem}"] if step.problem else []
        lines += [f"  {step.title}: {check}" for check in step.checks]
    return "\n".join(lines)


def _plan(passes: list[Rehearsal]) -> str:
    """The minute plan: when each step begins, and the seconds that the machine needs for it."""
    found = passes[0].lesson
    lines = [f"{found.title}: {found.minutes:g} minutes", "begins  minutes  machine: median, slowest"]
    for row in minute_plan(passes):
        begins = f"{int(row.start):>3}:{round(row.start % 1 * 60):02}"
        late = "  LONGER THAN PLANNED" if row.slowest > row.minutes * 60 else ""
        lines.append(f"{begins}  {row.minutes:>7g}  {row.median:>6.1f} s {row.slowest:>6.1f} s  {row.title}{late}")
    planned = sum(step.minutes for step in found.steps)
    return "\n".join([*lines, f"{'':6}  {planned:>7g}  of {found.minutes:g} planned"])


@lesson.command("schema")
def print_schema() -> None:
    """Print the JSON schema of what a lesson's blocks of YAML say."""
    print_json(schema.schema())
