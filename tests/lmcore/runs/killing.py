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
from collections.abc import Iterator
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
        "steps": 400,
    }
    | GERMAN,
    "classifier": {"family": "mlp-classifier", "steps": 8000},
}
VICTIMS = ("worker", "server")
LONGEST_DELAY = 2.5  # seconds between the start of a run and the kill


def undisturbed(kind: str) -> bytes:
    """The last weights of a run that nothing happens to."""
    config = run_config_from_settings(KINDS[kind])
    trainer = make_trainer(config)
    trainer.train(config.train.steps)
    return bytes(trainer.state_dict()["weights"].tobytes())


def killed(kind: str, victim: str, seed: int) -> bytes:
    """The last weights of a run whose worker or server was killed at a random moment."""
    with _server(KINDS[kind]) as (process, run_id):
        time.sleep(random.Random(seed).uniform(0.0, LONGEST_DELAY))
        if victim == "worker":
            _kill_workers(process)
            _expect_end(process)
    if victim == "server":  # it was killed at the end of the block
        until(lambda: not Store().is_locked(run_id))
        if Store().load(run_id).status != Status.FINISHED:
            with _server(run_id) as (process, _):
                _expect_end(process)
    return bytes(decode_state(Store().load(run_id).state)["weights"].tobytes())


@contextmanager
def _server(task: dict[str, Any] | str) -> Iterator[tuple[Process, str]]:
    """A process with an engine that trains a run (settings of a new one, or an id), and the id; killed at the end."""
    command = [sys.executable, "-m", "tests.lmcore.runs.killing", "--serve", json.dumps(task)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        children = []
        try:
            assert process.stdout is not None
            run_id = process.stdout.readline().strip()
            children = psutil.Process(process.pid).children(recursive=True)
            yield process, run_id
        finally:
            process.kill()
            process.wait()
            psutil.wait_procs(children, timeout=60)


def _kill_workers(process: Process) -> None:
    """Kill what the server's fork server has forked."""
    with suppress(psutil.NoSuchProcess):  # the run may have ended
        for child in psutil.Process(process.pid).children(recursive=True):
            if child.ppid() != process.pid:
                child.kill()


def _expect_end(process: Process) -> None:
    assert process.stdout is not None
    outcome = process.stdout.readline().strip()
    assert outcome == Status.FINISHED, outcome
    process.wait(120)


def _serve(task: dict[str, Any] | str) -> None:
    engine = Engine(make_workers=lambda: executors.process_pool(1))
    if isinstance(task, str):
        run_id = task
        engine.resume(run_id)
    else:
        run_id = engine.start(run_config_from_settings(task))
    until(lambda: engine.view(run_id).step > 0)
    print(run_id, flush=True)
    until(lambda: not engine.view(run_id).status.is_active)
    engine.close()
    print(engine.view(run_id).status, engine.view(run_id).message, flush=True)


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
            equal = sum(killed(kind, VICTIMS[seed % 2], seed) == expected for seed in range(kills))
            print(f"{kind}: {equal} of {kills} ended with the same bits", flush=True)


if __name__ == "__main__":
    main()
