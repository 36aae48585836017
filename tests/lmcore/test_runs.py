import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import safetensors.numpy

from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.runs import executors
from lmcore.runs.disk import disk_use, limit_from_environment
from lmcore.runs.engine import Engine, RunView
from lmcore.runs.executors import Workers
from lmcore.runs.run import Fork, Run, Status
from lmcore.runs.store import TRASH_DAYS, About, Store, runs_folder
from lmcore.runs.worker import advance
from lmcore.training.training import RunConfig, Trainer

CONFIG = RunConfig.from_flat({"locales": ("de_DE",), "hidden": 30, "steps": 4000, "evaluate_every": 1000})


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for something that another thread or process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def weights(state: bytes) -> bytes:
    return safetensors.numpy.load(state)["theta"].tobytes()


def straight(config: RunConfig) -> bytes:
    """The weights of an uninterrupted run."""
    trainer = Trainer(config)
    trainer.train(config.train.steps)
    return trainer.state()["theta"].tobytes()


class Inline(Executor):
    """Computes each slice in a thread of this process, one at a time, when told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, fn, args))
        return future

    def compute(self, seconds: float = 0.02) -> None:
        future, fn, args = self.waiting.pop(0)
        try:
            result = fn(*args[:2], seconds, *args[3:])
        except UserError as error:
            future.set_exception(error)
        else:
            future.set_result(result)


@pytest.fixture
def inline() -> Iterator[tuple[Engine, Inline]]:
    executor = Inline()
    engine = Engine(make_workers=lambda: Workers(executor, 2))
    yield engine, executor
    while executor.waiting:
        executor.compute()
    engine.close()


def compute(engine: Engine, executor: Inline, run_id: str) -> RunView:
    """One slice, and wait until the engine has taken it in."""
    before = engine.view(run_id).step
    executor.compute()
    until(lambda: engine.view(run_id).step > before or not engine.view(run_id).status.is_active)
    return engine.view(run_id)


# ---------------------------------------------------------------- slices


def test_slices_give_the_same_weights_as_one_go() -> None:
    state, report, snapshots = b"", {"step": 0}, []
    while report["step"] < 1000:
        state, report = advance(
            state, CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 1000}).model_dump(), 0.01
        )
        snapshots += [snapshot.step for snapshot in report["snapshots"]]
    assert weights(state) == straight(CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 1000}))
    assert snapshots == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def test_a_slice_is_pure() -> None:
    state, _ = advance(b"", CONFIG.model_dump(), 0.0)
    config = CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 50}).model_dump()
    first, _ = advance(state, config, 60)
    advance(b"", CONFIG.updated(train={**CONFIG.train.model_dump(), "seed": 1}).model_dump(), 0.05)
    again, _ = advance(state, config, 60)
    assert weights(first) == weights(again)


def test_a_diverged_slice_returns_the_state_it_was_given() -> None:
    state, _ = advance(b"", CONFIG.model_dump(), 0.05)
    after, report = advance(
        state, CONFIG.updated(train={**CONFIG.train.model_dump(), "learning_rate": 900}).model_dump(), 5
    )
    assert after == state
    assert "learning rate of 900" in report["diverged"]


# ---------------------------------------------------------------- one run


def test_a_run_survives_its_bytes() -> None:
    run = Run(CONFIG)
    run.fold(*advance(*run.next_slice(), 0.1))
    run.change({"learning_rate": 0.05})
    run.fold(*advance(*run.next_slice(), 0.1))
    store = Store()
    store.create(run)
    store.save(run.id, run.to_bytes())
    again = store.load(run.id)
    assert again.current == run.current
    assert again.config == CONFIG
    assert again.changes == run.changes
    assert again.step == run.step
    assert weights(again.state) == weights(run.state)
    assert np.array_equal(again.history.curve()[1], run.history.curve()[1])
    assert [s.samples for s in again.snapshots] == [s.samples for s in run.snapshots]
    assert np.array_equal(again.snapshots[-1].arrays["next_character"], run.snapshots[-1].arrays["next_character"])
    assert again.status == Status.INTERRUPTED


def test_the_same_changes_at_the_same_steps_give_the_same_weights() -> None:
    def trained(interrupt: bool) -> bytes:
        run, store = Run(CONFIG), Store()
        store.create(run)
        for at, rate in ((100, 0.2), (250, 0.05), (400, 0.01), (600, 0.01)):
            run.pause_at = at
            while run.step < at:
                run.status = Status.RUNNING
                run.fold(*advance(*run.next_slice(), 0.02, run.pause_at))
            run.change({"learning_rate": rate})
            if interrupt and at in (250, 400):
                run.next_slice()  # the change takes effect, then the server dies
                store.save(run.id, run.to_bytes())
                run = store.load(run.id)
        return weights(run.state)

    assert trained(interrupt=True) == trained(interrupt=False)


def test_only_training_settings_change_in_mid_run() -> None:
    run = Run(CONFIG)
    with pytest.raises(UserError, match="Reset first"):
        run.change({"seed": 3})
    with pytest.raises(UserError, match="learning_rate"):
        run.change({"learning_rate": -1})
    assert run.pending == {}


def test_the_budget_of_minutes_ends_a_run() -> None:
    run = Run(CONFIG.updated(train={**CONFIG.train.model_dump(), "minutes": 0.0001, "steps": 10**7}))
    run.status = Status.RUNNING
    run.fold(*advance(*run.next_slice(), 0.05))
    assert run.status == Status.FINISHED
    assert "minutes" in run.message


# ---------------------------------------------------------------- the store


@pytest.mark.parametrize("run_id", ["../../etc", "", "a" * 20 + "/..", "ffffffffffffffffffff"])
def test_what_is_no_run_is_refused_in_words(run_id: str) -> None:
    with pytest.raises(UserError, match="run"):
        Store().load(run_id)


def test_damaged_files_are_left_out_of_the_list() -> None:
    store = Store()
    run = Run(CONFIG)
    store.create(run)
    for broken in ("0" * 20, "1" * 20):
        write_atomically(runs_folder() / broken / "config.json", b"{")
    with pytest.raises(UserError, match="damaged"):
        store.load("0" * 20)
    assert [header.id for header in store.headers()] == [run.id]


def test_a_locked_run_belongs_to_its_process() -> None:
    store, run = Store(), Run(CONFIG)
    store.create(run)
    lock = store.lock(run.id)
    with pytest.raises(UserError, match="Another process"):
        store.lock(run.id)
    assert store.is_locked(run.id)
    lock.release()
    assert not store.is_locked(run.id)


def test_an_atomic_write_leaves_the_old_content_when_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    path = runs_folder() / "x"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in runs_folder().iterdir()] == ["x"]


# ---------------------------------------------------------------- forks


def trained(settings: dict[str, Any], until: int, changes: dict[int, dict[str, Any]] | None = None) -> Run:
    """A run at rest after so many steps, with settings changed on its way; in slices of odd lengths."""
    run = Run(RunConfig.from_flat({"locales": ("de_DE",), "steps": 4000, "evaluate_every": 500} | settings))
    stops = sorted({until, *(changes or {})})
    for stop in stops:
        go_on(run, stop)
        if stop in (changes or {}):
            run.change((changes or {})[stop])
    return run


def go_on(run: Run, until: int) -> None:
    run.pause_at = until
    while run.step < until:
        run.status = Status.RUNNING
        run.fold(*advance(*run.next_slice(), 0.03, until))


def assert_same(one: Run, other: Run) -> None:
    """Bit for bit: state, losses, snapshots."""
    assert one.step == other.step
    held, other_held = safetensors.numpy.load(one.state), safetensors.numpy.load(other.state)
    assert held.keys() == other_held.keys()
    assert all(held[name].tobytes() == other_held[name].tobytes() for name in held)
    assert one.history.head.tobytes() == other.history.head.tobytes()
    assert np.allclose(one.history.sums, other.history.sums, rtol=1e-12, atol=0)
    assert one.history.ratio_steps.tolist() == other.history.ratio_steps.tolist()
    assert one.history.ratios.tobytes() == other.history.ratios.tobytes()
    told = [{s.step: (s.train, s.dev, s.samples) for s in run.snapshots} for run in (one, other)]
    common = told[0].keys() & told[1].keys()  # a pause at a step leaves a snapshot there
    assert {0, 1, 100, 500, 1000} & {*range(one.step)} <= common
    assert all(told[0][step] == told[1][step] for step in common)


@pytest.mark.parametrize("at", [0, 1, 500, 1500, 1700])
@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": 20},
        {"hidden": 20, "optimizer": "adam", "learning_rate": 0.01, "schedule": "cosine"},
        {"hidden": 20, "optimizer": "momentum", "batch_norm": "hidden"},
        {"family": "rnn", "hidden": 20, "learning_rate": 0.1},
        {"family": "recurrent", "hidden": 8, "sequence": 8, "batch_size": 2, "dropout": 0.2, "optimizer": "adam"},
    ],
    ids=["sgd", "adam", "momentum and BatchNorm", "rnn", "lstm with dropout"],
)
def test_a_fork_with_equal_settings_takes_the_steps_of_its_parent(settings: dict[str, Any], at: int) -> None:
    parent = trained(settings, 1700, {300: {"learning_rate": 0.02}})
    child = parent.fork(at)
    if at < 300:
        go_on(child, 300)
        child.change({"learning_rate": 0.02})
    go_on(parent, 2200)
    go_on(child, 2200)
    assert_same(child, parent)
    assert child.origin == Fork(parent.id, at)


@pytest.mark.parametrize("changed", [{"learning_rate": 0.3}, {"batch_size": 16}, {"optimizer": "adam"}])
def test_a_fork_with_another_setting_shares_the_beginning_only(changed: dict[str, Any]) -> None:
    parent = trained({"hidden": 20}, 600)
    child = parent.fork(100)
    child.change(changed)
    go_on(child, 600)
    shared = [(s.step, s.train) for s in parent.snapshots if s.step <= 100]
    assert [(s.step, s.train) for s in child.snapshots][: len(shared)] == shared
    assert child.snapshots[-1].train != parent.snapshots[-1].train
    assert child.history.head[:100].tobytes() == parent.history.head[:100].tobytes()
    same_batch = "batch_size" not in changed  # the loss is taken before the update
    assert (child.history.head[100] == parent.history.head[100]) == same_batch
    assert child.history.head[101] != parent.history.head[101]
    assert child.changes[-1].step == 100


def test_a_fork_knows_its_parent_after_a_reload_and_can_be_forked_again() -> None:
    store, parent = Store(), trained({"hidden": 20}, 600)
    child = parent.fork(200)
    for run in (parent, child):
        store.create(run)
        store.save(run.id, run.to_bytes())
    assert {header.id: header.origin for header in store.headers()} == {parent.id: None, child.id: Fork(parent.id, 200)}
    again = store.load(child.id)
    assert again.origin == Fork(parent.id, 200)
    assert again.fork_steps == [0, 1, 2, 5, 10, 20, 50, 100, 200]
    grandchild = store.load(parent.id).fork(100)  # from the arrays on disk
    go_on(grandchild, 600)
    assert_same(grandchild, parent)


def test_times_of_a_fork_go_on_from_its_parents() -> None:
    parent = trained({"hidden": 20}, 600)
    times = [snapshot.seconds for snapshot in parent.snapshots]
    assert times == sorted(times)
    assert 0 < times[-1] <= parent.seconds
    child = parent.fork(200)
    assert child.seconds == next(snapshot.seconds for snapshot in parent.snapshots if snapshot.step == 200)


def test_a_step_of_which_nothing_is_kept_cannot_be_forked() -> None:
    parent = trained({"hidden": 20}, 60)
    with pytest.raises(UserError, match="at step 33"):
        parent.fork(33)


def test_the_engine_forks_a_run_and_refuses_one_without_steps_left(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    parent = engine.start(CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 200}))
    while engine.view(parent).status.is_active:
        compute(engine, executor, parent)
    with pytest.raises(UserError, match="Raise the number of steps"):
        engine.fork(parent)
    with pytest.raises(UserError, match="cannot change in mid-run"):
        engine.fork(parent, 100, seed=1)
    child = engine.fork(parent, 100, "me", learning_rate=0.2)
    while engine.view(child).status.is_active:
        compute(engine, executor, child)
    view = engine.view(child)
    assert view.origin == Fork(parent, 100)
    assert (view.step, view.config.train.learning_rate) == (200, 0.2)
    assert len(engine.store.headers()) == 2


# ---------------------------------------------------------------- name, note, star, trash

HOSTILE = "<script>alert(1)</script> **bold** $x$ :red[x] ../../\u202e\0\n\r{{7*7}}"


def kept(store: Store) -> Run:
    run = Run(CONFIG)
    store.create(run)
    store.save(run.id, run.to_bytes())
    return run


def test_name_note_and_star_come_back_as_they_were_given() -> None:
    store = Store()
    run = kept(store)
    assert store.about(run.id) == About()
    about = About(name=" my  run ", note=HOSTILE, starred=True)
    store.describe(run.id, about)
    assert store.about(run.id) == about
    assert store.headers()[0].about == about
    assert about.note == HOSTILE
    assert about.name == "my run"
    assert About(name="a\u202e\0\nb").name == "a b"
    store.describe(run.id, About())
    assert store.headers()[0].about == About()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"name": 3}', b'{"x": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_note_is_no_note(content: bytes) -> None:
    store = Store()
    run = kept(store)
    write_atomically(runs_folder() / run.id / "about.json", content)
    assert store.headers()[0].about == About()


def test_a_name_that_is_too_long_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="name"):
        About.parse({"name": "x" * 61})
    with pytest.raises(UserError, match="no run"):
        Store().describe("0" * 20, About())


def test_a_deleted_run_comes_back_whole(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG)
    with pytest.raises(UserError, match="Pause it"):
        engine.delete(run_id)
    engine.pause(run_id)
    compute(engine, executor, run_id)
    before = engine.view(run_id)
    engine.delete(run_id)
    assert engine.headers() == []
    assert [header.id for header in engine.store.trash.headers()] == [run_id]
    with pytest.raises(UserError, match="no run"):
        engine.view(run_id)
    engine.take_back(run_id)
    after = engine.view(run_id)
    assert (after.step, after.status) == (before.step, before.status)
    assert [s.samples for s in after.snapshots] == [s.samples for s in before.snapshots]
    with pytest.raises(UserError, match="gone for good"):
        engine.take_back(run_id)


def test_a_run_of_another_process_cannot_be_deleted() -> None:
    store = Store()
    run = kept(store)
    lock = store.lock(run.id)
    with pytest.raises(UserError, match="process"):
        store.discard(run.id)
    lock.release()
    store.discard(run.id)
    assert not (runs_folder() / run.id).exists()


def test_the_trash_is_emptied_at_the_start_after_a_week_and_not_before() -> None:
    store = Store()
    old, young = kept(store), kept(store)
    for run in (old, young):
        store.discard(run.id)
    week = time.time() - 86_400 * TRASH_DAYS
    os.utime(store.trash.folder / old.id, (week - 60, week - 60))
    os.utime(store.trash.folder / young.id, (week + 60, week + 60))
    Engine(store, make_workers=lambda: Workers(Inline(), 1)).close()
    assert [header.id for header in store.trash.headers()] == [young.id]
    store.empty_trash()
    assert store.trash.headers() == []


@pytest.mark.parametrize("run_id", ["../../etc", "", "ffffffffffffffffffff"])
def test_only_runs_are_deleted(run_id: str) -> None:
    with pytest.raises(UserError):
        Store().discard(run_id)
    with pytest.raises(UserError):
        Store().take_back(run_id)


def test_a_header_tells_what_the_table_needs_and_is_read_again_when_a_file_changes() -> None:
    store, run = Store(), trained({"hidden": 20}, 600)
    run.change({"learning_rate": 0.02})
    run.next_slice()
    store.create(run)
    store.save(run.id, run.to_bytes())
    header = store.headers()[0]
    last = run.snapshots[-1]
    assert (header.parameters, header.seconds) == (run.parameters, run.seconds)
    assert (header.step, header.train, header.dev) == (600, last.train, last.dev)
    assert header.config == run.current
    go_on(run, 1000)
    store.save(run.id, run.to_bytes())
    assert store.headers()[0].step == 1000


# ---------------------------------------------------------------- disk


def test_the_oldest_unstarred_runs_are_offered_until_the_rest_fits() -> None:
    store = Store()
    runs = [kept(store) for _ in range(4)]
    for age, run in enumerate(runs):
        write_atomically(runs_folder() / run.id / "more", b"x" * 1000)
        run.created = float(age)
    store.describe(runs[0].id, About(starred=True))
    headers = [replace(h, created=next(r.created for r in runs if r.id == h.id)) for h in store.headers()]
    headers = [replace(h, status=Status.PAUSED) for h in headers]
    sizes = store.sizes()
    assert sizes.keys() == {run.id for run in runs}
    total = sum(sizes.values())
    assert disk_use(store, headers, total).offered == ()
    assert disk_use(store, headers, total - 1).offered == (runs[1].id,)
    assert disk_use(store, headers, total - sizes[runs[1].id] - 1).offered == (runs[1].id, runs[2].id)
    active = [replace(h, status=Status.RUNNING) for h in headers]
    assert disk_use(store, active, 1).offered == ()
    assert len(store.headers()) == 4  # offered, not removed
    store.discard(runs[3].id)
    assert disk_use(store, headers[:3], total).total == total


@pytest.mark.parametrize("given", ["much", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_no_number_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("LMCORE_DISK", given)
    with pytest.raises(UserError, match="LMCORE_DISK"):
        limit_from_environment()


# ---------------------------------------------------------------- the engine, slice by slice


def test_pause_resume_and_single_steps(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG, step_once=True)
    assert compute(engine, executor, run_id).step == 1
    assert engine.view(run_id).status == Status.PAUSED
    assert executor.waiting == []
    engine.resume(run_id)
    engine.pause(run_id)
    paused = compute(engine, executor, run_id)
    assert paused.status == Status.PAUSED
    assert executor.waiting == []
    engine.resume(run_id, step_once=True)
    assert compute(engine, executor, run_id).step == paused.step + 1


def test_a_change_acts_on_the_next_slice_and_is_remembered(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG)
    engine.change(run_id, learning_rate=0.01, batch_size=16)
    assert engine.view(run_id).config.train.learning_rate == 0.01
    step = compute(engine, executor, run_id).step
    (change,) = engine.view(run_id).changes
    assert change.step == step
    assert change.settings == {"learning_rate": 0.01, "batch_size": 16}
    assert executor.waiting[0][2][1]["train"]["learning_rate"] == 0.01


def test_a_visitor_has_two_runs_at_once_and_the_others_queue(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    mine = [engine.start(CONFIG, "me") for _ in range(4)]
    other = engine.start(CONFIG, "you")
    assert [engine.view(run_id).place for run_id in mine] == [0, 0, 1, 2]
    assert engine.view(other).status == Status.RUNNING
    engine.pause(mine[0])
    executor.compute()
    until(lambda: engine.view(mine[2]).status == Status.RUNNING)
    assert engine.view(mine[3]).place == 1
    engine.pause(mine[3])
    assert engine.view(mine[3]).status == Status.PAUSED
    while executor.waiting and engine.active:
        for run_id in [*mine, other]:
            engine.pause(run_id)
        executor.compute()


def test_a_finished_run_goes_on_when_its_steps_are_raised(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 3}))
    while engine.view(run_id).status.is_active:
        compute(engine, executor, run_id)
    assert engine.view(run_id).status == Status.FINISHED
    with pytest.raises(UserError, match="Raise the number of steps"):
        engine.resume(run_id)
    engine.change(run_id, steps=5)
    engine.resume(run_id)
    while engine.view(run_id).status.is_active:
        compute(engine, executor, run_id)
    assert engine.view(run_id).step == 5


def test_a_diverged_run_says_why_and_goes_on_from_its_last_good_state(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG.updated(train={**CONFIG.train.model_dump(), "learning_rate": 900}))
    while (failed := compute(engine, executor, run_id)).status.is_active:
        pass
    assert failed.status == Status.FAILED
    assert "try 90" in failed.message
    assert len(failed.lost)
    engine.change(run_id, learning_rate=0.1)
    engine.resume(run_id)
    assert compute(engine, executor, run_id).step > failed.step
    engine.pause(run_id)


def test_a_run_that_cannot_be_says_so(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(RunConfig.from_flat({"source": "names"}))
    failed = compute(engine, executor, run_id)
    assert failed.status == Status.FAILED
    assert "Download it" in failed.message


def test_without_its_folder_a_run_goes_on_in_memory_and_says_so(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG)
    shutil.rmtree(runs_folder() / run_id)
    engine.pause(run_id)
    compute(engine, executor, run_id)
    until(lambda: bool(engine.view(run_id).warning))
    assert "vanished" in engine.view(run_id).warning
    engine.resume(run_id)
    assert compute(engine, executor, run_id).step
    engine.pause(run_id)


def test_a_folder_that_cannot_be_written_gives_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    executor = Inline()
    engine = Engine(Store(blocked / "runs"), make_workers=lambda: Workers(executor, 2))
    run_id = engine.start(CONFIG)
    view = compute(engine, executor, run_id)
    assert view.step
    assert "cannot be saved" in view.warning
    engine.pause(run_id)
    executor.compute()
    engine.close()


def test_a_view_does_not_change_any_more(inline: tuple[Engine, Inline]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG)
    view = compute(engine, executor, run_id)
    steps = view.history.steps
    compute(engine, executor, run_id)
    assert view.history.steps == steps == view.step
    engine.pause(run_id)


# ---------------------------------------------------------------- the engine, over processes


@pytest.fixture
def pooled() -> Iterator[Engine]:
    engine = Engine(make_workers=lambda: executors.process_pool(2), most_active=10)
    yield engine
    engine.close()


LONG = CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 12_000})


def worker_processes() -> list[psutil.Process]:
    """The pool's workers, and not the servers that fork or track them."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that has just ended
            if "forkserver" in " ".join(process.cmdline()) and process.ppid() != os.getpid():
                found.append(process)
    return found


