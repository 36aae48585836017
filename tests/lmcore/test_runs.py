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
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import safetensors.numpy

from lmcore.errors import UserError
from lmcore.files import write_atomically
from lmcore.runs import executors
from lmcore.runs.engine import Engine, RunView
from lmcore.runs.executors import Workers
from lmcore.runs.run import Run, Status
from lmcore.runs.slices import advance
from lmcore.runs.store import Store, runs_folder
from lmcore.training import RunConfig, Trainer

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
        command = " ".join(process.cmdline())
        if "forkserver" in command and process.ppid() != os.getpid():
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


def test_many_runs_share_the_workers_fairly(pooled: Engine) -> None:
    endless = CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 10**7})
    runs = [pooled.start(endless) for _ in range(6)]
    until(lambda: all(pooled.view(run_id).step > 1000 for run_id in runs))
    for run_id in runs:
        pooled.pause(run_id)
    until(lambda: all(pooled.view(run_id).status == Status.PAUSED for run_id in runs))
    seconds = [pooled.view(run_id).seconds for run_id in runs]
    assert min(seconds) > 0.5 * max(seconds)
    assert len({pooled.store.load(run_id).config.model_dump_json() for run_id in runs}) == 1


SERVER = """
import sys, time
from lmcore.runs.engine import Engine
from lmcore.runs import executors
from lmcore.training import RunConfig
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
