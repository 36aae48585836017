"""A run as a zip file, and back: what leaves one computer and is read on another.

Nothing in such a file is believed. It is read in memory, member by member and within bounds; the trainer that its
settings ask for is built, takes over the state and goes on by a step; only then is anything written.
"""

import csv
import hashlib
import io
import math
import re
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, StringConstraints, ValidationError
from safetensors import SafetensorError

from lmcore import models
from lmcore.data import corpora, sources
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.data.sources import Decoded
from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig
from lmcore.models import LAYERED, RecurrentConfig, recurrent
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.runs import scripts
from lmcore.runs.run import Run, Status, record_text
from lmcore.runs.store import Store
from lmcore.training import trainers
from lmcore.training.history import MAX_KEPT_ALWAYS, WEIGHTS, History, under
from lmcore.training.trainers import AnyRunConfig, AnyTrainer, RecurrentTrainer
from lmcore.training.training import DivergedError, RunConfig, Trainer

CONFIG, CHECKPOINT, HISTORY, SAMPLES = "config.json", "checkpoint.safetensors", "history.csv", "samples.txt"
README = "README.txt"
NEEDED = (CONFIG, CHECKPOINT)
KNOWN = (README, *NEEDED, HISTORY, SAMPLES, scripts.TEXT, scripts.SCRIPT, scripts.NOTEBOOK)
"""Names of the members; others are refused."""

VERSION = 1
MAX_PACKED, MAX_UNPACKED = 100_000_000, 250_000_000  # bytes
MAX_RATIO, FREE = 100, 1_000_000  # times that a member may grow, if it grows beyond so many bytes
LONGEST_DIRECTORY = 16_384  # bytes of a zip's list of members
LONGEST_CONFIG = 65_536  # bytes
MAX_WEIGHTS = 20_000_000
MAX_KINDS = 20  # of states within a run, by optimizer and size of the batch
MAX_CHARACTERS = 10_000  # different ones, of a text that comes along
LONGEST_TEXT = 2_000_000  # bytes of a text that goes along

UNMEASURED = ("first_loss", "best", "stop_best", "block")
"""Numbers of a state that are not finite before something was measured, or where there is no limit."""

GROWING = ("events", "block_theta")
"""Arrays of a state that have as many rows as there was something to keep."""

Arrays = Mapping[str, NDArray[Any]]


# ---------------------------------------------------------------- out


def pack(run: Run) -> bytes:
    """A run as a zip file: settings, checkpoint, history, samples, the script that repeats it, and what all that is.

    The text goes along where it is a visitor's own or a built-in one, and not too long.

    Raises:
        UserError: if the run's text is not on this computer.
    """
    members: dict[str, str | bytes] = {CONFIG: _cover(run), CHECKPOINT: run.to_bytes(), HISTORY: history_csv(run)}
    members[SAMPLES] = _samples(run)
    if (text := _text_to_go(run.config)) is not None:
        members[scripts.TEXT] = text.encode("utf-8", errors="replace")
    members |= _scripts(run)
    members[README] = _readme(run, members)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def script(run: Run) -> str:
    """The run as a Python script; see `scripts`."""
    return scripts.script(scripts.Experiment.of(run.config, run.changes, run.step))


def notebook(run: Run) -> str:
    """The run as a Jupyter notebook; see `scripts`."""
    return scripts.notebook(scripts.Experiment.of(run.config, run.changes, run.step))


def history_csv(run: Run) -> str:
    """The losses of a run as a table: the minibatches' (means of steps in a row, in long runs), train and dev."""
    steps, losses = run.history.curve_from_start()
    rows: dict[float, list[float | str | None]] = {
        float(step): [float(loss), "", ""] for step, loss in zip(steps, losses, strict=True)
    }
    for snapshot in run.snapshots:
        rows.setdefault(snapshot.step, ["", "", ""])[1:] = [snapshot.train, snapshot.dev]
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    of = "character" if isinstance(run.config, RunConfig) else "example"
    table.writerow(["step", *(f"{what} loss (nats per {of})" for what in ("minibatch", "train", "dev"))])
    table.writerows([f"{step:.15g}", *rows[step]] for step in sorted(rows))
    return written.getvalue()


WAYS: dict[str, Callable[[Run], str | bytes]] = {
    ".zip": pack,
    ".py": script,
    ".ipynb": notebook,
    ".csv": history_csv,
}
"""What a run can be taken along as, by the end of the file's name."""


