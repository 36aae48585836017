"""Runs on disk: ``<id>/config.json``, written once, and ``<id>/checkpoint.safetensors``, replaced atomically.

``<id>/annotations.json`` has the name, note and star that people gave the run. Deleted runs lie in ``.trash/<id>``.
"""

import functools
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import field_validator
from safetensors import SafetensorError, safe_open

from lmcore import strict_json
from lmcore.config import Config, Field
from lmcore.data.corpora import Split
from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig, run_config
from lmcore.runs.run import Fork, Run, Status
from lmcore.training.checkpoint import FORMAT_VERSION, check_version, parse_record
from lmcore.training.history import metric_name, stored_metrics

ID = "[0-9a-f]{20}"
TRASH = ".trash"
TRASH_DAYS = 7
"""Days for which a deleted run can be restored. After that it is gone when the app starts, or when a run is deleted."""

_locking = threading.RLock()  # held while a lock is asked for: a probe must not look like another process


def runs_folder() -> Path:
    """The folder for runs: ``LMCORE_RUNS``, else ``runs/`` in the current directory."""
    return Path(os.environ.get("LMCORE_RUNS") or "runs")


class Annotations(Config):
    """What people write on a run. It is always shown as plain text."""

    name: str = Field("", max_length=60, description="Name of the run.")
    note: str = Field("", max_length=1000, description="Note about the run.")
    starred: bool = Field(False, description="Star: the run is never suggested for deletion.")

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        """Replace line ends and invisible characters, such as those that reverse the direction of text."""
        return " ".join("".join(c if c.isprintable() else " " for c in name).split())


@dataclass(frozen=True)
class Header:
    """What a list of runs shows, read without any arrays."""

    id: str
    owner: str
    created: float  # seconds since 1970
    config: AnyRunConfig  # with all changes applied
    status: Status
    step: int
    n_parameters: int = 0
    wall_seconds: float = 0.0  # of training
    metrics: dict[str, float] = field(default_factory=dict)  # of the last snapshot
    origin: Fork | None = None
    annotations: Annotations = field(default_factory=Annotations)

    def loss(self, split: Split) -> float | None:
        """The mean loss on a split at the last snapshot; None if it was not measured."""
        return self.metrics.get(metric_name("loss", split))


def _version(file: Path) -> tuple[int, int]:
    """Tells versions of a file apart, even where the clock jumped back: a new version is another file."""
    if not file.is_file():
        return 0, 0
    status = file.stat()
    return status.st_mtime_ns, status.st_ino


