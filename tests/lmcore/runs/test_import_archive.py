"""Import of runs, and everything that a hostile archive and hostile settings may try."""

import io
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcore import families
from lmcore.data import corpora, sources, tables, uploads
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.runs import archive as archives
from lmcore.runs import import_archive as imports
from lmcore.runs.archive import TEXT
from lmcore.runs.export import export_archive
from lmcore.runs.import_archive import import_archive
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training.checkpoint import FORMAT_VERSION
from lmcore.training.history import Change, TestEvaluation
from lmcore.training.trainer import NO_UPDATE_RATIOS, SliceReport
from tests.lmcore.runs.example_runs import (
    GERMAN_NAMES,
    assert_refused,
    exported_and_imported,
    members,
    saved_files,
    small_run,
    train_run,
    zipped,
)

# ---------------------------------------------------------------- export and import


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
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
def test_an_imported_run_continues_bit_for_bit(values: dict[str, Any]) -> None:
    run = small_run(**values)
    store = Store()
    imported = import_archive(export_archive(run), store, "me")
    again = store.load(imported.id)
    assert again.id != run.id
    assert (again.owner, imported.remark) == ("me", "")
    assert (again.config, again.current, again.step) == (run.config, run.current, run.step)
    assert again.n_parameters == run.n_parameters > 0
    assert np.array_equal(again.history.head, run.history.head)
    assert [s.samples for s in again.snapshots] == [s.samples for s in run.snapshots]
    assert [s.metrics for s in again.snapshots] == [s.metrics for s in run.snapshots]
    config = run.current.with_train(steps=40).model_dump()
    assert advance(again.state, config, 0.0)[0] == advance(run.state, config, 0.0)[0]


@pytest.mark.parametrize(
    "values",
    [
        {"family": "softmax-regression", "source": "digits", "early_stopping": True},
        {"family": "logistic-regression", "source": "moons", "descent": "stochastic"},
        {"family": "mlp-classifier", "source": "clouds", "clip": "norm", "clip_threshold": 0.1, "schedule": "plateau"},
    ],
    ids=lambda values: values["family"],
)
def test_an_imported_classifier_continues_bit_for_bit(values: dict[str, Any]) -> None:
    run = Run(run_config_from_settings({"steps": 300} | values))
    run.fold(*advance(*run.next_slice(), 60, 300))
    again = exported_and_imported(run)
    assert (again.config, again.step, again.cpu_seconds) == (run.config, run.step, run.cpu_seconds)
    assert again.state == run.state
    config = run.current.with_train(steps=400).model_dump()
    assert advance(again.state, config, 60)[0] == advance(run.state, config, 60)[0]


def test_changes_of_settings_are_imported(run: Run) -> None:
    again = exported_and_imported(run)
    assert again.changes == run.changes
    assert again.status == Status.FINISHED
    assert again.current.train.optimizer == "adam"


def test_planned_changes_are_imported_and_checked() -> None:
    planned = [Change(10, {"learning_rate": 0.5}), Change(20, {"optimizer": "adam"})]
    run = Run(run_config_from_settings(GERMAN_NAMES), planned=planned)
    assert exported_and_imported(run).planned == planned
    run.planned = [Change(10, {"learning_rate": -0.5})]
    with pytest.raises(UserError, match="learning_rate"):
        exported_and_imported(run)
    run.planned = [Change(10, {"seed": 7})]
    with pytest.raises(UserError, match="'seed' cannot change"):
        exported_and_imported(run)


def test_settings_that_wait_for_the_next_slice_are_imported_and_checked() -> None:
    run = small_run({10: {"optimizer": "adam"}})
    run.pending = {"learning_rate": 0.5}
    assert exported_and_imported(run).pending == {"learning_rate": 0.5}
    run.pending = {"learning_rate": -0.5}
    with pytest.raises(UserError, match="learning_rate"):
        exported_and_imported(run)
    run.pending = {"seed": 7}
    with pytest.raises(UserError, match="'seed' cannot change"):
        exported_and_imported(run)


def test_test_evaluations_are_imported() -> None:
    run = small_run()
    run.test_evaluations = [TestEvaluation(10, {"loss": 2.5}), TestEvaluation(30, {})]
    assert exported_and_imported(run).test_evaluations == run.test_evaluations


def test_a_running_run_is_imported_as_paused(run: Run) -> None:
    running = run.copy()
    running.status = Status.RUNNING
    assert exported_and_imported(running).status == Status.PAUSED


def test_a_run_that_has_not_started_is_imported() -> None:
    assert exported_and_imported(Run(run_config_from_settings(GERMAN_NAMES))).step == 0


