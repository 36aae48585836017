"""Import of a run that `export_archive` exported, here or on another computer.

The archive is read in memory and within limits (`archive`). Its settings must make a valid config, its text must be the
one they name, and its checkpoint must be one of that config (`validation`). Only then is anything written.
"""

import time
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from lmcore import families
from lmcore.data import corpora, datasets, tables, uploads
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.data.datasets import Dataset
from lmcore.data.encoding import decode
from lmcore.errors import UserError
from lmcore.families import MAX_PARAMETERS, AnyRunConfig
from lmcore.runs.archive import (
    CHECKPOINT,
    MANIFEST,
    MAX_TEXT_BYTES,
    ORIGINAL,
    TEXT,
    Manifest,
    read_archive,
    refusal,
)
from lmcore.runs.export import run_text, text_sha256
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.runs.validation import ChangeRecord, first_problem, parse_checkpoint, validate
from lmcore.training.checkpoint import BEST, WEIGHTS, Arrays, check_version
from lmcore.training.config import RunConfig

MAX_MANIFEST_BYTES = 65_536


@dataclass(frozen=True)
class Imported:
    """An imported run."""

    id: str
    remark: str = ""  # how it differs from the exported one


def import_archive(data: bytes, store: Store, owner: str = "") -> Imported:
    """Import a run under a new id.

    Args:
        data: the archive.
        store: where the run is saved.
        owner: of the new run.

    Raises:
        UserError: says why the archive is refused; nothing was written then.
    """
    members = read_archive(data)
    manifest = _parse_manifest(members[MANIFEST])
    config = _parse_config(manifest)
    upload = _included_upload(config, members.get(ORIGINAL, members.get(TEXT)))
    text = None if upload is None else _read_text(config, upload)
    data_of_run = _load_data(config, text)
    run = _rebuild(config, manifest, members[CHECKPOINT], data_of_run)
    run.owner = owner
    text_here = text if text is not None else run_text(config)
    _save(run, store, upload)
    if text_here is not None and manifest.text_sha256 not in (None, text_sha256(text_here)):
        title = data_of_run.title if isinstance(data_of_run, Corpus) else "The text"
        return Imported(run.id, f"{title} differs slightly on this computer from the text that the run learned from.")
    return Imported(run.id)


def _save(run: Run, store: Store, upload: bytes | None) -> None:
    """Save the run and its text, or neither."""
    store.add(run)
    if upload is None:
        return
    try:
        uploads.save(upload, uploads.title_of(run.config.data_name))
    except UserError:
        store.remove(run.id)
        raise


# ---------------------------------------------------------------- settings and data


def _parse_manifest(content: bytes) -> Manifest:
    if len(content) > MAX_MANIFEST_BYTES:
        raise refusal(f"{MANIFEST} has {len(content):,} bytes, but at most {MAX_MANIFEST_BYTES:,} are allowed.")
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise refusal(f"{MANIFEST} {first_problem(error)}.") from None
    check_version(manifest.format)
    return manifest


def _parse_config(manifest: Manifest) -> AnyRunConfig:
    try:
        return families.run_config(manifest.config)
    except UserError as error:  # it quotes what was given, however long that is
        message = str(error)
        raise UserError(message if len(message) <= 400 else f"{message[:200]} … {message[-200:]}") from None


def _included_upload(config: AnyRunConfig, content: bytes | None) -> bytes | None:
    """The user's own text in the archive, as a file; None if the run needs none, or the archive does not include it."""
    name = config.data_name
    if content is None or not name.startswith(uploads.PREFIX):
        return None
    if len(content) > MAX_TEXT_BYTES:
        raise refusal(f"its text has {len(content):,} bytes, but at most {MAX_TEXT_BYTES:,} are allowed.")
    if uploads.name_of(content, uploads.title_of(name)) != name:
        raise refusal("its text is not the one that its settings name.")
    return content


def _read_text(config: AnyRunConfig, upload: bytes) -> str:
    corpus = getattr(config, "corpus", None)
    return decode(upload, corpus.encoding if isinstance(corpus, CorpusConfig) else "auto").text


def _load_data(config: AnyRunConfig, text: str | None) -> Corpus | Dataset:
    if text is None:
        return families.load_data(config)
    title = uploads.title_of(config.data_name)
    if isinstance(config, RunConfig):
        return corpora.from_text(text, title, config.corpus)
    return datasets.from_table(config.data, tables.parse(text, title))


# ---------------------------------------------------------------- the run


def _rebuild(config: AnyRunConfig, manifest: Manifest, content: bytes, data: Corpus | Dataset) -> Run:
    """The run of a checkpoint, after everything in it was checked."""
    record, arrays = parse_checkpoint(content)
    pending = ChangeRecord(step=record.step, settings=record.pending)
    *changes, last = _parse_changes(config, [*record.changes, pending])
    planned = _parse_changes(config, record.planned)
    _check_size(config, data, arrays)
    trainer = families.make_trainer(config, data)
    validate(record, arrays, config, trainer)
    run = Run(config, created=min(manifest.created, time.time()))
    status = _imported_status(record.status)
    message = "The run had failed before it was exported. Change a setting and resume." if status == "failed" else ""
    settings = {"changes": changes, "planned": planned, "pending": last["settings"]}
    checked = settings | {"status": status, "message": message, "n_parameters": trainer.n_parameters}
    run.decode(record.model_dump() | checked, dict(arrays))
    return run


def _imported_status(status: Status) -> Status:
    return Status.PAUSED if status.is_active or status == Status.INTERRUPTED else status


def _parse_changes(config: AnyRunConfig, changes: list[ChangeRecord]) -> list[dict[str, Any]]:
    """The changes as plain data, with all values checked."""
    train, parsed = config.train, []
    for change in changes:
        if fixed := change.settings.keys() - type(train).live_fields():
            raise refusal(f"{min(fixed)[:40]!r} cannot change during a run.")
        train = train.updated(**change.settings)
        parsed.append({"step": change.step, "settings": {name: getattr(train, name) for name in change.settings}})
    return parsed


def _check_size(config: AnyRunConfig, data: Corpus | Dataset, arrays: Arrays) -> None:
    """Refuse a model that is too large, or does not have the size of the checkpoint, before it is built."""
    n_parameters = families.count_parameters(config, data)
    if n_parameters > MAX_PARAMETERS:
        raise refusal(f"its model would have {n_parameters:,} parameters, but at most {MAX_PARAMETERS:,} are allowed.")
    for name in (f"state/{WEIGHTS}", f"state/{BEST}{WEIGHTS}"):
        if name in arrays and arrays[name].size != n_parameters:
            raise UserError(
                f"This file cannot be imported: its checkpoint has {arrays[name].size:,} weights, but with the data on "
                f"this computer its settings make a model of {n_parameters:,}."
            )
