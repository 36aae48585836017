"""Runs that leave and come in; and all that a hostile file may try."""

import io
import json
import math
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcore.data import sources
from lmcore.errors import UserError
from lmcore.runs import exchange, scripts
from lmcore.runs.run import Run, Status, read_checkpoint, record_text
from lmcore.runs.store import Store, runs_folder
from lmcore.runs.worker import advance
from lmcore.training import trainers
from lmcore.training.classifiers import ClassifierRunConfig
from lmcore.training.training import RunConfig

CORPUS = {"source": "given-names", "locales": ("de_DE",)}


def trained(changes: dict[int, dict[str, Any]] | None = None, **flat: Any) -> Run:
    """A small run to its end."""
    run = Run(RunConfig.from_flat({"hidden": 12, "steps": 30} | CORPUS | flat), owner="somebody")
    run.status = Status.RUNNING
    for step in [*sorted(changes or {}), run.config.train.steps]:
        while run.step < step:
            run.fold(*advance(*run.next_slice(), 0.0, step))
        run.status = Status.RUNNING if step < run.config.train.steps else Status.FINISHED
        run.change((changes or {}).get(step, {}))
    return run


@pytest.fixture(scope="module")
def run() -> Run:
    return trained({10: {"optimizer": "adam", "learning_rate": 0.01}})


@pytest.fixture(scope="module")
def packed(run: Run) -> bytes:
    return exchange.pack(run)


