import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.runs import executors, live_runs
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store, runs_folder
from lmcore.runs.view import RunView
from lmcore.runs.worker_pool import GIGABYTE
from lmcore.training.history import Change
from tests.lmcore.runs import faulty
from tests.lmcore.runs.training_runs import CONFIG, InlineExecutor, compute, go_on, straight, trained, weights
from tests.waiting import until

# ---------------------------------------------------------------- the engine, slice by slice


def test_pause_resume_and_single_steps(inline: tuple[Engine, InlineExecutor]) -> None:
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


def test_a_run_pauses_at_a_step_and_then_below_a_loss(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline

    def pause() -> RunView:
        while engine.view(run_id).status.is_active:
            compute(engine, executor, run_id)
        return engine.view(run_id)

    run_id = engine.start(CONFIG.with_train(steps=10_000), pause_at=30)
    assert (pause().status, pause().step) == (Status.PAUSED, 30)
    limit = pause().snapshots[-1].loss("train") - 0.05
    engine.resume(run_id, pause_below=limit)
    paused = pause()
    assert paused.status == Status.PAUSED
    assert paused.snapshots[-1].loss("train") < limit
    assert all(snapshot.loss("train") >= limit for snapshot in paused.snapshots if snapshot.step <= 30)
    engine.resume(run_id, pause_at=paused.step + 5)
    assert (pause().status, pause().step) == (Status.PAUSED, paused.step + 5)


def test_planned_changes_are_made_at_their_steps(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    planned = [Change(30, {"learning_rate": 0.02}), Change(75, {"batch_size": 9})]
    run_id = engine.start(CONFIG.with_train(steps=120), planned=planned)
    while engine.view(run_id).status.is_active:
        compute(engine, executor, run_id)
    assert engine.view(run_id).changes == tuple(planned)
    assert engine.view(run_id).step == 120


def test_a_change_acts_on_the_next_slice_and_is_remembered(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG)
    engine.change(run_id, learning_rate=0.01, batch_size=16)
    assert engine.view(run_id).config.train.learning_rate == 0.01
    step = compute(engine, executor, run_id).step
    (change,) = engine.view(run_id).changes
    assert change.step == step
    assert change.settings == {"learning_rate": 0.01, "batch_size": 16}
    assert executor.waiting[0][2][1]["train"]["learning_rate"] == 0.01


def test_a_visitor_has_two_runs_at_once_and_the_others_queue(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    mine = [engine.start(CONFIG, "me") for _ in range(4)]
    other = engine.start(CONFIG, "you")
    assert [engine.view(run_id).queue_position for run_id in mine] == [0, 0, 1, 2]
    assert engine.view(other).status == Status.RUNNING
    engine.pause(mine[0])
    executor.compute()
    until(lambda: engine.view(mine[2]).status == Status.RUNNING)
    assert engine.view(mine[3]).queue_position == 1
    engine.pause(mine[3])
    assert engine.view(mine[3]).status == Status.PAUSED
    while executor.waiting and engine.n_active:
        for run_id in [*mine, other]:
            engine.pause(run_id)
        executor.compute()


def test_a_finished_run_goes_on_when_its_steps_are_raised(inline: tuple[Engine, InlineExecutor]) -> None:
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


def test_a_diverged_run_says_why_and_goes_on_from_its_last_good_state(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG.updated(train={**CONFIG.train.model_dump(), "learning_rate": 900}))
    while (failed := compute(engine, executor, run_id)).status.is_active:
        pass
    assert failed.status == Status.FAILED
    assert "Try a learning rate of 0.1." in failed.message
    assert len(failed.diverged_losses)
    engine.change(run_id, learning_rate=0.1)
    engine.resume(run_id)
    assert compute(engine, executor, run_id).step > failed.step
    engine.pause(run_id)


def test_a_run_that_cannot_be_says_so(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    run_id = engine.start(run_config_from_settings({"source": "names"}))
    failed = compute(engine, executor, run_id)
    assert failed.status == Status.FAILED
    assert "Download it" in failed.message


def test_without_its_folder_a_run_goes_on_in_memory_and_says_so(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    run_id = engine.start(CONFIG)
    shutil.rmtree(runs_folder() / run_id)
    engine.pause(run_id)
    compute(engine, executor, run_id)
    until(lambda: bool(engine.view(run_id).warning))
    assert "disappeared" in engine.view(run_id).warning
    engine.resume(run_id)
    assert compute(engine, executor, run_id).step
    engine.pause(run_id)


def test_a_folder_that_cannot_be_written_gives_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    executor = InlineExecutor()
    engine = Engine(Store(blocked / "runs"), make_workers=lambda: Workers(executor, 2))
    run_id = engine.start(CONFIG)
    view = compute(engine, executor, run_id)
    assert view.step
    assert "cannot be saved" in view.warning
    engine.pause(run_id)
    executor.compute()
    engine.close()


def loads_of(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that an engine reads from disk from now on."""
    loaded: list[str] = []
    load = engine.store.load
    monkeypatch.setattr(engine.store, "load", lambda run_id: loaded.append(run_id) or load(run_id))
    return loaded


def test_an_interrupted_run_that_was_resumed_is_not_offered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run, store = Run(CONFIG), Store()
    run.status = Status.INTERRUPTED
    store.create(run)
    store.save(run.id, run.encode())
    executor = InlineExecutor()
    engine = Engine(store, make_workers=lambda: Workers(executor, 2))
    assert [header.id for header in engine.interrupted()] == [run.id]
    engine.resume(run.id, step_once=True)
    assert compute(engine, executor, run.id).status == Status.PAUSED
    loaded = loads_of(engine, monkeypatch)
    monkeypatch.setattr(live_runs, "MAX_IDLE_SECONDS", -1)
    until(lambda: engine.view(run.id).step == 1 and run.id in loaded)  # it has left the memory
    assert engine.interrupted() == []
    engine.close()


@pytest.fixture
def elsewhere(inline: tuple[Engine, InlineExecutor]) -> Run:
    """A run at step 20 that this engine has looked at, while it belongs to another process."""
    engine, _ = inline
    store, run = Store(), trained({}, 20)
    store.create(run)
    store.save(run.id, run.encode())
    assert engine.view(run.id).step == 20
    return run


def test_a_run_that_another_process_trains_is_left_alone(inline: tuple[Engine, InlineExecutor], elsewhere: Run) -> None:
    engine, _ = inline
    lock = Store().lock(elsewhere.id)
    for change in (
        lambda: engine.change(elsewhere.id, learning_rate=0.5),
        lambda: engine.evaluate_on_test(elsewhere.id),
        lambda: engine.resume(elsewhere.id),
    ):
        with pytest.raises(UserError, match="Another process is using this run"):
            change()
    lock.release()
    engine.change(elsewhere.id, learning_rate=0.5)
    with pytest.raises(UserError, match="Another process"):
        Store().lock(elsewhere.id)


def test_a_run_that_another_process_has_trained_goes_on_from_there(
    inline: tuple[Engine, InlineExecutor], elsewhere: Run
) -> None:
    engine, executor = inline
    go_on(elsewhere, 50)
    Store().save(elsewhere.id, elsewhere.encode())
    engine.resume(elsewhere.id, step_once=True)
    assert compute(engine, executor, elsewhere.id).step == 51


def test_a_run_whose_files_are_damaged_meanwhile_is_neither_trained_nor_locked(
    inline: tuple[Engine, InlineExecutor], elsewhere: Run
) -> None:
    engine, _ = inline
    checkpoint = runs_folder() / elsewhere.id / "checkpoint.safetensors"
    checkpoint.write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(UserError, match="damaged"):
            engine.resume(elsewhere.id)
    Store().lock(elsewhere.id).release()
    assert checkpoint.read_bytes() == b"damaged"


class Gone(Executor):
    """An executor whose workers cannot be reached."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        raise OSError("no scheduler")


def test_an_engine_whose_workers_are_gone_says_so_and_goes_on_with_new_ones() -> None:
    executor, have = InlineExecutor(), {"workers": False}

    def make_workers() -> Workers:
        if have["workers"]:
            return Workers(executor, 2)
        raise UserError("There are no workers.")

    first = iter([Workers(Gone(), 2)])
    engine = Engine(make_workers=lambda: next(first, None) or make_workers())
    failed = engine.view(engine.start(CONFIG))
    assert (failed.status, failed.message) == (Status.FAILED, "There are no workers.")
    have["workers"] = True
    run_id = engine.start(CONFIG, step_once=True)
    assert compute(engine, executor, run_id).status == Status.PAUSED
    engine.close()


def test_a_run_that_fails_while_it_pauses_does_not_pause_any_more(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    run_id = engine.start(run_config_from_settings({"source": "names"}))  # which nobody has downloaded
    engine.pause(run_id)
    assert engine.view(run_id).pausing
    failed = compute(engine, executor, run_id)
    assert (failed.status, failed.pausing) == (Status.FAILED, False)


def test_runs_at_rest_occupy_a_limited_memory(
    inline: tuple[Engine, InlineExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, executor = inline
    load, loaded = engine.store.load, loads_of(engine, monkeypatch)

    def finished() -> str:
        run_id = engine.start(CONFIG.with_train(steps=20))
        while engine.view(run_id).status.is_active:
            compute(engine, executor, run_id)
        until(lambda: load(run_id).status == Status.FINISHED)
        return run_id

    first, second = finished(), finished()
    monkeypatch.setattr(live_runs, "MAX_IDLE_BYTES", 1.5 * engine.copy(first).nbytes)
    third = finished()
    engine.view(first)  # the second one is now the one that nobody has asked for the longest
    loaded.clear()
    before = engine.view(first).snapshots[-1].arrays["weights"]
    assert loaded == []  # asked for last, by `copy`, so that the second one had to go
    after = engine.view(second).snapshots[-1].arrays["weights"]
    assert loaded == [second]
    assert engine.view(first).snapshots[-1].arrays["weights"].tobytes() == before.tobytes()
    assert loaded == [second, first]  # there is room for one of them
    assert after.tobytes() == before.tobytes()
    assert engine.view(third).step == 20


def test_a_run_that_nobody_asks_for_leaves_the_memory(
    inline: tuple[Engine, InlineExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, executor = inline
    loaded = loads_of(engine, monkeypatch)
    run_id, active = engine.start(CONFIG, step_once=True), engine.start(CONFIG)
    assert compute(engine, executor, run_id).step == 1
    monkeypatch.setattr(live_runs, "MAX_IDLE_SECONDS", -1)
    until(lambda: engine.view(run_id).step == 1 and run_id in loaded)
    assert engine.view(active).status == Status.RUNNING
    assert active not in loaded


def test_a_view_does_not_change_any_more(inline: tuple[Engine, InlineExecutor]) -> None:
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
    engine = Engine(make_workers=lambda: executors.process_pool(2), max_active=10)
    yield engine
    engine.close()


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


def test_what_is_computed_beside_runs_survives_a_dead_worker(pooled: Engine) -> None:
    assert pooled.compute(max, 1, 2) == 2
    for process in worker_processes():
        process.kill()
    assert pooled.compute(max, 1, 2) == 2
    with pytest.raises(UserError, match=r"crashed\. It happened twice"):
        pooled.compute(os._exit, 1)
    assert pooled.compute(max, 1, 2) == 2


@pytest.mark.slow
def test_a_run_that_ends_its_workers_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = {"segfault": "crashed", "hang": "within 40 s", "fill_memory": "more memory than allowed"}
    monkeypatch.setattr("lmcore.runs.engine.advance", faulty.advance)
    engine = Engine(make_workers=functools.partial(executors.process_pool, 2, 40, GIGABYTE // 2), max_active=10)
    siblings = [engine.start(CONFIG) for _ in range(3)]
    until(lambda: all(engine.view(run_id).step for run_id in siblings))
    bad = {fault: engine.start(CONFIG.with_train(seed=faulty.SEEDS[fault])) for fault in messages}
    until(lambda: all(engine.view(run_id).status == Status.FAILED for run_id in bad.values()))
    said = {fault: engine.view(run_id).message for fault, run_id in bad.items()}
    assert {fault for fault in messages if messages[fault] in said[fault]} == set(messages), said
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in siblings))
    engine.close()
    assert {weights(Store().load(run_id).state) for run_id in siblings} == {straight(CONFIG)}


@pytest.mark.slow
def test_many_runs_share_the_workers_fairly(pooled: Engine) -> None:
    endless = CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 10**7})
    runs = [pooled.start(endless) for _ in range(6)]
    until(lambda: all(pooled.view(run_id).step > 500 for run_id in runs))
    first = max(pooled.view(run_id).step for run_id in runs)
    until(lambda: all(pooled.view(run_id).step > 5 * first for run_id in runs))  # many slices
    for run_id in runs:
        pooled.pause(run_id)
    until(lambda: all(pooled.view(run_id).status == Status.PAUSED for run_id in runs))
    steps = [pooled.view(run_id).step for run_id in runs]
    assert min(steps) > 0.5 * max(steps)
    assert len({pooled.store.load(run_id).config.model_dump_json() for run_id in runs}) == 1


def test_worker_processes_never_run_the_main_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, evidence = tmp_path / "program.py", tmp_path / "evidence"
    program.write_text(f"open({str(evidence)!r}, 'w').close()")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(program), raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    workers = executors.process_pool(1)
    assert workers.executor.submit(os.getpid).result(60) != os.getpid()
    workers.close()
    assert not evidence.exists()


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system has no nice values")
def test_workers_run_at_a_lower_priority_than_pages() -> None:
    workers = executors.process_pool(1)
    assert workers.executor.submit(os.nice, 0).result(60) == 10
    workers.close()


# ---------------------------------------------------------------- a cluster


@pytest.mark.slow
def test_a_dask_cluster_trains_the_same_run_though_a_worker_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    scheduler_file = runs_folder() / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(scheduler_file)]
    dask_worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(scheduler_file)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    with subprocess.Popen(
        [*dask, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0"], **quiet
    ) as scheduler:
        until(lambda: scheduler_file.is_file() and scheduler_file.stat().st_size > 0)
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
            run_id = engine.start(CONFIG)
            until(lambda: engine.view(run_id).step > 500)
            workers[0].kill()
            assert final_weights(engine, run_id) == straight(CONFIG)
        finally:
            for process in [*workers, scheduler]:
                process.kill()
                process.wait()


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "SCHEDULER_TIMEOUT", 0.1)
    with pytest.raises(UserError, match="No dask scheduler"):
        executors.dask_cluster("tcp://127.0.0.1:1")
