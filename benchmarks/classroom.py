"""A class of thirty on one machine: click latency, fairness and memory.

    python -m benchmarks.classroom [--visitors 30] [--seconds 120]

Starts a server of its own on a free port of this machine. Each visitor is a websocket that speaks Streamlit's protocol:
it opens the MLP page, starts a run, lets the page update once per second as a browser would, and now and then pauses
and resumes the run.
"""

import asyncio
import random
import re
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs

import click
import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from lmcore.runs.store import Store
from tests.browser.server import Server


class Visitor:
    """A browser tab without the browser."""

    def __init__(self, url: str) -> None:
        self.url = url.replace("http", "ws") + "/_stcore/stream"
        self.buttons: dict[str, tuple[str, str]] = {}  # id of the widget, and of the fragment around it
        self.page_script_hash = ""  # the first message names the page, all others have what the server calls it
        self.fragments: dict[str, float] = {}  # id: seconds between updates
        self.query = "mlp_steps=100000000"
        self.clicks: list[float] = []  # seconds until the page has answered
        self.updates = 0
        self.errors: list[str] = []
        self.training_seconds = 0.0  # pauses excluded
        self.finished = asyncio.Event()

    async def visit(self, end: float, delay: float) -> None:
        """Opens the page, starts a run, and now and then pauses and resumes it, until all visitors leave at once."""
        await asyncio.sleep(delay)  # a class does not click at the same instant
        async with websockets.connect(self.url, max_size=None) as socket:
            listener = asyncio.create_task(self._listen(socket))
            updater = asyncio.create_task(self._update(socket))
            await self._rerun(socket)
            await self._click(socket, "go")
            began = time.monotonic()
            while (pause := time.monotonic() + random.uniform(6, 12)) < end - 3:
                await asyncio.sleep(pause - time.monotonic())
                self.clicks.append(await self._click(socket, "go"))  # pause
                self.training_seconds += time.monotonic() - began
                await asyncio.sleep(0.5)
                self.clicks.append(await self._click(socket, "go"))  # resume
                began = time.monotonic()
            await asyncio.sleep(end - time.monotonic())
            self.training_seconds += time.monotonic() - began
            updater.cancel()
            listener.cancel()

    async def _rerun(self, socket, button: str = "") -> float:
        """Seconds until the page has been drawn again, because of a click or as a whole."""
        message = self._message()
        if button:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, message.rerun_script.fragment_id = self.buttons[button]
            state.trigger_value = True
        self.finished.clear()
        began = time.monotonic()
        await socket.send(message.SerializeToString())
        await asyncio.wait_for(self.finished.wait(), 60)
        return time.monotonic() - began

    def _message(self) -> BackMsg:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self.page_script_hash
        if not self.page_script_hash:
            message.rerun_script.page_name = "mlp"
        return message

    async def _click(self, socket, name: str) -> float:
        return await self._rerun(socket, button=name)

    async def _update(self, socket) -> None:
        while True:
            await asyncio.sleep(1.0)
            for fragment in list(self.fragments):
                message = self._message()
                message.rerun_script.fragment_id = fragment
                message.rerun_script.is_auto_rerun = True
                await socket.send(message.SerializeToString())
                self.updates += 1

    async def _listen(self, socket) -> None:
        async for data in socket:
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._see(message.delta)
            elif kind == "new_session" and not message.metadata.run.fragment_ids:
                self.fragments.clear()  # the rerun of a page announces them again
            elif kind == "auto_rerun":
                self.fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self.fragments.pop(fragment, None)
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "navigation":
                self.page_script_hash = message.navigation.page_script_hash
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.finished.set()

    def _see(self, delta: Delta) -> None:
        element = delta.new_element
        if element.HasField("button") and (name := re.search(r"mlp\.(\w+)$", element.button.id)):
            self.buttons[name[1]] = element.button.id, delta.fragment_id
        if element.HasField("exception"):
            self.errors.append(element.exception.message)


async def run_class(server: Server, n_visitors: int, seconds: float) -> tuple[list[Visitor], list[float]]:
    """All visitors at once, and the server's memory every five seconds, in MB."""
    visitors = [Visitor(server.url) for _ in range(n_visitors)]
    process, memory = psutil.Process(server.process.pid), []

    async def watch() -> None:
        while True:
            memory.append(process.memory_info().rss / 1e6)
            await asyncio.sleep(5)

    watching = asyncio.create_task(watch())
    end = time.monotonic() + seconds
    await asyncio.gather(*(visitor.visit(end, 0.2 * i) for i, visitor in enumerate(visitors)))
    watching.cancel()
    return visitors, memory


def print_figures(visitors: list[Visitor], memory: list[float], steps: dict[str, int]) -> None:
    """Latency of clicks, fairness, memory and errors; ``steps`` are those of each run."""
    speeds = sorted(steps[parse_qs(visitor.query)["run"][0]] / visitor.training_seconds for visitor in visitors)
    clicks = sorted(1000 * click for visitor in visitors for click in visitor.clicks)
    errors = [error for visitor in visitors for error in visitor.errors]
    updates = sum(visitor.updates for visitor in visitors)
    print(f"{len(visitors)} visitors, {len(steps)} runs, {updates:,} updates, {len(errors)} errors")
    print(f"click: median {statistics.median(clicks):.0f} ms, p95 {clicks[int(len(clicks) * 0.95)]:.0f} ms")
    print(f"steps per second: slowest {speeds[0]:.0f}, fastest {speeds[-1]:.0f}, ratio {speeds[0] / speeds[-1]:.2f}")
    print("server memory, MB: " + " ".join(f"{value:.0f}" for value in memory[:: max(1, len(memory) // 12)]))
    for error in errors[:5]:
        print("error:", error)


@click.command()
@click.option("--visitors", "n_visitors", default=30, show_default=True)
@click.option("--seconds", default=120.0, show_default=True)
def main(n_visitors: int, seconds: float) -> None:
    """Run a class, then print the figures."""
    folder = Path(tempfile.mkdtemp())
    server = Server(folder)
    try:
        time.sleep(15)  # the workers are warm
        visitors, memory = asyncio.run(run_class(server, n_visitors, seconds))
    finally:
        server.stop()
    print_figures(visitors, memory, {header.id: header.step for header in Store(folder / "runs").headers()})


if __name__ == "__main__":
    main()