def final_weights(engine: Engine, run_id: str) -> bytes:
    until(lambda: not engine.view(run_id).status.is_active, 120)
    assert engine.view(run_id).status == Status.FINISHED, engine.view(run_id).message
    engine.close()
    return weights(Store().load(run_id).state)


def test_a_killed_worker_changes_nothing(pooled: Engine) -> None:
    run_id = pooled.start(LONG)
    until(lambda: pooled.view(run_id).step > 500)
    for process in worker_processes():
        process.kill()
    assert final_weights(pooled, run_id) == straight(LONG)


def test_what_is_computed_beside_runs_survives_a_dead_worker(pooled: Engine) -> None:
    assert pooled.compute(max, 1, 2) == 2
    for process in worker_processes():
        process.kill()
    assert pooled.compute(max, 1, 2) == 2
    with pytest.raises(UserError, match="died at this twice"):
        pooled.compute(os._exit, 1)
    assert pooled.compute(max, 1, 2) == 2


def test_many_runs_share_the_workers_fairly(pooled: Engine) -> None:
    endless = CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 10**7})
    runs = [pooled.start(endless) for _ in range(6)]
    until(lambda: all(pooled.view(run_id).step > 1000 for run_id in runs))
    for run_id in runs:
        pooled.pause(run_id)
    until(lambda: all(pooled.view(run_id).status == Status.PAUSED for run_id in runs))
    steps = [pooled.view(run_id).step for run_id in runs]
    assert min(steps) > 0.5 * max(steps)
    assert len({pooled.store.load(run_id).config.model_dump_json() for run_id in runs}) == 1