def _cover(run: Run) -> str:
    text = _text_of(run.config)
    digest = None if text is None else _digest(text)
    return Cover(
        glassbox=VERSION, created=run.created, text_sha256=digest, config=run.config.model_dump()
    ).model_dump_json(indent=2)


def _text_of(config: AnyRunConfig) -> str | None:
    """The text that a run learned from; None if it is no text."""
    corpus = getattr(config, "corpus", None)
    if not isinstance(corpus, CorpusConfig):
        return None
    return sources.read(corpus.source, corpus.locales, corpus.alphabet)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()


def _text_to_go(config: AnyRunConfig) -> str | None:
    corpus = getattr(config, "corpus", None)
    text = scripts.text_of(corpus) if isinstance(corpus, CorpusConfig) else None
    return text if text is not None and len(text.encode("utf-8", errors="replace")) <= LONGEST_TEXT else None


def _scripts(run: Run) -> dict[str, str | bytes]:
    try:
        return {scripts.SCRIPT: script(run), scripts.NOTEBOOK: notebook(run)}
    except UserError:
        return {}  # this model has none


def _samples(run: Run) -> str:
    lines = []
    for snapshot in run.snapshots:
        lines += [f"step {snapshot.step:,}", *(f"  {text!r}" for text in snapshot.samples)]
    return "\n".join([*lines, ""])


def _readme(run: Run, members: Mapping[str, str | bytes]) -> str:
    config = run.config
    lines = [
        "A run of Glassbox",
        "=================",
        f"{config.family} on {config.data_name}, {run.step:,} of {run.current.train.steps:,} steps,"
        f" {run.parameters:,} parameters.",
        "",
        "To go on with it in Glassbox: page Runs, 'Import a run'; or: python -m lmcore import FILE.zip",
        "It is then a run like any other: look at it, sample from it, resume it.",
        "",
        f"{CONFIG:24} every setting of the run",
        f"{CHECKPOINT:24} weights, optimizer, generator, history, snapshots (safetensors: no code in it)",
        f"{HISTORY:24} the losses, for a spreadsheet",
        f"{SAMPLES:24} what the model wrote on the way",
    ]
    if scripts.SCRIPT in members:
        lines.append(f"{scripts.SCRIPT:24} the same experiment in plain torch, and as a notebook ({scripts.NOTEBOOK})")
    return "\n".join([*lines, *_about_text(config, scripts.TEXT in members), ""])


def _about_text(config: AnyRunConfig, comes_along: bool) -> list[str]:
    own = config.data_name.startswith("text:")
    if comes_along:
        kept = " It is yours: whoever gets this file can read it, and import keeps it there." if own else ""
        return [f"{scripts.TEXT:24} the text that the run learned from.{kept}"]
    if own:
        return [
            "",
            f"The text is not in this file, because it is longer than {LONGEST_TEXT:,} bytes."
            " Give it to Glassbox on the page Dataset before you import the run.",
        ]
    return ["", f"The text '{config.data_name}' is not in this file. Glassbox downloads it on the page Dataset."]


# ---------------------------------------------------------------- in


@dataclass(frozen=True)
class Imported:
    """A run that has come in."""

    id: str
    remark: str = ""  # what is not quite as it was


def unpack(data: bytes, store: Store, owner: str = "") -> Imported:
    """Takes in a run that `pack` wrote, here or on another computer, under a new id.

    Raises:
        UserError: says in one sentence why not; then nothing was written.
    """
    members = _members(data)
    cover = _read_cover(members[CONFIG])
    config = _config_of(cover)
    text = _own_text(config, members.get(scripts.TEXT))
    run, corpus = _rebuilt(config, cover, members[CHECKPOINT], text)
    run.owner = owner
    here = text if text is not None else _text_of(config)
    store.add(run)
    if text is not None:
        try:
            sources.keep(Decoded(text, "utf-8"), config.data_name.partition("-")[2])
        except UserError:
            store.remove(run.id)
            raise
    if here is not None and cover.text_sha256 not in (None, _digest(here)):
        title = corpus.title if corpus else "The text"
        return Imported(run.id, f"{title} differs here a little from what the run learned from.")
    return Imported(run.id)