def members(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return written.getvalue()


def files() -> set[Path]:
    """Everything in the folders of the user."""
    return {path for folder in (sources.data_folder(), runs_folder()) for path in folder.rglob("*")}


def refused(data: bytes, words: str = "") -> None:
    before = files()
    with pytest.raises(UserError, match=words or ".") as caught:
        exchange.unpack(data, Store())
    assert files() == before
    assert len(str(caught.value)) < 600


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize(
    "flat",
    [
        {},
        {"batch_norm": "all", "optimizer": "momentum", "learning_rate": 0.01},
        {"family": "wavenet"},
        {"family": "neural-bigram"},
        {"family": "rnn"},
        {"family": "recurrent", "layers": 2, "optimizer": "adam", "learning_rate": 0.01},
        {"family": "recurrent", "cell": "gru", "hidden": 300, "embedding": 64, "batch_size": 4},
    ],
)
def test_a_run_comes_back_and_goes_on_as_it_would_have(flat: dict[str, Any]) -> None:
    flat = {name: value for name, value in flat.items() if name != "hidden"}
    if flat.get("family") == "neural-bigram":
        run = Run(RunConfig.from_flat({"steps": 30} | CORPUS | flat))
        run.fold(*advance(*run.next_slice(), 0.0, 30))
    else:
        run = trained(**flat)
    store = Store()
    imported = exchange.unpack(exchange.pack(run), store, "me")
    again = store.load(imported.id)
    assert again.id != run.id
    assert (again.owner, imported.remark) == ("me", "")
    assert (again.config, again.current, again.step) == (run.config, run.current, run.step)
    assert again.parameters == run.parameters > 0
    assert np.array_equal(again.history.head, run.history.head)
    assert [s.samples for s in again.snapshots] == [s.samples for s in run.snapshots]
    assert (
        advance(again.state, again.current.model_dump(), 0.0)[0]
        == (advance(run.state, run.current.model_dump(), 0.0)[0])
    )


@pytest.mark.parametrize(
    "flat",
    [
        {"family": "softmax-regression", "source": "digits", "early_stopping": True},
        {"family": "logistic-regression", "source": "moons", "descent": "stochastic"},
        {"family": "mlp-classifier", "source": "clouds", "clip": "norm", "clip_at": 0.1, "schedule": "plateau"},
    ],
    ids=lambda flat: flat["family"],
)
def test_a_classifier_comes_back_too(flat: dict[str, Any]) -> None:
    run = Run(ClassifierRunConfig.from_flat({"steps": 300} | flat))
    run.fold(*advance(*run.next_slice(), 60, 300))
    packed = exchange.pack(run)
    again = Store().load(exchange.unpack(packed, Store()).id)
    assert (again.config, again.step, again.training) == (run.config, run.step, run.training)
    assert again.state == run.state
    config = run.current.model_dump() | {"train": run.current.train.updated(steps=400).model_dump()}
    assert advance(again.state, config, 60)[0] == advance(run.state, config, 60)[0]
    assert b"nats per example" in members(packed)["history.csv"]


def test_a_classifier_with_weights_of_another_shape_is_refused() -> None:
    run = Run(ClassifierRunConfig.from_flat({"family": "softmax-regression", "source": "moons", "steps": 20}))
    run.fold(*advance(*run.next_slice(), 60, 20))
    other = members(exchange.pack(run))
    tensors, text = (
        safetensors.numpy.load(other["checkpoint.safetensors"]),
        record_text(other["checkpoint.safetensors"]),
    )
    for name in ("state.theta", "state.events", "state.block_theta"):
        wrong = tensors | {name: np.zeros((3, 7), tensors[name].dtype)}
        packed = safetensors.numpy.save(wrong, metadata={"run": text})
        refused(zipped(other | {"checkpoint.safetensors": packed}))


def test_an_export_tells_nothing_by_which_the_run_could_be_steered(run: Run, packed: bytes) -> None:
    for name, content in members(packed).items():
        assert run.id.encode() not in content, name
        assert b"somebody" not in content, name


def test_changes_on_the_way_come_along(run: Run, packed: bytes) -> None:
    again = Store().load(exchange.unpack(packed, Store()).id)
    assert again.changes == run.changes
    assert again.status == Status.FINISHED
    assert again.current.train.optimizer == "adam"


def test_a_run_that_was_training_comes_in_paused(run: Run) -> None:
    going = run.copy()
    going.status = Status.RUNNING
    assert Store().load(exchange.unpack(exchange.pack(going), Store()).id).status == Status.PAUSED


def test_a_run_that_has_not_begun_comes_in() -> None:
    fresh = Run(RunConfig.from_flat(CORPUS))
    assert Store().load(exchange.unpack(exchange.pack(fresh), Store()).id).step == 0


def test_a_run_that_diverged_comes_in_with_words_of_our_own() -> None:
    run = trained(steps=10)
    run.fold(
        b"",
        {"parameters": 1, "seconds": 1.0, "diverged": "**see** <b>this</b>", "losses": np.zeros(1), "snapshots": []},
    )
    again = Store().load(exchange.unpack(exchange.pack(run), Store()).id)
    assert again.status == Status.FAILED
    assert "<b>" not in again.message


def test_what_came_in_can_be_forked_as_the_run_could(run: Run, packed: bytes) -> None:
    again = Store().load(exchange.unpack(packed, Store()).id)
    assert again.fork_steps == run.fork_steps
    for step in run.fork_steps:
        branches = [one.fork(step) for one in (run, again)]
        states = [advance(*branch.next_slice(), 0.0, step + 1)[0] for branch in branches]
        assert states[0] == states[1]


def test_a_branch_comes_in_whole(run: Run) -> None:
    branch = run.fork(10)
    branch.change({"learning_rate": 0.5, "steps": 20, "batch_size": 7})
    branch.status = Status.RUNNING
    while branch.status == Status.RUNNING:
        branch.fold(*advance(*branch.next_slice(), 0.0))
    again = Store().load(exchange.unpack(exchange.pack(branch), Store()).id)
    assert (again.step, again.current, again.changes) == (20, branch.current, branch.changes)
    assert again.origin is None  # its parent is not here


def test_the_same_file_makes_two_runs(packed: bytes) -> None:
    store = Store()
    assert exchange.unpack(packed, store).id != exchange.unpack(packed, store).id
    assert len(store.headers()) == 2


OWN = "anna\nberta\ncäcilie\ndora\nemil\n" * 30


def own_run() -> Run:
    return trained(source=sources.keep(sources.decode(OWN.encode()), "my names.txt"), locales=(), units="lines")


def test_a_text_of_ones_own_comes_along_and_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = own_run()
    packed = exchange.pack(run)
    assert "whoever gets this file can read it" in members(packed)["README.txt"].decode()
    monkeypatch.setenv("LMCORE_DATA", str(tmp_path / "elsewhere"))
    again = Store().load(exchange.unpack(packed, Store()).id)
    assert again.config == run.config
    assert sources.read(run.config.corpus.source) == OWN


def test_a_long_text_of_ones_own_stays_and_the_file_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(exchange, "LONGEST_TEXT", 100)
    packed = exchange.pack(own_run())
    assert "Give it to Glassbox on the page Dataset" in members(packed)["README.txt"].decode()
    monkeypatch.setenv("LMCORE_DATA", str(tmp_path / "elsewhere"))
    refused(packed, "That text is not on this computer")


def test_another_text_than_the_named_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contents = members(exchange.pack(own_run()))
    monkeypatch.setenv("LMCORE_DATA", str(tmp_path / "elsewhere"))
    refused(zipped(contents | {scripts.TEXT: b"other"}), "not the one that the run names")
    long = np.random.default_rng(0).bytes(exchange.LONGEST_TEXT + 1)
    refused(zipped(contents | {scripts.TEXT: long}), "its text has")
    name = contents["config.json"].decode().partition("text:")[2].partition('"')[0]
    climbing = contents["config.json"].replace(name.encode(), f"{name[:24]}-../../evil".encode())
    refused(zipped(contents | {"config.json": climbing}), "not the one that the run names")
    del contents[scripts.TEXT]
    refused(zipped(contents | {"config.json": climbing}), "not on this computer")


def test_a_text_that_cannot_be_kept_leaves_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> str:
        raise UserError("The disk is full.")

    packed = exchange.pack(own_run())
    monkeypatch.setattr(sources, "keep", full)
    refused(packed, "disk is full")


def test_a_disk_that_fills_up_leaves_no_half_run(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(Store, "save", full)
    refused(packed, "disk is full")


def test_a_text_that_differs_is_told(packed: bytes) -> None:
    contents = members(packed)
    cover = json.loads(contents["config.json"]) | {"text_sha256": "0" * 64}
    imported = exchange.unpack(zipped(contents | {"config.json": json.dumps(cover).encode()}), Store())
    assert "differs here" in imported.remark


def test_the_history_is_a_table_for_a_spreadsheet(run: Run) -> None:
    head, *rows = exchange.history_csv(run).splitlines()
    assert head.startswith("step,minibatch loss (nats per character)")
    table = {float(row.split(",")[0]): row.split(",")[1:] for row in rows}
    assert list(table) == [float(step) for step in range(31)]
    assert float(table[1][0]) == pytest.approx(run.history.head[0])
    assert table[0][0] == ""
    assert float(table[30][2]) == pytest.approx(run.snapshots[-1].dev)


def test_what_is_in_the_zip(packed: bytes) -> None:
    contents = members(packed)
    assert set(contents) == set(exchange.KNOWN)
    assert b"python -m lmcore import" in contents["README.txt"]
    assert contents[scripts.TEXT].decode() == scripts.text_of(RunConfig.from_flat(CORPUS).corpus)
    assert b"step 30" in contents["samples.txt"]


# ---------------------------------------------------------------- hostile zips


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "/etc/evil",
        "..\\evil",
        "C:\\evil",
        "runs/../../evil",
        "config.json/",
        "folder/",
        "lock",
        "config.json\n",
        "CONFIG.JSON",
        "a" * 3000,
    ],
)
def test_a_member_of_another_name_is_refused(packed: bytes, name: str, tmp_path: Path) -> None:
    refused(zipped(members(packed) | {name: b"evil"}), "which no run has")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFDIR])
