"""Runs on disk: ``<id>/config.json``, written once, and ``<id>/checkpoint.safetensors``, replaced in one move."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import safe_open

from lmcore.errors import UserError
from lmcore.files import write_atomically
from lmcore.runs.run import Run, Status
from lmcore.trainers import AnyRunConfig, config_of


def runs_folder() -> Path:
    """The folder for runs (``LMCORE_RUNS``, else ``runs/`` beside the library)."""
    return Path(os.environ.get("LMCORE_RUNS") or Path(__file__).parents[2] / "runs")


@dataclass(frozen=True)
class Header:
    """What a list of runs shows, read without the weights."""

    id: str
    owner: str
    created: float  # seconds since 1970
    config: AnyRunConfig
    status: Status
    step: int


class Store:
    """The runs in a folder. A lock file tells other processes that a run is in use; it ends with its process."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or runs_folder()

    def create(self, run: Run) -> None:
        """Writes what the run was started with.

        Raises:
            UserError: if the disk is full or the folder cannot be written.
        """
        content = {"id": run.id, "owner": run.owner, "created": run.created, "config": run.config.model_dump()}
        write_atomically(self._path(run.id) / "config.json", json.dumps(content, indent=2).encode())

    def save(self, run_id: str, content: bytes) -> None:
        """Replaces the checkpoint by what `Run.to_bytes` returned.

        Raises:
            UserError: if the disk is full or the folder has vanished.
        """
        if not self._path(run_id).is_dir():
            raise UserError("The folder of the run has vanished; the run goes on in memory only.")
        write_atomically(self._path(run_id) / "checkpoint.safetensors", content)

    def load(self, run_id: str) -> Run:
        """The run as it was last saved; one that was active counts as interrupted.

        Raises:
            UserError: if there is no such run, or its files cannot be read.
        """
        run = self._created(run_id)
        file = self._path(run_id) / "checkpoint.safetensors"
        if file.is_file():
            with safe_open(file, framework="numpy") as opened:
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
                run.load_bytes(tensors, _record(opened))
        if run.status.is_active:
            run.status = Status.INTERRUPTED
        return run

    def headers(self) -> list[Header]:
        """All runs in the folder, newest first; what cannot be read is left out."""
        headers = []
        for path in self.folder.glob("*/config.json") if self.folder.is_dir() else []:
            try:
                headers.append(self._header(path.parent.name))
            except (UserError, OSError):
                continue  # half a folder, or one of another version
        return sorted(headers, key=lambda header: -header.created)

    def _header(self, run_id: str) -> Header:
        run = self._created(run_id)
        file = self._path(run_id) / "checkpoint.safetensors"
        record: dict[str, Any] = {"status": Status.QUEUED, "step": 0}
        if file.is_file():
            with safe_open(file, framework="numpy") as opened:
                record = _record(opened)
        status = Status(record["status"])
        if status.is_active and not self.is_locked(run_id):
            status = Status.INTERRUPTED
        return Header(run.id, run.owner, run.created, run.config, status, record["step"])

    def _created(self, run_id: str) -> Run:
        try:
            content = json.loads((self._path(run_id) / "config.json").read_text(encoding="utf-8"))
            return Run(config_of(content["config"]), content["owner"], content["id"], content["created"])
        except FileNotFoundError:
            raise UserError(f"There is no run {run_id!r} on this computer.") from None
        except (ValueError, KeyError, TypeError):
            raise UserError(f"The files of run {run_id!r} are damaged.") from None

    def lock(self, run_id: str) -> FileLock:
        """Takes the run for this process.

        Raises:
            UserError: if another process has it.
        """
        lock = FileLock(self._path(run_id) / "lock", blocking=False, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise UserError("Another process is training this run. Pause it there first.") from None
        return lock

    def is_locked(self, run_id: str) -> bool:
        """Whether some process has taken the run."""
        try:
            self.lock(run_id).release()
        except UserError:
            return True
        return False

    def _path(self, run_id: str) -> Path:
        if not re.fullmatch("[0-9a-f]{20}", run_id):  # an id from an address must never become a path of its own
            raise UserError(f"{run_id[:40]!r} is not the name of a run.")
        return self.folder / run_id


def _record(opened: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(opened.metadata()["run"])
    return record