def test_the_message_of_a_failed_run_is_not_imported() -> None:
    run = small_run(steps=10)
    message = "**see** <b>this</b>"
    run.fold(b"", SliceReport(10, 1, np.zeros(1, np.float32), [], NO_UPDATE_RATIOS, 1.0, 1.0, diverged=message))
    assert (run.status, run.message) == (Status.FAILED, message)
    again = exported_and_imported(run)
    assert again.status == Status.FAILED
    assert "<b>" not in again.message


def test_an_imported_run_can_be_forked_like_the_original(run: Run) -> None:
    again = exported_and_imported(run)
    assert again.fork_steps == run.fork_steps
    for step in run.fork_steps:
        forks = [one.fork(step) for one in (run, again)]
        for fork in forks:
            fork.change({"steps": 40})
        states = [advance(*fork.next_slice(), 0.0, step + 1)[0] for fork in forks]
        assert states[0] == states[1]


def test_a_fork_is_imported_without_its_parent(run: Run) -> None:
    fork = run.fork(10)
    fork.change({"learning_rate": 0.5, "steps": 20, "batch_size": 7})
    fork.status = Status.RUNNING
    while fork.status == Status.RUNNING:
        fork.fold(*advance(*fork.next_slice(), 0.0))
    again = exported_and_imported(fork)
    assert (again.step, again.current, again.changes) == (20, fork.current, fork.changes)
    assert again.origin is None


def test_importing_twice_makes_two_runs(archive: bytes) -> None:
    store = Store()
    assert import_archive(archive, store).id != import_archive(archive, store).id
    assert len(store.headers()) == 2


# ---------------------------------------------------------------- uploaded texts

UPLOAD = "anna\nberta\ncäcilie\ndora\nemil\n" * 30