def test_what_is_no_plain_file_is_refused(packed: bytes, kind: int) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name, content in members(packed).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind | 0o777) << 16 if name == "samples.txt" else 0
            file.writestr(entry, content)
    refused(written.getvalue(), "no plain file")


def test_a_member_that_grows_too_much_is_refused(packed: bytes) -> None:
    bomb = zipped(members(packed) | {"samples.txt": b"\0" * 5_000_000})
    assert len(bomb) < 300_000
    refused(bomb, "would grow more than")


def test_members_that_are_too_large_together_are_refused(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_UNPACKED", 100_000)
    refused(packed, "would grow to")
    monkeypatch.setattr(exchange, "MAX_PACKED", 10_000)
    refused(packed, "bytes, at most")


def test_a_size_that_lies_is_refused(packed: bytes) -> None:
    """The list says that a member is short; what is packed is long."""
    content = members(packed)
    data = bytearray(zipped(content | {"config.json": content["config.json"] + b" " * 50_000}))
    at = data.rfind(b"PK\1\2", 0, data.rfind(b"config.json"))
    struct.pack_into("<I", data, at + 24, 100)
    refused(bytes(data))


def test_too_many_members_are_refused_before_they_are_read(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    many = zipped({f"{i}": b"" for i in range(1000)})

    def read(*arguments: Any) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(zipfile, "ZipFile", read)
    refused(many, "too many members")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(packed: bytes) -> None:
    written = io.BytesIO(packed)
    with zipfile.ZipFile(written, "a") as file:
        file.writestr("config.json", b"{}")
    refused(written.getvalue(), "two members of one name")


def test_an_encrypted_member_is_refused(packed: bytes) -> None:
    data = bytearray(packed)
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(mark)
        data[at + offset] |= 1
    refused(bytes(data), "encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(packed: bytes, method: int) -> None:
    refused(zipped(members(packed), method), "unusual way")


@pytest.mark.parametrize("name", ["config.json", "checkpoint.safetensors"])
def test_a_member_that_is_needed_is_named(packed: bytes, name: str) -> None:
    contents = members(packed)
    del contents[name]
    refused(zipped(contents), f"it lacks {name}")


def test_what_is_no_zip_is_refused(packed: bytes) -> None:
    for data in (b"", b"PK", b"hello" * 100, b"PK\5\6" + b"\0" * 18, packed[: len(packed) // 2], packed[:-1]):
        refused(data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_any_byte_may_be_another(packed: bytes, where: float, byte: int) -> None:
    data = bytearray(packed)
    data[int(where * len(data))] = byte
    before = files()
    try:
        imported = exchange.unpack(bytes(data), Store())
    except UserError:
        assert files() == before
    else:  # nothing that matters was hit
        Store().remove(imported.id)


# ---------------------------------------------------------------- hostile settings


def with_cover(packed: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    contents = members(packed)
    cover = json.loads(contents["config.json"])
    change(cover)
    return zipped(contents | {"config.json": json.dumps(cover).encode()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("config"), "config.json"),
        (lambda c: c.pop("glassbox"), "glassbox"),
        (lambda c: c.update(glassbox=2), "version 2"),
        (lambda c: c.update(created="yesterday"), "created"),
        (lambda c: c.update(created=1e300), "created"),
        (lambda c: c.update(config=[1]), "config"),
        (lambda c: c["config"].update(task="dance"), "no task"),
        (lambda c: c["config"]["model"].update(family="transformer"), "transformer"),
        (lambda c: c["config"]["model"].update(hidden=10**9), "hidden"),
        (lambda c: c["config"]["model"].update(hidden="many"), "hidden"),
        (lambda c: c["config"]["model"].update(unknown=1), "unknown"),
        (lambda c: c["config"]["train"].update(learning_rate=-1), "learning_rate"),
        (lambda c: c["config"]["corpus"].update(source="../../etc/passwd"), "no text"),
        (lambda c: c["config"]["corpus"].update(source="file:config.json"), "no text"),
        (lambda c: c["config"]["corpus"].update(source="text:../../x"), "not the one"),
        (lambda c: c["config"]["corpus"].update(source="names"), "Download it"),
        (lambda c: c["config"]["model"].update(hidden=13), "checkpoint holds"),
        (lambda c: c["config"]["model"].update(batch_norm="hidden"), "checkpoint holds|lacks"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    packed: bytes, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    refused(with_cover(packed, change), words)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"glassbox": NaN}', b"[" * 60_000, b"1" * 60_000, b" " * 70_000],
)
def test_settings_that_cannot_be_read_are_refused(packed: bytes, content: bytes) -> None:
    refused(zipped(members(packed) | {"config.json": content}), "config.json")


GIANT = {"hidden": 2048, "hidden_layers": 6, "context": 32, "embedding": 256}


def test_a_giant_model_is_refused_before_it_is_built(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*arguments: Any) -> None:
        raise AssertionError("it was built")

    monkeypatch.setattr(trainers, "make", build)
    refused(with_cover(packed, lambda c: c["config"]["model"].update(GIANT)), "weights, at most")


def test_a_giant_recurrent_network_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = exchange.pack(trained(family="rnn"))
    monkeypatch.setattr(exchange, "MAX_WEIGHTS", 4_000_000)
    monkeypatch.setattr(trainers, "make", None)
    refused(with_cover(packed, lambda c: c["config"]["model"].update(hidden=2048)), "weights, at most")


def test_a_text_of_too_many_characters_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = exchange.pack(own_run())
    monkeypatch.setenv("LMCORE_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(exchange, "MAX_CHARACTERS", 5)
    refused(packed, "different characters")


# ---------------------------------------------------------------- hostile checkpoints


def with_checkpoint(
    packed: bytes,
    tensors: Callable[[dict[str, Any]], Any] = lambda t: None,
    record: Callable[[dict[str, Any]], Any] = lambda r: None,
) -> bytes:
    contents = members(packed)
    arrays, entries = read_checkpoint(contents["checkpoint.safetensors"])
    arrays = {name: array.copy() for name, array in arrays.items()}
    tensors(arrays)
    record(entries)
    content = safetensors.numpy.save(arrays, metadata={"run": json.dumps(entries)})
    return zipped(contents | {"checkpoint.safetensors": content})


def put(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda entries: entries.update({name: value})


def at(name: str, index: Any, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda arrays: arrays[name].__setitem__(index, value)


THETA = "state.theta"


def test_the_untouched_checkpoint_comes_in(packed: bytes) -> None:
    assert exchange.unpack(with_checkpoint(packed), Store()).id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at(THETA, 5, np.nan), "not finite"),
        (at(THETA, 5, np.inf), "not finite"),
        (at(THETA, slice(None), 3e38), "not finite"),
        (lambda t: t.pop(THETA), "lacks 'theta'"),
        (put(THETA, np.zeros(3, np.float32)), "checkpoint holds 3"),
        (lambda t: t.update({THETA: t[THETA].reshape(1, -1)}), "shape"),
        (lambda t: t.update({THETA: t[THETA].astype(np.float64)}), "float64"),
        (lambda t: t.update({THETA: t[THETA].astype(np.int32)}), "int32"),
        (put("state.other", np.zeros(3)), "no place for 'other'"),
        (put("other.theta", np.zeros(3)), "which no run has"),
        (put("snapshot99.theta", np.zeros(3)), "which no run has"),
        (put("state.generator", np.zeros(5056, np.uint8)), "damaged"),
        (put("state.generator", np.zeros(7, np.uint8)), "shape"),
        (put("state.step", np.array(-1)), "out of range"),
        (put("state.step", np.array(31)), "belong to its step"),
        (put("state.step", np.array([30])), "shape"),
        (put("state.first_loss", np.array(b"x").view(np.uint8)), "uint8"),
        (lambda t: t.pop("state.moments/adam.exp_avg"), "lacks"),
        (put("state.moments/adam.exp_avg", np.zeros(2, np.float32)), "shape"),
        (put("state.moments/evil.exp_avg", np.zeros(2, np.float32)), "."),
        (put("state.moments/sgd.x", np.zeros(2, np.float32)), "."),
        (at("state.moments/adam.exp_avg", 0, np.nan), "not finite"),
        (lambda t: [t.pop(name) for name in list(t) if name.startswith("state.")], "no state"),
        (lambda t: t.pop("history.head"), "history"),
        (lambda t: t.pop("history.shape"), "history"),
        (put("history.shape", np.array([1, 2, 3])), "history"),
        (put("history.shape", np.array([0, 30])), "history"),
        (put("history.shape", np.array([1, 10**15])), "history"),
        (put("history.shape", np.array([1.0, 30.0])), "history"),
        (put("history.head", np.zeros(29, np.float32)), "shape"),
        (put("history.sums", np.zeros(100_000)), "shape"),
        (at("history.sums", 0, np.nan), "not finite"),
        (put("history.ratios", np.zeros((3, 1, 2), np.float32)), "shape"),
        (put("history.ratio_steps", np.zeros((2, 2), np.int64)), "shape"),
        (lambda t: t.pop("snapshot0.theta"), "does not hold what it names"),
        (lambda t: t.pop("snapshot0.next_character"), "lacks 'next_character'"),
        (lambda t: t.pop("resume3.generator"), "does not hold what it names"),
        (put("resume3.generator", np.zeros(5056, np.uint8)), "damaged"),
        (put("resume3.evil", np.zeros(3)), "does not hold what it names"),
        (put("resume3.step", np.array(11)), "belong to its step"),
        (put("history.marks", np.zeros((0, 2))), "cannot be cut"),
        (at("history.marks", 0, np.nan), "not finite"),
        (put("snapshot0.next_character", np.zeros((1, 1), np.float32)), "shape"),
        (at("snapshot0.next_character", 0, np.nan), "not finite"),
        (put("snapshot0.evil", np.zeros(1)), "no place for 'evil'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(packed: bytes, change: Callable[[dict[str, Any]], Any], words: str) -> None:
    refused(with_checkpoint(packed, tensors=change), words)


def test_a_variance_below_zero_is_refused() -> None:
    packed = exchange.pack(trained(batch_norm="hidden"))
    negative = at("state.statistics/norm.variance", slice(None), -1.0)
    refused(with_checkpoint(packed, tensors=negative), "not finite")


@pytest.mark.parametrize(
    ("name", "value"),
    [("position", -5), ("position", 2**60), ("epoch", -1), ("theta", np.nan), ("h", np.inf), ("memory", np.nan)],
)
def test_a_recurrent_network_that_does_not_fit_is_refused(name: str, value: float) -> None:
    packed = exchange.pack(trained(family="rnn"))
    refused(with_checkpoint(packed, tensors=at(f"state.last/{name}", ..., value)))


def first_snapshot(**values: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda record: record["snapshots"][0].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.pop("status"), "status"),
        (put("status", "evil"), "status"),
        (put("status", 3), "status"),
        (put("step", -1), "step"),
        (put("step", "30"), "step"),
        (put("step", 2**60), "step"),
        (put("step", 12), "order|belong"),
        (put("seconds", -1), "seconds"),
        (put("seconds", math.nan), "seconds"),
        (put("looks", [[1]]), "looks"),
        (put("looks", 5), "looks"),
        (put("changes", [{"step": 3, "settings": {"seed": 1}}]), "cannot change"),
        (put("changes", [{"step": 3, "settings": {"learning_rate": 1e9}}]), "learning_rate"),
        (put("changes", [{"step": 3, "settings": {"__class__": 1}}]), "cannot change"),
        (put("changes", [{"step": 99, "settings": {}}]), "order"),
        (put("changes", [{"step": 3, "settings": {"optimizer": {"a": 1}}}]), "changes"),
        (put("snapshots", "many"), "snapshots"),
        (first_snapshot(step=-1), "step"),
        (first_snapshot(step=7), "order"),
        (first_snapshot(step=1), "two snapshots"),
        (first_snapshot(dev=math.inf), "dev"),
        (first_snapshot(samples=[1]), "samples"),
        (first_snapshot(samples=["x" * 30_000]), "samples"),
        (first_snapshot(samples="abc"), "samples"),
        (first_snapshot(seconds=-1.0), "seconds"),
        (first_snapshot(state=["evil"]), "does not hold what it names"),
        (first_snapshot(state="theta"), "state"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(
    packed: bytes, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    refused(with_checkpoint(packed, record=change), words)


def header(length: int, text: bytes, rest: bytes = b"") -> bytes:
    return length.to_bytes(8, "little") + text + rest


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        header(2**63, b"{}"),
        header(2, b"{}"),
        header(4, b"null"),
        header(17, b'{"__metadata__":5'),
        header(19, b'{"__metadata__":{}}'),
        b'{"a":' * 50_000,
        header(57, b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}   ', b"\0" * 4),
        header(55, b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} ', b""),
        header(55, b'{"a":{"dtype":"XYZ","shape":[1],"data_offsets":[0,4]}} ', b"\0" * 4),
        header(66, b'{"a":{"dtype":"F32","shape":[99999999999],"data_offsets":[0,4]}}   ', b"\0" * 4),
    ],
)
def test_a_checkpoint_that_is_none_is_refused(packed: bytes, content: bytes) -> None:
    refused(zipped(members(packed) | {"checkpoint.safetensors": content}), "damaged|record|bytes|grow")


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, '{"step": 1e999}'])
def test_a_record_that_cannot_be_read_is_refused(packed: bytes, text: str) -> None:
    contents = members(packed)
    arrays, _ = read_checkpoint(contents["checkpoint.safetensors"])
    content = safetensors.numpy.save(arrays, metadata={"run": text})
    refused(zipped(contents | {"checkpoint.safetensors": content}))


def test_a_checkpoint_cut_anywhere_is_refused(packed: bytes) -> None:
    contents = members(packed)
    whole = contents["checkpoint.safetensors"]
    for share in (0.001, 0.01, 0.3, 0.9, 0.9999):
        refused(zipped(contents | {"checkpoint.safetensors": whole[: int(share * len(whole))]}))


def test_the_record_reads_as_it_was_written(run: Run) -> None:
    assert json.loads(record_text(run.to_bytes()))["step"] == 30
