"""Hostile checkpoints: arrays, records and states that do not fit a run."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from lmcore.families import run_config_from_settings
from lmcore.runs.export import export_archive
from lmcore.runs.import_archive import import_archive
from lmcore.runs.run import Run
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training.checkpoint import FORMAT_VERSION, decode_state, parse_record, read_metadata
from tests.lmcore.runs.example_runs import assert_refused, members, small_run, zipped

CHECKPOINT = "checkpoint.safetensors"
Change = Callable[[dict[str, Any]], Any]


def with_checkpoint(
    archive: bytes,
    arrays: Change = lambda arrays: None,
    record: Change = lambda record: None,
    format_version: str = str(FORMAT_VERSION),
) -> bytes:
    """The archive with a changed checkpoint."""
    contents = members(archive)
    changed = {name: array.copy() for name, array in decode_state(contents[CHECKPOINT]).items()}
    entries = parse_record(read_metadata(contents[CHECKPOINT]))
    arrays(changed)
    record(entries)
    metadata = {"format": format_version, "run": json.dumps(entries)}
    return zipped(contents | {CHECKPOINT: safetensors.numpy.save(changed, metadata=metadata)})


def put(name: str, value: Any) -> Change:
    return lambda entries: entries.update({name: value})


def pop(name: str) -> Change:
    return lambda entries: entries.pop(name)


def at(name: str, index: Any, value: Any) -> Change:
    return lambda arrays: arrays[name].__setitem__(index, value)


def test_the_unchanged_checkpoint_is_accepted(archive: bytes) -> None:
    assert import_archive(with_checkpoint(archive), Store()).id


def test_another_format_version_is_refused(archive: bytes) -> None:
    assert_refused(with_checkpoint(archive, format_version="0"), "format version 0; this version of Glassbox reads")


# ---------------------------------------------------------------- arrays

WEIGHTS = "state/weights"
RESUME = "resume/3"  # the state of the snapshot at step 5, without its weights


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (at(WEIGHTS, 5, np.nan), "not finite"),
        (at(WEIGHTS, 5, np.inf), "not finite"),
        (at(WEIGHTS, slice(None), 3e38), "not finite"),
        (pop(WEIGHTS), "lacks array 'weights'"),
        (put(WEIGHTS, np.zeros(3, np.float32)), "checkpoint has 3"),
        (lambda t: t.update({WEIGHTS: t[WEIGHTS].reshape(1, -1)}), "shape"),
        (lambda t: t.update({WEIGHTS: t[WEIGHTS].astype(np.float64)}), "float64"),
        (lambda t: t.update({WEIGHTS: t[WEIGHTS].astype(np.int32)}), "int32"),
        (put("state/other", np.zeros(3)), "unexpected array 'other'"),
        (put("state", np.zeros(3)), "unexpected array 'state'"),
        (put("other/weights", np.zeros(3)), "unexpected array 'other/weights'"),
        (put("snapshot/99/weights", np.zeros(3)), "unexpected array"),
        (put("snapshot/00/weights", np.zeros(3)), "unexpected array"),
        (put("snapshot/-1/weights", np.zeros(3)), "unexpected array"),
        (put("state/generator", np.zeros(5056, np.uint8)), "damaged"),
        (put("state/generator", np.zeros(7, np.uint8)), "shape"),
        (put("state/step", np.array(-1)), "out of range"),
        (put("state/step", np.array(31)), "belongs to another step"),
        (put("state/step", np.array([30])), "shape"),
        (put("state/examples", np.array(-1)), "out of range"),
        (put("state/first_loss", np.array(b"x").view(np.uint8)), "uint8"),
        (pop("state/optimizer/adam.exp_avg"), "lacks"),
        (put("state/optimizer/adam.exp_avg", np.zeros(2, np.float32)), "shape"),
        (put("state/optimizer/evil.exp_avg", np.zeros(2, np.float32)), "unexpected array"),
        (put("state/optimizer/sgd.x", np.zeros(2, np.float32)), "unexpected array"),
        (at("state/optimizer/adam.exp_avg", 0, np.nan), "not finite"),
        (lambda t: [t.pop(name) for name in list(t) if name.startswith("state/")], "no state"),
        (pop("history/head"), "history"),
        (pop("history/shape"), "history"),
        (put("history/shape", np.array([1, 2, 3])), "history"),
        (put("history/shape", np.array([0, 30])), "history"),
        (put("history/shape", np.array([1, 10**15])), "history"),
        (put("history/shape", np.array([1.0, 30.0])), "history"),
        (put("history/head", np.zeros(29, np.float32)), "shape"),
        (put("history/sums", np.zeros(100_000)), "shape"),
        (at("history/sums", 0, np.nan), "not finite"),
        (put("history/ratios", np.zeros((3, 1, 2), np.float32)), "shape"),
        (put("history/ratio_steps", np.zeros((2, 2), np.int64)), "shape"),
        (pop("snapshot/0/weights"), "do not match its record"),
        (pop("snapshot/0/next_character"), "lacks array 'next_character'"),
        (pop(f"{RESUME}/generator"), "do not match its record"),
        (put(f"{RESUME}/generator", np.zeros(5056, np.uint8)), "damaged"),
        (put(f"{RESUME}/evil", np.zeros(3)), "do not match its record"),
        (put(f"{RESUME}/step", np.array(11)), "belongs to another step"),
        (put("history/marks", np.zeros((0, 2))), "no marks"),
        (at("history/marks", 0, np.nan), "not finite"),
        (put("snapshot/0/next_character", np.zeros((1, 1), np.float32)), "shape"),
        (at("snapshot/0/next_character", 0, np.nan), "not finite"),
        (put("snapshot/0/evil", np.zeros(1)), "unexpected array 'evil'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(archive: bytes, change: Change, words: str) -> None:
    assert_refused(with_checkpoint(archive, arrays=change), words)


def test_a_negative_variance_is_refused() -> None:
    archive = export_archive(small_run(batch_norm="hidden"))
    negative = at("state/statistics/norm.variance", slice(None), -1.0)
    assert_refused(with_checkpoint(archive, arrays=negative), "not finite")


@pytest.fixture(scope="module")
def rnn_archive() -> bytes:
    return export_archive(small_run(family="rnn"))


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("batches", 0, 0),
        ("batches", 0, 2**40),
        ("batches", 1, -5),
        ("batches", 1, 2**60),
        ("batches", 2, -1),
        ("weights", ..., np.nan),
        ("best/weights", ..., np.nan),
        ("hidden_state/0", ..., np.inf),
        ("optimizer/accumulator", ..., np.nan),
        ("smoothed_loss", 0, np.nan),
    ],
)
def test_a_recurrent_state_that_does_not_fit_is_refused(
    rnn_archive: bytes, name: str, index: Any, value: float
) -> None:
    assert_refused(with_checkpoint(rnn_archive, arrays=at(f"state/{name}", index, value)))


def test_a_classifier_with_weights_of_another_shape_is_refused() -> None:
    run = Run(run_config_from_settings({"family": "softmax-regression", "source": "moons", "steps": 20}))
    run.fold(*advance(*run.next_slice(), 60, 20))
    archive = export_archive(run)
    shape = (3, 7)
    for name in ("weights", "events", "block/weights", "patience"):
        key = f"state/{name}"
        wrong = put(key, np.zeros(shape, decode_state(members(archive)[CHECKPOINT])[key].dtype))
        assert_refused(with_checkpoint(archive, arrays=wrong))


# ---------------------------------------------------------------- the record


def first_snapshot(**values: Any) -> Change:
    return lambda record: record["snapshots"][0].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pop("status"), "status"),
        (put("status", "evil"), "status"),
        (put("status", 3), "status"),
        (put("unknown", 3), "unknown"),
        (put("step", -1), "step"),
        (put("step", "30"), "step"),
        (put("step", 2**60), "step"),
        (put("step", 12), "order|match"),
        (put("wall_seconds", -1.0), "wall_seconds"),
        (put("wall_seconds", math.nan), "wall_seconds"),
        (put("cpu_seconds", math.inf), "cpu_seconds"),
        (put("test_evaluations", [[1]]), "test_evaluations"),
        (put("test_evaluations", 5), "test_evaluations"),
        (put("test_evaluations", [{"step": 30, "metrics": {"loss": math.nan}}]), "test_evaluations"),
        (put("test_evaluations", [{"step": 30, "metrics": {"evil": 1.0}}]), "other metrics"),
        (put("test_evaluations", [{"step": 31, "metrics": {"loss": 1.0}}]), "order"),
        (put("changes", [{"step": 3, "settings": {"seed": 1}}]), "cannot change"),
        (put("changes", [{"step": 3, "settings": {"learning_rate": 1e9}}]), "learning_rate"),
        (put("changes", [{"step": 3, "settings": {"__class__": 1}}]), "cannot change"),
        (put("changes", [{"step": 99, "settings": {}}]), "order"),
        (put("changes", [{"step": 3, "settings": {"optimizer": {"a": 1}}}]), "changes"),
        (put("changes", [{"step": 3, "settings": {"batch_size": size}} for size in range(2, 40)]), "too often|state"),
        (put("snapshots", "many"), "snapshots"),
        (first_snapshot(step=-1), "step"),
        (first_snapshot(step=7), "order"),
        (first_snapshot(step=1), "the same step"),
        (first_snapshot(metrics={"train/loss": 2.0, "dev/loss": math.inf}), "metrics"),
        (first_snapshot(metrics={"train/loss": 2.0}), "other metrics"),
        (first_snapshot(metrics={"train/loss": 2.0, "dev/loss": 2.0, "<b>": 1.0}), "other metrics"),
        (first_snapshot(metrics={"x" * 100: 2.0}), "metrics"),
        (first_snapshot(samples=[1]), "samples"),
        (first_snapshot(samples=["x" * 30_000]), "samples"),
        (first_snapshot(samples="abc"), "samples"),
        (first_snapshot(examples=-1), "examples"),
        (first_snapshot(wall_seconds=-1.0), "wall_seconds"),
        (first_snapshot(state=["evil"]), "do not match its record"),
        (first_snapshot(state="weights"), "state"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(archive: bytes, change: Change, words: str) -> None:
    assert_refused(with_checkpoint(archive, record=change), words)


# ---------------------------------------------------------------- damaged files


def header(length: int, text: bytes, rest: bytes = b"") -> bytes:
    """A safetensors file from its parts."""
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
def test_anything_but_a_checkpoint_is_refused(archive: bytes, content: bytes) -> None:
    assert_refused(zipped(members(archive) | {CHECKPOINT: content}), "damaged|record|format version|100 times")


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, '{"step": 1e999}'])
def test_an_unreadable_record_is_refused(archive: bytes, text: str) -> None:
    contents = members(archive)
    metadata = {"format": str(FORMAT_VERSION), "run": text}
    content = safetensors.numpy.save(decode_state(contents[CHECKPOINT]), metadata=metadata)
    assert_refused(zipped(contents | {CHECKPOINT: content}))


def test_a_truncated_checkpoint_is_refused(archive: bytes) -> None:
    contents = members(archive)
    whole = contents[CHECKPOINT]
    for share in (0.001, 0.01, 0.3, 0.9, 0.9999):
        assert_refused(zipped(contents | {CHECKPOINT: whole[: int(share * len(whole))]}))