def run_on_upload() -> Run:
    return small_run(source=uploads.save(UPLOAD.encode(), "my names.txt"), locales=(), units="lines")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Continue on a computer that has none of the texts."""
    return lambda: monkeypatch.setenv("LMCORE_DATA", str(tmp_path / "elsewhere"))


def test_an_uploaded_text_is_imported_with_its_run(elsewhere: Callable[[], None]) -> None:
    run = run_on_upload()
    archive = export_archive(run)
    elsewhere()
    again = Store().load(import_archive(archive, Store()).id)
    assert again.config == run.config
    assert sources.read(run.config.corpus.source).text == UPLOAD


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"\xef\xbb\xbf" * 2 + b"emma\nolivia\nava\nmia\n" * 40, "auto"),
        ("anna\r\nberta\r\ncäcilie\r\n".encode("utf-16") * 1 + "dora\r\nemil\r\n".encode("utf-16-le") * 40, "auto"),
        ("Łukasz\nŻaneta\nMałgorzata\n".encode("cp1250") * 20, "cp1250"),
        ("Łukasz\nŻaneta\nMałgorzata\n".encode("cp1250") * 20, "cp1252"),
        ("Zoë\nJosé\n".encode() * 40 + b"caf\xe9\n", "auto"),
        ("em\u0085ma\x0bolivia\u2028e\u0301va\ufeff\n\x1b[1mmia\n".encode() * 40, "auto"),
        (b"emma\nolivia\n" * 150_000, "auto"),  # the archive compresses it a thousandfold
    ],
)
def test_whatever_can_be_trained_can_be_exported_and_imported(
    content: bytes, encoding: str, elsewhere: Callable[[], None]
) -> None:
    run = small_run(source=uploads.save(content, "mine"), encoding=encoding, locales=(), units="lines")
    archive, text = export_archive(run), sources.read(run.config.data_name, encoding=run.config.corpus.encoding).text
    assert members(archive)[TEXT].decode() == text
    elsewhere()
    imported = import_archive(archive, Store())
    assert imported.remark == ""
    assert Store().load(imported.id).config == run.config
    assert sources.read(run.config.data_name, encoding=run.config.corpus.encoding).text == text


def test_a_table_is_imported_with_its_run(elsewhere: Callable[[], None]) -> None:
    rows = "\n".join(f"{i * i % 7},5;{i % 5};{'äb'[i % 2]}" for i in range(40))
    source = tables.save(f"a;größe;y\n{rows}".encode("cp1252"), "table.csv")
    run = Run(run_config_from_settings({"family": "softmax-regression", "source": source, "steps": 50}))
    run.fold(*advance(*run.next_slice(), 60))
    archive = export_archive(run)
    elsewhere()
    again = Store().load(import_archive(archive, Store()).id)
    assert again.state == run.state
    config = run.current.with_train(steps=80).model_dump()
    assert advance(again.state, config, 60)[0] == advance(run.state, config, 60)[0]


@pytest.mark.slow
def test_equal_weights_can_be_exported_and_imported() -> None:
    run = small_run(family="mlp", hidden=2048, embedding=100, embedding_scheme="zeros", hidden_scheme="zeros")
    assert exported_and_imported(run).step == run.step


def test_a_model_that_is_too_large_to_be_imported_cannot_be_trained() -> None:
    run = Run(run_config_from_settings(GERMAN_NAMES | {"family": "mlp", "hidden": 2048, "hidden_layers": 6}))
    with pytest.raises(UserError, match="at most 20,000,000 are allowed"):
        families.make_trainer(run.config)


def test_a_run_whose_text_is_missing_is_refused(elsewhere: Callable[[], None]) -> None:
    contents = members(export_archive(run_on_upload()))
    del contents[TEXT]
    elsewhere()
    assert_refused(zipped(contents), "not on this computer")


def test_another_text_than_the_named_one_is_refused(elsewhere: Callable[[], None]) -> None:
    contents = members(export_archive(run_on_upload()))
    elsewhere()
    assert_refused(zipped(contents | {TEXT: b"other"}), "not the one that its settings name")
    long = np.random.default_rng(0).bytes(archives.MAX_TEXT_BYTES + 1)
    assert_refused(zipped(contents | {TEXT: long}), "its text has")
    name = contents["manifest.json"].decode().partition("text:")[2].partition('"')[0]
    climbing = contents["manifest.json"].replace(name.encode(), f"{name[:24]}-../../evil".encode())
    assert_refused(zipped(contents | {"manifest.json": climbing}), "not the one that its settings name")
    del contents[TEXT]
    assert_refused(zipped(contents | {"manifest.json": climbing}), "not on this computer")


def test_a_text_with_too_many_distinct_characters_is_refused(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Callable[[], None]
) -> None:
    archive = export_archive(run_on_upload())
    elsewhere()
    monkeypatch.setattr(corpora, "MAX_VOCABULARY", 5)
    assert_refused(archive, "different characters")


def test_a_text_that_cannot_be_saved_leaves_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> str:
        raise UserError("The disk is full.")

    archive = export_archive(run_on_upload())
    monkeypatch.setattr(uploads, "save", full)
    assert_refused(archive, "disk is full")


def test_a_full_disk_leaves_no_incomplete_run(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(Store, "save", full)
    assert_refused(archive, "disk is full")


def test_a_text_that_differs_here_is_remarked(archive: bytes) -> None:
    contents = members(archive)
    manifest = json.loads(contents["manifest.json"]) | {"text_sha256": "0" * 64}
    imported = import_archive(zipped(contents | {"manifest.json": json.dumps(manifest).encode()}), Store())
    assert "differs slightly" in imported.remark


# ---------------------------------------------------------------- hostile zip files


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "/etc/evil",
        "..\\evil",
        "C:\\evil",
        "runs/../../evil",
        "manifest.json/",
        "folder/",
        "lock",
        "manifest.json\n",
        "MANIFEST.JSON",
        "a" * 3000,
    ],
)
def test_an_unknown_member_is_refused(archive: bytes, name: str) -> None:
    assert_refused(zipped(members(archive) | {name: b"evil"}), "unexpected member")


def test_a_script_with_its_data_is_told_from_a_run() -> None:
    assert_refused(zipped({"run.py": b"import torch", "names.txt": b"emma"}), "a script with its data")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFDIR])
def test_a_member_that_is_not_a_regular_file_is_refused(archive: bytes, kind: int) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name, content in members(archive).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind | 0o777) << 16 if name == "samples.txt" else 0
            file.writestr(entry, content)
    assert_refused(written.getvalue(), "not a regular file")


def test_a_zip_bomb_is_refused(archive: bytes) -> None:
    bomb = zipped(members(archive) | {"samples.txt": b"\0" * 5_000_000})
    assert len(bomb) < 300_000
    assert_refused(bomb, "more than 100 times")


def test_an_archive_that_is_too_large_is_refused(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 100_000)
    assert_refused(archive, "would unpack to")
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 10_000)
    assert_refused(archive, "bytes, but at most")


def test_a_member_that_is_longer_than_declared_is_refused(archive: bytes) -> None:
    content = members(archive)
    data = bytearray(zipped(content | {"manifest.json": content["manifest.json"] + b" " * 50_000}))
    at = data.rfind(b"PK\1\2", 0, data.rfind(b"manifest.json"))
    struct.pack_into("<I", data, at + 24, 100)
    assert_refused(bytes(data))


def test_too_many_members_are_refused_before_the_zip_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    many = zipped({f"{i}": b"" for i in range(1000)})

    def read(*arguments: Any) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(zipfile, "ZipFile", read)
    assert_refused(many, "too many members")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_the_same_name_are_refused(archive: bytes) -> None:
    written = io.BytesIO(archive)
    with zipfile.ZipFile(written, "a") as file:
        file.writestr("manifest.json", b"{}")
    assert_refused(written.getvalue(), "have the same name")


def test_an_encrypted_member_is_refused(archive: bytes) -> None:
    data = bytearray(archive)
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(mark)
        data[at + offset] |= 1
    assert_refused(bytes(data), "encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_methods_are_refused(archive: bytes, method: int) -> None:
    assert_refused(zipped(members(archive), method), "unsupported compression")


@pytest.mark.parametrize("name", ["manifest.json", "checkpoint.safetensors"])
def test_a_missing_member_is_named(archive: bytes, name: str) -> None:
    contents = members(archive)
    del contents[name]
    assert_refused(zipped(contents), f"{name} is missing")


def test_anything_but_a_zip_file_is_refused(archive: bytes) -> None:
    for data in (b"", b"PK", b"hello" * 100, b"PK\5\6" + b"\0" * 18, archive[: len(archive) // 2], archive[:-1]):
        assert_refused(data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(archive: bytes, where: float, byte: int) -> None:
    data = bytearray(archive)
    data[int(where * len(data))] = byte
    before = saved_files()
    try:
        imported = import_archive(bytes(data), Store())
    except UserError:
        assert saved_files() == before
    else:  # it is in a member that is not read
        Store().remove(imported.id)


# ---------------------------------------------------------------- hostile settings


def with_manifest(archive: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    contents = members(archive)
    manifest = json.loads(contents["manifest.json"])
    change(manifest)
    return zipped(contents | {"manifest.json": json.dumps(manifest).encode()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("config"), "manifest.json"),
        (lambda c: c.pop("format"), "format"),
        (lambda c: c.update(format=FORMAT_VERSION + 1), f"format version {FORMAT_VERSION + 1}"),
        (lambda c: c.update(format=0), "format version 0"),
        (lambda c: c.update(format=10**30), "format"),
        (lambda c: c.update(created="yesterday"), "created"),
        (lambda c: c.update(created=1e300), "created"),
        (lambda c: c.update(config=[1]), "config"),
        (lambda c: c["config"].update(task="dance"), "task"),
        (lambda c: c["config"].update(model=[]), "family"),
        (lambda c: c["config"]["model"].update(family="transformer"), "transformer"),
        (lambda c: c["config"]["model"].update(family=["mlp"]), "family"),
        (lambda c: c["config"]["model"].update(family="rnn"), "rnn"),
        (lambda c: c["config"]["model"].update(family="softmax-regression"), "corpus"),
        (lambda c: c["config"]["model"].update(hidden=10**9), "hidden"),
        (lambda c: c["config"]["model"].update(hidden="many"), "hidden"),
        (lambda c: c["config"]["model"].update(unknown=1), "unknown"),
        (lambda c: c["config"]["train"].update(learning_rate=-1), "learning_rate"),
        (lambda c: c["config"]["corpus"].update(source="../../etc/passwd"), "no text"),
        (lambda c: c["config"]["corpus"].update(source="file:manifest.json"), "no text"),
        (lambda c: c["config"]["corpus"].update(source="text:../../x"), "not the one"),
        (lambda c: c["config"]["corpus"].update(source="names"), "Download it"),
        (lambda c: c["config"]["model"].update(hidden=13), "checkpoint has"),
        (lambda c: c["config"]["model"].update(batch_norm="hidden"), "checkpoint has|lacks"),
    ],
)
def test_invalid_settings_are_refused(archive: bytes, change: Callable[[dict[str, Any]], Any], words: str) -> None:
    assert_refused(with_manifest(archive, change), words)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"format": NaN}', b"[" * 60_000, b"1" * 60_000, b" " * 70_000],
)
def test_an_unreadable_manifest_is_refused(archive: bytes, content: bytes) -> None:
    assert_refused(zipped(members(archive) | {"manifest.json": content}), "manifest.json")


GIANT = {"hidden": 2048, "hidden_layers": 6, "context": 32, "embedding": 256}


def fail_to_build(*arguments: Any) -> None:
    raise AssertionError("the model was built")


def test_a_giant_model_is_refused_before_it_is_built(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "make_trainer", fail_to_build)
    assert_refused(with_manifest(archive, lambda c: c["config"]["model"].update(GIANT)), "parameters, but at most")


@pytest.mark.parametrize("values", [{"family": "rnn"}, {"family": "mlp-classifier", "source": "digits"}], ids=str)
def test_other_giant_models_are_refused_before_they_are_built(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_language_model = values["family"] == "rnn"
    run = small_run(**values) if is_language_model else train_run(run_config_from_settings({"steps": 20} | values))
    archive = export_archive(run)
    monkeypatch.setattr(imports, "MAX_PARAMETERS", 4_000_000 if is_language_model else 1000)
    monkeypatch.setattr(families, "make_trainer", fail_to_build)
    larger = {"hidden": 2048} if is_language_model else {}
    assert_refused(with_manifest(archive, lambda c: c["config"]["model"].update(larger)), "parameters, but at most")