SERVER = """
import sys, time
from lmcore.runs.engine import Engine
from lmcore.runs import executors
from lmcore.training.training import RunConfig
if __name__ == "__main__":
    engine = Engine(make_workers=lambda: executors.process_pool(1))
    run_id = engine.start(RunConfig.model_validate_json(sys.argv[1]))
    print(run_id, flush=True)
    while True:
        print(engine.view(run_id).step, flush=True)
        time.sleep(0.05)
"""


def test_a_killed_server_leaves_a_run_that_resumes_bit_for_bit(tmp_path: Path) -> None:
    config = CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 30_000})
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(script), config.model_dump_json()], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        run_id = server.stdout.readline().strip()
        checkpoint = runs_folder() / run_id / "checkpoint.safetensors"
        until(checkpoint.is_file)
        assert Engine(make_workers=lambda: Workers(Inline(), 1)).interrupted() == []  # its server lives
        children = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGKILL)
        server.wait()
        psutil.wait_procs(children, timeout=20)
        assert not [child for child in children if child.is_running()], "workers outlived their server"
    restarted = Engine(make_workers=lambda: executors.process_pool(1))
    (header,) = restarted.interrupted()
    assert header.id == run_id
    assert 0 < header.step < 30_000
    restarted.resume(run_id)
    assert restarted.interrupted() == []
    assert final_weights(restarted, run_id) == straight(config)


