"""The app as a process of its own on a free port of this machine; benchmarks use it too."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
STARTUP_SECONDS = 90


class Server:
    """A server with its data, runs and log in a folder.

    Args:
        folder: where ``data/``, ``runs/`` and ``server.log`` are.
        base: path before the paths of all pages, as in "/glass".
        script: of the app.
        variables: of the environment.
    """

    def __init__(self, folder: Path, base: str = "", script: Path = ROOT / "app.py", **variables: str) -> None:
        self.folder, self.base, self.script, self.variables = folder, base, script, variables
        self.port = _free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"

    @property
    def log(self) -> str:
        """What the server has printed."""
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def has_loaded(self, library: str) -> bool:
        """Whether the process has loaded a library, such as "libtorch"."""
        return any(library in place.path for place in psutil.Process(self.process.pid).memory_maps())

    def start(self) -> None:
        """Starts the process and returns when it answers."""
        folders = {"LMCORE_RUNS": str(self.folder / "runs"), "LMCORE_DATA": str(self.folder / "data")}
        command = [sys.executable, "-m", "streamlit", "run", str(self.script), "--server.address", "127.0.0.1"]
        command += ["--server.port", str(self.port), "--server.baseUrlPath", self.base]
        environment = os.environ | folders | self.variables
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"The server ended at once:\n{self.log}")
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop(kill=True)
        raise TimeoutError(f"The server did not answer within {STARTUP_SECONDS} s:\n{self.log}")

    def stop(self, kill: bool = False) -> None:
        """Ends the process; ``kill`` gives it no chance to save anything."""
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait(120)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
