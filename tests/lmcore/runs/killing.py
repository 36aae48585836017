"""Runs that are killed at a random moment, and must end with the same bits as an undisturbed one.

    python -m tests.lmcore.runs.killing [--kills 20]

kills the worker or the server of each kind of run, in turn, and prints how many runs ended as if nothing had happened.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import psutil

from lmcore.families import make_trainer, run_config_from_settings
from lmcore.runs import executors
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.runs.store import Store
from lmcore.training.checkpoint import decode_state
from tests.waiting import until

ROOT = Path(__file__).parents[3]
Process = subprocess.Popen[str]
GERMAN: dict[str, Any] = {"locales": ["de_DE"], "evaluate_every": 500}
KINDS: dict[str, dict[str, Any]] = {
    "MLP with Adam": {"optimizer": "adam", "learning_rate": 0.003, "hidden": 60, "steps": 6000} | GERMAN,
    "BatchNorm": {"batch_norm": "hidden", "hidden": 60, "steps": 5000} | GERMAN,
    "NumPy RNN": {"family": "rnn", "hidden": 60, "steps": 3000} | GERMAN,
    "LSTM with dropout": {
        "family": "recurrent",
        "cell": "lstm",
        "layers": 2,
        "hidden": 24,
        "dropout": 0.2,
        "steps": 300,
    }
    | GERMAN,
    "classifier": {"family": "mlp-classifier", "steps": 5000},
}
VICTIMS = ("worker", "server")
LONGEST_DELAY = 2.5  # seconds between the start of a run and the kill


def undisturbed(kind: str) -> bytes:
    """The last weights of a run that nothing happens to."""
    config = run_config_from_settings(KINDS[kind])
    trainer = make_trainer(config)
    trainer.train(config.train.steps)
    return bytes(trainer.state_dict()["weights"].tobytes())


def killed(kinds: Sequence[str], victims: Sequence[str], seed: int) -> list[bytes]:
    """The last weights of runs of one server, whose workers or server are killed at random moments, in this order.

    Meanwhile the runs count as somebody's; when their server is dead, those that had not finished are interrupted.
    """
    delays = random.Random(seed)
    with _server([KINDS[kind] for kind in kinds]) as (process, ids):
        for victim in victims:
            time.sleep(delays.uniform(0.0, LONGEST_DELAY))
            if victim == "worker":
                _kill_workers(process)
        assert _interrupted() == set()
        if "server" not in victims:  # else it is killed at the end of the block
            _expect_end(process)
    until(lambda: not any(Store().is_locked(run_id) for run_id in ids))
    unfinished = [run_id for run_id in ids if Store().load(run_id).status != Status.FINISHED]
    assert _interrupted() == set(unfinished)
    if unfinished:
        with _server(unfinished) as (process, _):
            _expect_end(process)
    return [bytes(decode_state(Store().load(run_id).state)["weights"].tobytes()) for run_id in ids]


def _interrupted() -> set[str]:
    """The ids of interrupted runs, as a server that starts now would see them."""
    return {header.id for header in Engine(make_workers=lambda: executors.process_pool(1)).interrupted()}


@contextmanager
def _server(tasks: Sequence[dict[str, Any] | str]) -> Iterator[tuple[Process, list[str]]]:
    """A process with an engine that trains runs (settings of new ones, or ids), and their ids; killed at the end."""
    command = [sys.executable, "-m", "tests.lmcore.runs.killing", "--serve", json.dumps(tasks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        children = []
        try:
            assert process.stdout is not None
            ids = json.loads(process.stdout.readline())
            children = psutil.Process(process.pid).children(recursive=True)
            yield process, ids
        finally:
            process.kill()
            process.wait()
            _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, "workers outlived their server"


def _kill_workers(process: Process) -> None:
    """Kill what the server's fork server has forked."""
    with suppress(psutil.NoSuchProcess):  # the runs may have ended
        for child in psutil.Process(process.pid).children(recursive=True):
            if child.ppid() != process.pid:
                child.kill()


def _expect_end(process: Process) -> None:
    assert process.stdout is not None
    outcomes = json.loads(process.stdout.readline())
    assert {status for status, _ in outcomes} == {Status.FINISHED}, outcomes
    process.wait(120)


def _serve(tasks: Sequence[dict[str, Any] | str]) -> None:
    engine = Engine(make_workers=lambda: executors.process_pool(1), max_active=len(tasks))
    ids = [_go_on(engine, task) for task in tasks]
    until(lambda: all(engine.view(run_id).step > 0 for run_id in ids))
    print(json.dumps(ids), flush=True)
    until(lambda: not any(engine.view(run_id).status.is_active for run_id in ids))
    engine.close()
    print(json.dumps([(engine.view(run_id).status, engine.view(run_id).message) for run_id in ids]), flush=True)


def _go_on(engine: Engine, task: dict[str, Any] | str) -> str:
    if isinstance(task, dict):
        return engine.start(run_config_from_settings(task))
    engine.resume(task)
    return task


@click.command()
@click.option("--kills", default=20, show_default=True, help="Of each kind of run.")
@click.option("--serve", hidden=True)
def main(kills: int, serve: str | None) -> None:
    """Kill runs and print, for each kind, how many ended with the bits of an undisturbed run."""
    if serve:
        _serve(json.loads(serve))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LMCORE_RUNS"] = folder
        for kind in KINDS:
            expected = undisturbed(kind)
            equal = sum(killed([kind], [VICTIMS[seed % 2]], seed) == [expected] for seed in range(kills))
            print(f"{kind}: {equal} of {kills} ended with the same bits", flush=True)


if __name__ == "__main__":
    main()