def _refuse(why: str) -> UserError:
    return UserError(f"This file cannot be imported: {why} Give a zip that Glassbox exported, as it is.")


# ---------------------------------------------------------------- the zip


def _members(data: bytes) -> dict[str, bytes]:
    """The members of a zip by name, unpacked in memory."""
    if len(data) > MAX_PACKED:
        raise _refuse(f"it has {len(data):,} bytes, at most {MAX_PACKED:,} are allowed.")
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            entries = file.infolist()
            _check_entries(entries)
            read = [entry for entry in entries if entry.filename in (*NEEDED, scripts.TEXT)]
            return {entry.filename: _member(file, entry) for entry in read}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        raise _refuse("it is damaged or cut short.") from None


def _check_directory(data: bytes) -> None:
    """Refuses a long list of members before anything reads it: the end of a zip says how long that is."""
    end = data[-22:]
    if len(end) < 22 or not end.startswith(b"PK\5\6") or data[-42:-38] == b"PK\6\7":
        raise _refuse("it is no zip, or cut short.")
    if int.from_bytes(end[12:16], "little") > LONGEST_DIRECTORY:
        raise _refuse("it holds too many members.")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if strange := [name for name in names if name not in KNOWN]:
        raise _refuse(f"it holds {strange[0][:60]!r}, which no run has.")
    if len(set(names)) < len(names):
        raise _refuse("it holds two members of one name.")
    if missing := [name for name in NEEDED if name not in names]:
        raise _refuse(f"it lacks {missing[0]}.")
    for entry in entries:
        _check_entry(entry)
    if (total := sum(entry.file_size for entry in entries)) > MAX_UNPACKED:
        raise _refuse(f"it would grow to {total:,} bytes, at most {MAX_UNPACKED:,} are allowed.")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise _refuse(f"{entry.filename} is no plain file.")
    if entry.flag_bits & 1:
        raise _refuse("it is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refuse(f"{entry.filename} is packed in an unusual way.")
    if entry.file_size > FREE and entry.file_size > MAX_RATIO * entry.compress_size:
        raise _refuse(f"{entry.filename} would grow more than {MAX_RATIO} times.")


def _member(file: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with file.open(entry) as opened:
        content = opened.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise _refuse(f"{entry.filename} is not as long as it says.")
    return content


# ---------------------------------------------------------------- the settings


class Cover(BaseModel):
    """What config.json holds."""

    glassbox: int
    created: Annotated[FiniteFloat, Field(ge=0, le=1e11)]
    text_sha256: str | None = None
    config: dict[str, Any]


def _read_cover(content: bytes) -> Cover:
    if len(content) > LONGEST_CONFIG:
        raise _refuse(f"{CONFIG} has {len(content):,} bytes, at most {LONGEST_CONFIG:,} are allowed.")
    try:
        cover = Cover.model_validate_json(content)
    except ValidationError as error:
        raise _refuse(f"{CONFIG} {_first_problem(error)}.") from None
    if cover.glassbox != VERSION:
        raise _refuse(f"it is of version {cover.glassbox}, this Glassbox reads version {VERSION}.")
    return cover


def _config_of(cover: Cover) -> AnyRunConfig:
    try:
        return trainers.config_of(cover.config)
    except UserError as error:  # it repeats what was given, however long that is
        raise UserError(str(error) if len(str(error)) <= 400 else f"{str(error)[:200]} … {str(error)[-200:]}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:40] for part in problem["loc"][:4])
    return f"does not fit ({where}: {problem['msg'][:100].lower()})" if where else "is not readable"


def _own_text(config: AnyRunConfig, content: bytes | None) -> str | None:
    """The visitor's own text that comes along with a run; None if it needs none, or has to be here already."""
    name = config.data_name
    if content is None or not name.startswith("text:"):
        return None
    if len(content) > LONGEST_TEXT:
        raise _refuse(f"its text has {len(content):,} bytes, at most {LONGEST_TEXT:,} are allowed.")
    if sources.kept_name(content, name.partition("-")[2]) != name:
        raise _refuse("its text is not the one that the run names.")
    text = sources.decode(content).text
    if text.encode("utf-8", errors="replace") != content:
        raise _refuse("its text is not written as Glassbox writes texts.")
    return text


# ---------------------------------------------------------------- the checkpoint


Short = Annotated[str, StringConstraints(max_length=20_000)]
Loss = FiniteFloat | None


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Snapshot(_Strict):
    step: NonNegativeInt
    train: float
    dev: Loss
    samples: Annotated[list[Short], Field(max_length=1000)]
    seconds: Annotated[FiniteFloat, Field(ge=0)]
    training: Annotated[FiniteFloat, Field(ge=0)]
    state: Annotated[list[Short], Field(max_length=100)]  # names of the arrays that it takes to go on from there


class _Change(_Strict):
    step: NonNegativeInt
    settings: dict[str, bool | int | FiniteFloat | Annotated[str, StringConstraints(max_length=100)]]


class _Record(_Strict):
    status: Status
    step: Annotated[int, Field(ge=0, le=2**53)]
    seconds: Annotated[FiniteFloat, Field(ge=0)]
    training: Annotated[FiniteFloat, Field(ge=0)]
    looks: list[tuple[NonNegativeInt, Loss]]
    changes: Annotated[list[_Change], Field(max_length=10_000)]
    snapshots: Annotated[list[_Snapshot], Field(max_length=10_000)]


def _rebuilt(config: AnyRunConfig, cover: Cover, content: bytes, text: str | None) -> tuple[Run, Corpus | None]:
    """The run that a checkpoint holds, after everything in it was checked; and its text, if it learns from one."""
    tensors, record = _read_checkpoint(content)
    _check_order(record)
    _check_names(tensors, record)
    changes = _changes(config, record)
    corpus = _corpus_of(config, text)
    _check_size(config, corpus, tensors)
    trainer = trainers.make(config, corpus)
    _check_history(under("history.", tensors), trainer, record)
    _check_snapshots(tensors, trainer, record)
    _check_states(tensors, _Likes(trainer, config, changes), record)
    run = Run(config, created=min(cover.created, time.time()))
    run.load_bytes(dict(tensors), _plain(run, record, changes) | {"parameters": trainer.parameters})
    return run, corpus


def _read_checkpoint(content: bytes) -> tuple[Arrays, _Record]:
    try:
        tensors = safetensors.numpy.load(content)
        record = _Record.model_validate_json(record_text(content))
    except ValidationError as error:
        raise _refuse(f"its record {_first_problem(error)}.") from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise _refuse(f"{CHECKPOINT} is damaged.") from None
    return tensors, record


def _check_order(record: _Record) -> None:
    for name, steps in {
        "snapshots": [snapshot.step for snapshot in record.snapshots],
        "changes": [change.step for change in record.changes],
    }.items():
        if steps != sorted(steps) or (steps and steps[-1] > record.step):
            raise _refuse(f"its {name} are out of order.")
    if len({snapshot.step for snapshot in record.snapshots}) < len(record.snapshots):
        raise _refuse("it has two snapshots of one step.")


def _plain(run: Run, record: _Record, changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The record as `Run.load_bytes` takes it. Messages are not taken over: pages show them as they are."""
    status, message = record.status, ""
    if status.is_active or status == Status.INTERRUPTED:
        status = Status.PAUSED
    if status == Status.FAILED:
        message = "It had stopped where it comes from; change a setting and resume."
    known = {name: getattr(run, name) for name in Run.RECORD}
    return known | {
        "status": status,
        "message": message,
        "step": record.step,
        "seconds": record.seconds,
        "training": record.training,
        "looks": record.looks,
        "changes": changes,
        "snapshots": [snapshot.model_dump() for snapshot in record.snapshots],
    }


def _changes(config: AnyRunConfig, record: _Record) -> list[dict[str, Any]]:
    """The changes as plain data, each value within its bounds."""
    train, taken = config.train, []
    for change in record.changes:
        if fixed := change.settings.keys() - type(train).live_fields():
            raise _refuse(f"{min(fixed)[:40]!r} cannot change in mid-run.")
        train = train.updated(**change.settings)
        taken.append({"step": change.step, "settings": {name: getattr(train, name) for name in change.settings}})
    return taken


def _corpus_of(config: AnyRunConfig, text: str | None) -> Corpus | None:
    if text is None or not isinstance(config, RunConfig):
        material = trainers.material(config)
        return material if isinstance(material, Corpus) else None
    if (distinct := len(set(text))) > MAX_CHARACTERS:
        raise _refuse(f"its text has {distinct:,} different characters, at most {MAX_CHARACTERS:,} are allowed.")
    return corpora.from_text(text, re.sub(r"^text:[0-9a-f]+-", "", config.data_name), config.corpus)


def _check_size(config: AnyRunConfig, corpus: Corpus | None, tensors: Arrays) -> None:
    """Refuses a model that is too large, or not the size of the checkpoint, before any of it is made."""
    count = None if corpus is None else _count_weights(config.model, len(corpus.vocabulary))
    if count is None:
        return
    if count > MAX_WEIGHTS:
        raise _refuse(f"its model would have {count:,} weights, at most {MAX_WEIGHTS:,} are allowed.")
    theta = {f"state.{prefix}{WEIGHTS}" for prefix in ("", trainers.LAST)}
    held = next((array.size for name, array in tensors.items() if name in theta), count)
    if held != count:
        raise UserError(
            f"This file cannot be imported: its checkpoint holds {held:,} weights, its settings ask for {count:,} "
            "with the text of this computer."
        )


def _count_weights(model: Any, characters: int) -> int | None:
    if isinstance(model, RNNConfig):
        H, K = model.hidden, characters
        return H * H + 2 * H * K + H + K
    if isinstance(model, RecurrentConfig):
        return recurrent.size(model, characters)
    if getattr(model, "family", "") not in LAYERED:
        return None
    with torch.device("meta"):  # shapes without memory
        return models.count_parameters(model, characters)


def _check_names(tensors: Arrays, record: _Record) -> None:
    """Every array belongs to the state, the history or a snapshot, and every one that a snapshot names is there."""
    parts = {"state", "history"}
    for i, snapshot in enumerate(record.snapshots):
        parts |= {f"snapshot{i}", f"resume{i}"}
        own, kept = under(f"resume{i}.", tensors), under(f"snapshot{i}.", tensors)
        if not own.keys() <= set(snapshot.state) <= own.keys() | kept.keys():
            raise _refuse(f"the snapshot of step {snapshot.step:,} does not hold what it names.")
    if strange := [name for name in tensors if name.partition(".")[0] not in parts]:
        raise _refuse(f"its checkpoint holds {strange[0][:60]!r}, which no run has.")


def _check_like(found: Arrays, wanted: Arrays, where: str, may_be_nan: tuple[str, ...] = ()) -> None:
    """The same names, shapes and types; nothing but finite numbers."""
    if different := found.keys() ^ wanted.keys():
        name = min(different)
        raise _refuse(f"{where} {'lacks' if name in wanted else 'has no place for'} {name[:60]!r}.")
    for name, array in found.items():
        like = wanted[name]
        rows = slice(1 if name in GROWING and array.ndim == like.ndim else 0, None)
        if array.shape[rows] != like.shape[rows] or array.dtype != like.dtype:
            raise _refuse(
                f"{name} of {where} is {array.dtype} of shape {array.shape}, {like.dtype} of {like.shape} is needed."
            )
        if not np.isfinite(array).all() and name not in may_be_nan:
            raise _refuse(f"{name} of {where} holds numbers that are not finite.")


def _check_history(held: Arrays, trainer: AnyTrainer, record: _Record) -> None:
    empty = History().arrays()
    if held.keys() != empty.keys() or held["shape"].shape != (2,) or held["shape"].dtype != np.int64:
        raise _refuse("its history is not as Glassbox writes it.")
    width, steps = (int(number) for number in held["shape"])
    if steps != record.step or not 1 <= width <= 2**40:
        raise _refuse("its history does not belong to its step.")
    buckets, rows = math.ceil(steps / width), held["ratio_steps"].shape
    ratios = trainer.take_ratios()[1].shape[1:] if rows != (0,) else held["ratios"].shape[1:]
    if buckets > History.BUCKETS:
        raise _refuse("its history is longer than Glassbox writes it.")
    wanted: dict[str, NDArray[Any]] = {
        "head": np.empty(min(steps, History.HEAD), np.float32),
        "sums": np.empty(buckets, np.float64),
        "shape": held["shape"],
        "ratio_steps": np.empty(held["ratio_steps"].size, np.int64),
        "ratios": np.empty((held["ratio_steps"].size, *ratios), np.float32),
        "marks": np.empty((held["marks"].size // 2, 2), np.float64),
    }
    _check_like(held, wanted, "its history", may_be_nan=("ratios",))
    marked = set(held["marks"][:, 0].tolist())
    if not {snapshot.step for snapshot in record.snapshots if snapshot.state} <= marked | {0, steps}:
        raise _refuse("its history cannot be cut where its snapshots are.")


def _check_snapshots(tensors: Arrays, trainer: AnyTrainer, record: _Record) -> None:
    """Each snapshot holds what one of its trainer holds; of a large model it may lack the weights."""
    whole = trainer.snapshot().arrays if record.snapshots else {}
    light = {name: array for name, array in whole.items() if not name.endswith(WEIGHTS)}
    for i, snapshot in enumerate(record.snapshots):
        held = under(f"snapshot{i}.", tensors)
        may_lack = trainer.parameters > MAX_KEPT_ALWAYS and held.keys() == light.keys()
        _check_like(held, light if may_lack else whole, f"the snapshot of step {snapshot.step:,}")


class _Likes:
    """What the states of a run look like: those that its own trainer has, after a step with the settings of then."""

    def __init__(self, trainer: AnyTrainer, config: AnyRunConfig, changes: list[dict[str, Any]]) -> None:
        self.trainer, self.config, self.changes = trainer, config, changes
        self._known: dict[tuple[Any, ...], Arrays] = {}

    def at(self, step: int) -> Arrays:
        """A state of the right names, shapes and types; the trainer is left with the settings of that step."""
        settings: dict[str, Any] = {}
        for change in self.changes:
            settings |= change["settings"] if change["step"] < step else {}
        train = self.config.train.updated(**settings)
        self.trainer.config = self.config.model_copy(update={"train": train})
        shaping = (step > 0, getattr(train, "optimizer", None), getattr(train, "batch_size", None))
        if shaping not in self._known:
            if len(self._known) == MAX_KINDS:
                raise _refuse("its settings changed too often.")
            self._known[shaping] = self._made(begun=step > 0)
        return self._known[shaping]

    def _made(self, begun: bool) -> Arrays:
        self.trainer.reset()
        if begun:
            with suppress(DivergedError, UserError), np.errstate(all="ignore"):
                self.trainer.train(1)
        return self.trainer.state()


def _check_states(tensors: Arrays, likes: _Likes, record: _Record) -> None:
    """The state of the run and those of its snapshots fit; from the run's own the trainer really goes on."""
    for i, snapshot in enumerate(record.snapshots):
        held = under(f"snapshot{i}.", tensors) | under(f"resume{i}.", tensors)
        if snapshot.state:
            _check_state({name: held[name] for name in snapshot.state}, likes, snapshot.step)
    if state := under("state.", tensors):
        _check_state(state, likes, record.step, steps=1)
    elif record.step:
        raise _refuse("its checkpoint has no state.")


def _check_state(state: dict[str, NDArray[Any]], likes: _Likes, step: int, steps: int = 0) -> None:
    where = f"its state of step {step:,}"
    _check_like(state, likes.at(step), where, may_be_nan=UNMEASURED)
    for name, array in state.items():
        if array.dtype.kind in "iu" and not ((array >= 0) & (array <= 2**53)).all():
            raise _refuse(f"{name} of {where} is out of range.")
    if int(state["step"]) != step:
        raise _refuse(f"{where} does not belong to its step.")
    _go_on(state, likes.trainer, steps)


def _go_on(state: dict[str, NDArray[Any]], trainer: AnyTrainer, steps: int) -> None:
    try:
        with np.errstate(all="ignore"):
            trainer.restore(state)
            sound = _is_sound(trainer)
            if steps:
                with suppress(DivergedError, UserError):  # a run that its own settings stopped may come in
                    trainer.train(steps)
    except (RuntimeError, ValueError, KeyError, IndexError, ArithmeticError):
        raise _refuse("its state is damaged.") from None
    if not sound:
        raise _refuse("its model gives numbers that are not finite.")


def _is_sound(trainer: AnyTrainer) -> bool:
    """Whether a language model gives finite losses and probabilities, and can write."""
    if not isinstance(trainer, (Trainer, RecurrentTrainer)):
        return True
    loss = trainer.evaluate("train", 100)
    if loss is None or not math.isfinite(loss) or not np.isfinite(trainer.next_character()).all():
        return False
    return len(trainer.sample(SampleConfig(count=2, length=5))) == 2
