"""Runs on disk: ``<id>/config.json``, written once, and ``<id>/checkpoint.safetensors``, replaced in one move.

Beside them ``<id>/about.json`` holds what people say of the run. Runs that were deleted lie in ``.trash/<id>``.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import field_validator
from safetensors import SafetensorError, safe_open

from lmcore.config import Config, Field
from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.runs.run import Fork, Run, Status
from lmcore.training.trainers import AnyRunConfig, config_of

ID = "[0-9a-f]{20}"
TRASH = ".trash"
TRASH_DAYS = 7
"""Days that a deleted run can be taken back; when the app starts, what has lain longer is gone for good."""


def runs_folder() -> Path:
    """The folder for runs (``LMCORE_RUNS``, else ``runs/`` beside the library)."""
    return Path(os.environ.get("LMCORE_RUNS") or Path(__file__).parents[2] / "runs")


class About(Config):
    """What people say of a run; it is shown as text, whatever it holds."""

    name: str = Field("", max_length=60, description="What you call this run.")
    note: str = Field("", max_length=1000, description="What you want to remember of it.")
    starred: bool = Field(False, description="Starred runs are never offered for removal.")

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        """Without line ends and characters that nobody sees, or that turn the direction of the text beside them."""
        return " ".join("".join(c if c.isprintable() else " " for c in name).split())


@dataclass(frozen=True)
class Header:
    """What a list of runs shows, read without the weights."""

    id: str
    owner: str
    created: float  # seconds since 1970
    config: AnyRunConfig  # with all changes applied
    status: Status
    step: int
    parameters: int = 0
    seconds: float = 0.0  # of training
    train: float | None = None  # the last that was measured, in nats per character
    dev: float | None = None
    origin: Fork | None = None
    about: About = field(default_factory=About)


class Store:
    """The runs in a folder. A lock file tells other processes that a run is in use; it ends with its process."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or runs_folder()
        self._known: dict[str, tuple[tuple[int, ...], Header]] = {}  # when its files changed, and what they held

    def create(self, run: Run) -> None:
        """Writes what the run was started with.

        Raises:
            UserError: if the disk is full or the folder cannot be written.
        """
        content = {"id": run.id, "owner": run.owner, "created": run.created, "config": run.config.model_dump()}
        content |= {"origin": run.origin._asdict()} if run.origin else {}
        write_atomically(self._path(run.id) / "config.json", json.dumps(content, indent=2).encode())

    def save(self, run_id: str, content: bytes) -> None:
        """Replaces the checkpoint by what `Run.to_bytes` returned.

        Raises:
            UserError: if the disk is full or the folder has vanished.
        """
        if not self._path(run_id).is_dir():
            raise UserError("The folder of the run has vanished; the run goes on in memory only.")
        write_atomically(self._path(run_id) / "checkpoint.safetensors", content)

    def add(self, run: Run) -> None:
        """Writes a whole run that came from elsewhere, or nothing of it.

        Raises:
            UserError: if the disk is full or the folder cannot be written.
        """
        try:
            self.create(run)
            self.save(run.id, run.to_bytes())
        except UserError:
            self.remove(run.id)
            raise

    def remove(self, run_id: str) -> None:
        """Removes for good the folder of a run that nobody has opened yet."""
        shutil.rmtree(self._path(run_id), ignore_errors=True)

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
            except (UserError, OSError, SafetensorError, ValueError, KeyError, TypeError):
                continue  # half a folder, or one of another version
        return sorted(headers, key=lambda header: -header.created)

    def _header(self, run_id: str) -> Header:
        """The header, read again only when a file has changed: a class has hundreds of runs."""
        path = self._path(run_id)
        files = [path / name for name in ("config.json", "checkpoint.safetensors", "about.json")]
        seen = tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)
        if self._known.get(run_id, (None, None))[0] != seen:
            self._known[run_id] = seen, self._read_header(run_id)
        header = self._known[run_id][1]
        if header.status.is_active and not self.is_locked(run_id):
            return replace(header, status=Status.INTERRUPTED)
        return header

    def _read_header(self, run_id: str) -> Header:
        run = self._created(run_id)
        header = Header(run.id, run.owner, run.created, run.config, Status.QUEUED, 0, origin=run.origin)
        header = replace(header, about=self.about(run_id))
        file = self._path(run_id) / "checkpoint.safetensors"
        if not file.is_file():
            return header
        with safe_open(file, framework="numpy") as opened:
            record = _record(opened)
        settings = {name: value for change in record["changes"] for name, value in change["settings"].items()}
        train = run.config.train.updated(**settings) if settings else run.config.train
        last = record["snapshots"][-1] if record["snapshots"] else {}
        return replace(
            header,
            config=run.config.model_copy(update={"train": train}),
            status=Status(record["status"]),
            step=record["step"],
            parameters=record["parameters"],
            seconds=record["seconds"],
            train=last.get("train"),
            dev=last.get("dev"),
        )

    def _created(self, run_id: str) -> Run:
        try:
            content = json.loads((self._path(run_id) / "config.json").read_text(encoding="utf-8"))
            parent = content.get("origin")
            origin = Fork(str(parent["parent"]), int(parent["step"])) if parent else None
            return Run(config_of(content["config"]), content["owner"], content["id"], content["created"], origin)
        except FileNotFoundError:
            raise UserError(f"There is no run {run_id!r} on this computer.") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UserError(f"The files of run {run_id!r} are damaged.") from None

    # ------------------------------------------------------------ what people say of a run

    def about(self, run_id: str) -> About:
        """Name, note and star of a run; none where its file is missing or damaged."""
        try:
            return About.parse(json.loads((self._path(run_id) / "about.json").read_text(encoding="utf-8")))
        except (OSError, UserError, ValueError, TypeError, RecursionError):
            return About()

    def describe(self, run_id: str, about: About) -> None:
        """Keeps name, note and star of a run.

        Raises:
            UserError: if there is no such run, or the disk is full.
        """
        if not self._path(run_id).is_dir():
            raise UserError(f"There is no run {run_id!r} on this computer.")
        write_atomically(self._path(run_id) / "about.json", about.model_dump_json(indent=2).encode())

    # ------------------------------------------------------------ trash

    @property
    def trash(self) -> "Store":
        """The runs that were deleted and can be taken back."""
        return Store(self.folder / TRASH)

    def discard(self, run_id: str) -> None:
        """Moves a run into the trash.

        Raises:
            UserError: if there is no such run, or some process trains it.
        """
        self._created(run_id)
        if self.is_locked(run_id):
            raise UserError("A process trains this run, or holds it ready. Pause it, or end that process, first.")
        self._move(run_id, self.trash)
        os.utime(self.trash.folder / run_id)  # its age in the trash

    def take_back(self, run_id: str) -> None:
        """Moves a run out of the trash.

        Raises:
            UserError: if it is not there any more.
        """
        self.trash._move(run_id, self)

    def _move(self, run_id: str, to: "Store") -> None:
        try:
            to.folder.mkdir(parents=True, exist_ok=True)
            self._path(run_id).rename(to._path(run_id))
        except FileNotFoundError:
            raise UserError("That run is gone for good.") from None
        except OSError as error:
            raise UserError(f"The run cannot be moved ({error.strerror or error}). Check its folder.") from None

    def empty_trash(self, older_than_days: float = 0.0, only: Collection[str] | None = None) -> None:
        """Removes for good what has lain in the trash for so long; ``only`` names the runs, all if None."""
        before = time.time() - older_than_days * 86_400
        for path in list(self.trash.folder.iterdir()) if self.trash.folder.is_dir() else []:
            if path.stat().st_mtime <= before and (only is None or path.name in only):
                shutil.rmtree(path, ignore_errors=True)

    def sizes(self) -> dict[str, int]:
        """Bytes on disk of each run, by its id."""
        folders = [path for path in self.folder.glob("*") if re.fullmatch(ID, path.name)]
        return {path.name: sum(map(_size, path.glob("*"))) for path in folders}

    # ------------------------------------------------------------ locks

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
        if not re.fullmatch(ID, run_id):  # an id from an address must never become a path of its own
            raise UserError(f"{run_id[:40]!r} is not the name of a run.")
        return self.folder / run_id


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # it has just been replaced
        return 0


def _record(opened: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(opened.metadata()["run"])
    return record