def test_the_child_processes_never_run_the_main_program_again(pooled: Engine) -> None:
    assert pooled._workers.executor.submit(_name_of_main).result(60) != sys.modules["__main__"].__file__


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system has no nice values")
def test_workers_leave_the_pages_the_right_of_way(pooled: Engine) -> None:
    assert pooled._workers.executor.submit(os.nice, 0).result(60) == 10


def _name_of_main() -> str:
    return getattr(sys.modules["__main__"], "__file__", "") or ""


# ---------------------------------------------------------------- a cluster


def test_a_dask_cluster_trains_the_same_run_though_a_worker_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    scheduler_file = runs_folder() / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(scheduler_file)]
    dask_worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(scheduler_file)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    with subprocess.Popen(
        [*dask, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0"], **quiet
    ) as scheduler:
        until(scheduler_file.is_file)
        workers = [
            subprocess.Popen(
                [*dask_worker, "--nthreads", "1", "--no-nanny", "--no-dashboard"],
                **quiet,
            )
            for _ in range(2)
        ]
        try:
            monkeypatch.setenv("LMCORE_EXECUTOR", json.loads(scheduler_file.read_text())["address"])
            engine = Engine()
            run_id = engine.start(LONG)
            until(lambda: engine.view(run_id).step > 2000)
            workers[0].kill()
            assert final_weights(engine, run_id) == straight(LONG)
        finally:
            for process in [*workers, scheduler]:
                process.kill()
                process.wait()


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with pytest.raises(UserError, match="No dask scheduler"):
        executors.dask_cluster("tcp://127.0.0.1:1")
