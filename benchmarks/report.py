"""All benchmarks, one after the other, each in a process of its own; their tables go into one file.

    python -m benchmarks [--output benchmarks/RESULTS.md] [NAME ...]

A benchmark is a module of this package with a function ``measure(rounds) -> Iterable[Row]``. Variables that change the
kernels of NumPy and PyTorch are unset, and the file names them.
"""

import importlib.util
import multiprocessing
import os
import pkgutil
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import psutil

from benchmarks.turns import Row, table

FOLDER = Path(__file__).parent
KERNELS = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
)
"""Variables of the environment that change which kernels compute, or on how many threads."""

ROUNDS = {"classroom": 1, "startup": 3, "training": 3, "page": 7}
USUAL_ROUNDS = 5
MAX_BUSY = 0.1
"""Share of the cores that other work may keep busy before a benchmark; with more, the figures are too low."""
PATIENCE = 20
"""How often to look, for two seconds each, whether the last benchmark's processes have ended."""


def names() -> list[str]:
    """The benchmarks that have rows for the table."""
    modules = sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)]))
    return [name for name in modules if "\ndef measure(rounds" in (FOLDER / f"{name}.py").read_text("utf-8")]


def rows_of(name: str) -> list[Row]:
    """The rows of a benchmark."""
    module = importlib.import_module(f"benchmarks.{name}")
    return list(module.measure(ROUNDS.get(name, USUAL_ROUNDS)))


def processor() -> str:
    """The model of the processor, and its cores."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, {psutil.cpu_count()} cores"


def busy_share() -> float:
    """Share of the cores that other work keeps busy, after waiting for it to end."""
    for _ in range(PATIENCE):
        if (share := psutil.cpu_percent(2) / 100) <= MAX_BUSY:
            break
    return share


def report(tables: dict[str, str], busy: dict[str, float], unset: list[str]) -> str:
    """The tables with what they were measured on, as Markdown."""
    lines = [
        "# Results of the benchmarks",
        "",
        "Written by `make bench`; [README.md](README.md) says what each of them measures.",
        "",
        f"- {processor()}; {platform.system()}, Python {platform.python_version()}",
        f"- {time.strftime('%Y-%m-%d')}",
        f"- unset for the run: {', '.join(unset) or 'none'} (of {', '.join(KERNELS)})",
    ]
    lines += [f"- **other work kept {share:.0%} of the cores busy before {name}**" for name, share in busy.items()]
    for name, text in tables.items():
        lines += ["", f"## {name}", "", text]
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("chosen", nargs=-1, metavar="[NAME ...]")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; only print if missing.")
def main(chosen: tuple[str, ...], output: Path | None) -> None:
    """Run benchmarks, by default all."""
    unset = [variable for variable in KERNELS if os.environ.pop(variable, None) is not None]
    tables: dict[str, str] = {}
    busy: dict[str, float] = {}
    for name in chosen or names():
        if (share := busy_share()) > MAX_BUSY:
            busy[name] = share
            click.echo(f"Warning: other work keeps {share:.0%} of the cores busy; the figures of {name} are too low.")
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            tables[name] = table(process.submit(rows_of, name).result())
        click.echo(f"{name}\n{tables[name]}\n")
        if output is not None:
            output.write_text(report(tables, busy, unset), "utf-8")