class Store:
    """The runs in a folder. A lock file, which ends with its process, tells other processes that a run is in use."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or runs_folder()
        self._known: dict[
            str, tuple[tuple[tuple[int, int], ...], Header]
        ] = {}  # versions of its files, and the header read then

    def create(self, run: Run) -> None:
        """Write what the run was started with.

        Raises:
            UserError: if the disk is full or the folder cannot be written.
        """
        content: dict[str, Any] = {
            "format": FORMAT_VERSION,
            "id": run.id,
            "owner": run.owner,
            "created": run.created,
            "config": run.config.model_dump(),
        }
        content |= {"origin": run.origin._asdict()} if run.origin else {}
        write_atomically(self._path(run.id) / "config.json", strict_json.dumps(content, indent=2).encode())

    def save(self, run_id: str, content: bytes) -> None:
        """Replace the checkpoint with what `Run.encode` returned.

        Raises:
            UserError: if the disk is full or the folder has vanished.
        """
        if not self._path(run_id).is_dir():
            raise UserError("The folder of the run has disappeared; the run continues in memory only.")
        write_atomically(self._path(run_id) / "checkpoint.safetensors", content)

    def add(self, run: Run) -> None:
        """Write a whole run that was imported, or nothing of it.

        Raises:
            UserError: if the disk is full or the folder cannot be written.
        """
        try:
            content = run.encode()  # first: a worker may be ended for its memory in the middle of it
            self.create(run)
            self.save(run.id, content)
        except BaseException:
            self.remove(run.id)
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.folder,)

    def remove(self, run_id: str) -> None:
        """Delete the folder of a run for good."""
        self._known.pop(run_id, None)
        shutil.rmtree(self._path(run_id), ignore_errors=True)

    def load(self, run_id: str) -> Run:
        """The run as it was last saved; one that was active counts as interrupted.

        Raises:
            UserError: if there is no such run, or its files cannot be read.
        """
        run = self._created(run_id)
        file = self._path(run_id) / "checkpoint.safetensors"
        try:
            with safe_open(file, framework="numpy") as opened:
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
                run.decode(parse_record(opened.metadata()), tensors)
        except FileNotFoundError:
            pass  # it has not taken a step yet
        except (SafetensorError, ValueError, KeyError, TypeError):
            raise UserError(f"The files of run {run_id!r} are damaged.") from None
        if run.status.is_active:
            run.status = Status.INTERRUPTED
        return run

    def headers(self) -> list[Header]:
        """All runs in the folder, newest first; what cannot be read is skipped."""
        headers = []
        for path in self.folder.glob("*/config.json") if self.folder.is_dir() else []:
            try:
                headers.append(self._header(path.parent.name))
            except (UserError, OSError, SafetensorError, ValueError, KeyError, TypeError):
                continue  # an incomplete folder, or another version of the format
        return sorted(headers, key=lambda header: -header.created)

    def _header(self, run_id: str) -> Header:
        """The header, read again only when a file has changed: a class makes hundreds of runs."""
        path = self._path(run_id)
        files = [path / name for name in ("config.json", "checkpoint.safetensors", "annotations.json")]
        seen = tuple(_version(file) for file in files)
        known, header = self._known.get(run_id, (None, None))
        if header is None or known != seen:
            header = self._read_header(run_id)
            self._known[run_id] = seen, header
        if header.status.is_active and not self.is_locked(run_id):
            return replace(header, status=Status.INTERRUPTED)
        return header

    def _read_header(self, run_id: str) -> Header:
        run = self._created(run_id)
        header = Header(run.id, run.owner, run.created, run.config, Status.QUEUED, 0, origin=run.origin)
        header = replace(header, annotations=self.annotations(run_id))
        file = self._path(run_id) / "checkpoint.safetensors"
        if not file.is_file():
            return header
        with safe_open(file, framework="numpy") as opened:
            record = parse_record(opened.metadata())
        settings = {name: value for change in record["changes"] for name, value in change["settings"].items()}
        train = run.config.train.updated(**settings) if settings else run.config.train
        last = record["snapshots"][-1] if record["snapshots"] else {}
        return replace(
            header,
            config=run.config.model_copy(update={"train": train}),
            status=Status(record["status"]),
            step=record["step"],
            n_parameters=record["n_parameters"],
            wall_seconds=record["wall_seconds"],
            metrics=stored_metrics(last.get("metrics", {})),
        )

    def _created(self, run_id: str) -> Run:
        try:
            content = json.loads((self._path(run_id) / "config.json").read_text(encoding="utf-8"))
            check_version(content.get("format"))
            parent = content.get("origin")
            origin = Fork(str(parent["parent"]), int(parent["step"])) if parent else None
            return Run(run_config(content["config"]), content["owner"], content["id"], content["created"], origin)
        except FileNotFoundError:
            raise UserError(f"There is no run {run_id!r} on this computer.") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UserError(f"The files of run {run_id!r} are damaged.") from None

    # ------------------------------------------------------------ annotations

    def annotations(self, run_id: str) -> Annotations:
        """Name, note and star of a run; defaults where the file is missing or damaged."""
        try:
            return Annotations.parse(json.loads((self._path(run_id) / "annotations.json").read_text(encoding="utf-8")))
        except (OSError, UserError, ValueError, TypeError, RecursionError):
            return Annotations()

    def annotate(self, run_id: str, annotations: Annotations) -> None:
        """Save the name, note and star of a run.

        Raises:
            UserError: if there is no such run, or the disk is full.
        """
        if not self._path(run_id).is_dir():
            raise UserError(f"There is no run {run_id!r} on this computer.")
        write_atomically(self._path(run_id) / "annotations.json", annotations.model_dump_json(indent=2).encode())

    # ------------------------------------------------------------ trash

    @functools.cached_property
    def trash(self) -> "Store":
        """The deleted runs, which can be restored."""
        return Store(self.folder / TRASH)

    def move_to_trash(self, run_id: str) -> None:
        """Move a run to the trash.

        Raises:
            UserError: if there is no such run, or some process trains it.
        """
        self._created(run_id)
        if self.is_locked(run_id):
            raise UserError("Another process is using this run. Pause it there, or end that process, first.")
        self._move(run_id, self.trash)
        os.utime(self.trash.folder / run_id)  # its age in the trash counts from now

    def restore_from_trash(self, run_id: str) -> None:
        """Move a run out of the trash.

        Raises:
            UserError: if it is no longer there.
        """
        self.trash._move(run_id, self)

    def _move(self, run_id: str, to: "Store") -> None:
        try:
            to.folder.mkdir(parents=True, exist_ok=True)
            self._path(run_id).rename(to._path(run_id))
            self._known.pop(run_id, None)
        except FileNotFoundError:
            raise UserError("That run is gone for good.") from None
        except OSError as error:
            raise UserError(f"The run cannot be moved ({error.strerror or error}). Check the folder of runs.") from None

    def empty_trash(self, older_than_days: float = 0.0, only: Collection[str] | None = None) -> None:
        """Delete for good what was moved to the trash that long ago; ``only`` limits it to some runs."""
        before = time.time() - older_than_days * 86_400
        with suppress(OSError):  # another process empties it too, or the folder cannot be read
            for path in list(self.trash.folder.iterdir()):
                if path.stat().st_mtime <= before and (only is None or path.name in only):
                    shutil.rmtree(path, ignore_errors=True)

    def sizes(self) -> dict[str, int]:
        """Bytes on disk of each run, by its id."""
        folders = [path for path in self.folder.glob("*") if re.fullmatch(ID, path.name)]
        return {path.name: sum(map(_size, path.glob("*"))) for path in folders}

    # ------------------------------------------------------------ locks

    def lock(self, run_id: str) -> FileLock:
        """Lock the run for this process.

        Raises:
            UserError: if another process has locked it.
            OSError: if the folder cannot be written.
        """
        lock = FileLock(self._path(run_id) / "lock", blocking=False, thread_local=False)
        try:
            with _locking:
                lock.acquire()
        except Timeout:
            raise UserError("Another process is using this run. Pause it there, or end that process, first.") from None
        return lock

    def is_locked(self, run_id: str) -> bool:
        """Whether some process has locked the run."""
        try:
            with _locking:
                self.lock(run_id).release()
        except UserError:
            return True
        except OSError:  # a folder that nobody can write
            return False
        return False

    def _path(self, run_id: str) -> Path:
        if not re.fullmatch(ID, run_id):  # an id from an address must never become a path of its own
            raise UserError(f"{run_id[:40]!r} is not the id of a run.")
        return self.folder / run_id


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # it has just been replaced
        return 0
