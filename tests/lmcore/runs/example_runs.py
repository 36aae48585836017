"""Small runs, how the engine and the store show them, and their archives."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lmcore.data.files import data_folder
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig, run_config_from_settings
from lmcore.runs.export import export_archive
from lmcore.runs.import_archive import import_archive
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Header, Store, runs_folder
from lmcore.runs.view import RunView
from lmcore.runs.worker import advance

GERMAN_NAMES = {"source": "given-names", "locales": ("de_DE",)}


def train_run(config: AnyRunConfig, changes: dict[int, dict[str, Any]] | None = None, owner: str = "") -> Run:
    """A run trained to its end as the engine does it, with changes of settings at some steps."""
    run = Run(config, owner)
    run.status = Status.RUNNING
    for step in [*sorted(changes or {}), config.train.steps]:
        while run.step < step:
            run.fold(*advance(*run.next_slice(), 0.0, step))
        run.status = Status.RUNNING if step < config.train.steps else Status.FINISHED
        run.change((changes or {}).get(step, {}))
    return run


def small_run(changes: dict[int, dict[str, Any]] | None = None, **settings: Any) -> Run:
    """A run of 30 steps on German names, trained to its end."""
    small = {"hidden": 12} if settings.get("family") != "neural-bigram" else {}
    return train_run(run_config_from_settings(small | {"steps": 30} | GERMAN_NAMES | settings), changes, "somebody")


def small_config(**settings: Any) -> Any:
    """The config of a run of 400 steps with a snapshot every 100 steps."""
    small = {"locales": ("de_DE",), "hidden": 10, "steps": 400, "evaluate_every": 100}
    return run_config_from_settings(small | settings)


def advance_to(run: Run, step: int) -> Run:
    """The same run, trained up to a step."""
    while run.step < step:
        run.fold(*advance(*run.next_slice(), 0.05, step))
    return run


def run_view(run: Run) -> RunView:
    """A run as the engine shows it."""
    return RunView(
        id=run.id,
        status=run.status,
        pausing=False,
        message="",
        warning="",
        config=run.current.with_train(**run.pending),
        step=run.step,
        n_parameters=run.n_parameters,
        wall_seconds=run.wall_seconds,
        steps_per_second=0.0,
        queue_position=0,
        history=run.history,
        snapshots=tuple(run.snapshots),
        changes=tuple(run.changes),
        diverged_losses=run.diverged_losses,
        test_evaluations=tuple(run.test_evaluations),
        initial_train=run.config.train,
        origin=run.origin,
    )


def run_header(run_id: str, dev_loss: float | None = 2.0) -> Header:
    """The header of a finished run."""
    metrics = {"train/loss": 2.0} | ({} if dev_loss is None else {"dev/loss": dev_loss})
    return Header(
        run_id, "", 0.0, small_config(), Status.FINISHED, 100, n_parameters=100, wall_seconds=1.0, metrics=metrics
    )


# ---------------------------------------------------------------- archives


def exported_and_imported(run: Run) -> Run:
    """A run after its export and import."""
    store = Store()
    return store.load(import_archive(export_archive(run), store).id)


def saved_files() -> set[Path]:
    """Everything in the folders of the user."""
    return {path for folder in (data_folder(), runs_folder()) for path in folder.rglob("*")}


def assert_refused(archive: bytes, words: str = "") -> None:
    """The import must refuse an archive with a short message that has these words, and write nothing."""
    before = saved_files()
    with pytest.raises(UserError, match=words or ".") as caught:
        import_archive(archive, Store())
    assert saved_files() == before
    assert len(str(caught.value)) < 600


def members(archive: bytes) -> dict[str, bytes]:
    """The members of a zip archive by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with these members."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return written.getvalue()
