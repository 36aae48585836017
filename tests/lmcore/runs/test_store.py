import os
import threading
import time
from dataclasses import replace

import pytest

from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.runs.disk import disk_use, limit_from_environment
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from lmcore.runs.run import Run, Status
from lmcore.runs.store import TRASH_DAYS, Annotations, Store, runs_folder
from tests.lmcore.runs.training_runs import CONFIG, InlineExecutor, compute, go_on, trained

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


# ---------------------------------------------------------------- name, note, star, trash

HOSTILE = "<script>alert(1)</script> **bold** $x$ :red[x] ../../\u202e\0\n\r{{7*7}}"


def kept(store: Store) -> Run:
    run = Run(CONFIG)
    store.create(run)
    store.save(run.id, run.encode())
    return run


def test_name_note_and_star_come_back_as_they_were_given() -> None:
    store = Store()
    run = kept(store)
    assert store.annotations(run.id) == Annotations()
    about = Annotations(name=" my  run ", note=HOSTILE, starred=True)
    store.annotate(run.id, about)
    assert store.annotations(run.id) == about
    assert store.headers()[0].annotations == about
    assert about.note == HOSTILE
    assert about.name == "my run"
    assert Annotations(name="a\u202e\0\nb").name == "a b"
    store.annotate(run.id, Annotations())
    assert store.headers()[0].annotations == Annotations()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"name": 3}', b'{"x": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_note_is_no_note(content: bytes) -> None:
    store = Store()
    run = kept(store)
    write_atomically(runs_folder() / run.id / "annotations.json", content)
    assert store.headers()[0].annotations == Annotations()


def test_a_name_that_is_too_long_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="name"):
        Annotations.parse({"name": "x" * 61})
    with pytest.raises(UserError, match="no run"):
        Store().annotate("0" * 20, Annotations())


def test_a_deleted_run_comes_back_whole(inline: tuple[Engine, InlineExecutor]) -> None:
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
    engine.undelete(run_id)
    after = engine.view(run_id)
    assert (after.step, after.status) == (before.step, before.status)
    assert [s.samples for s in after.snapshots] == [s.samples for s in before.snapshots]
    with pytest.raises(UserError, match="gone for good"):
        engine.undelete(run_id)


def test_a_run_of_another_process_cannot_be_deleted() -> None:
    store = Store()
    run = kept(store)
    lock = store.lock(run.id)
    with pytest.raises(UserError, match="process"):
        store.move_to_trash(run.id)
    lock.release()
    store.move_to_trash(run.id)
    assert not (runs_folder() / run.id).exists()


def test_asking_whether_a_run_is_locked_keeps_nobody_from_locking_it() -> None:
    store, stop = Store(), threading.Event()
    run = kept(store)
    store.lock(run.id).release()

    def ask() -> None:
        while not stop.is_set():
            store.is_locked(run.id)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(300):
            store.lock(run.id).release()
    finally:
        stop.set()
        asking.join()


def test_the_trash_is_emptied_at_the_start_after_a_week_and_not_before() -> None:
    store = Store()
    old, young = kept(store), kept(store)
    for run in (old, young):
        store.move_to_trash(run.id)
    week = time.time() - 86_400 * TRASH_DAYS
    os.utime(store.trash.folder / old.id, (week - 60, week - 60))
    os.utime(store.trash.folder / young.id, (week + 60, week + 60))
    Engine(store, make_workers=lambda: Workers(InlineExecutor(), 1)).close()
    assert [header.id for header in store.trash.headers()] == [young.id]
    store.empty_trash()
    assert store.trash.headers() == []


@pytest.mark.parametrize("run_id", ["../../etc", "", "ffffffffffffffffffff"])
def test_only_runs_are_deleted(run_id: str) -> None:
    with pytest.raises(UserError):
        Store().move_to_trash(run_id)
    with pytest.raises(UserError):
        Store().restore_from_trash(run_id)


def test_a_header_tells_what_the_table_needs_and_is_read_again_when_a_file_changes() -> None:
    store, run = Store(), trained({"hidden": 20}, 600)
    run.change({"learning_rate": 0.02})
    run.next_slice()
    store.create(run)
    store.save(run.id, run.encode())
    header = store.headers()[0]
    last = run.snapshots[-1]
    assert (header.n_parameters, header.wall_seconds) == (run.n_parameters, run.wall_seconds)
    assert (header.step, header.loss("train"), header.loss("dev")) == (600, last.loss("train"), last.loss("dev"))
    assert header.config == run.current
    go_on(run, 1000)
    store.save(run.id, run.encode())
    assert store.headers()[0].step == 1000


# ---------------------------------------------------------------- disk


def test_the_oldest_unstarred_runs_are_offered_until_the_rest_fits() -> None:
    store = Store()
    runs = [kept(store) for _ in range(4)]
    for age, run in enumerate(runs):
        write_atomically(runs_folder() / run.id / "more", b"x" * 1000)
        run.created = float(age)
    store.annotate(runs[0].id, Annotations(starred=True))
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
    store.move_to_trash(runs[3].id)
    assert disk_use(store, headers[:3], total).total == total


@pytest.mark.parametrize("given", ["much", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_no_number_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("LMCORE_DISK", given)
    with pytest.raises(UserError, match="LMCORE_DISK"):
        limit_from_environment()
