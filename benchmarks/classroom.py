"""A class of thirty on one machine: click latency, fairness and memory; or all of them press Start within five seconds.

    python -m benchmarks.classroom [--visitors 30] [--seconds 120] [--storm]

Starts a server of its own on a free port of this machine. Each visitor is a websocket that speaks Streamlit's protocol:
it opens the MLP page, starts a run, lets the page update as often as it asks a browser to, and now and then pauses and
resumes the run. In a storm, the visitors come within five seconds and press Start at once; what counts is how long
each of them waits from the own click to a step above 0 in the row of numbers.
"""

import asyncio
import math
import random
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs

import click
import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection

from benchmarks.turns import Row, medians, table
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
        self.waited = math.inf  # seconds from the click on Start until the numbers moved
        self.updates = 0  # that were answered
        self.is_drawing = False  # whether the page draws more than an update
        self.errors: list[str] = []
        self.step = 0  # that the page shows
        self.first_step = 0  # when everybody trained
        self.training_seconds = 0.0  # since then, pauses excluded
        self.finished, self.moved = asyncio.Event(), asyncio.Event()

    async def visit(self, end: float, delay: float, everybody: asyncio.Barrier) -> None:
        """Opens the page, starts a run, and now and then pauses and resumes it, until all visitors leave at once."""
        await asyncio.sleep(delay)  # a class does not click at the same instant
        async with self._open() as socket:
            await self._click(socket, "go")
            await everybody.wait()  # the first ones have the machine for themselves until the last ones come
            self.updates, self.first_step, began = 0, self.step, time.monotonic()
            while (pause := time.monotonic() + random.uniform(6, 12)) < end - 3:
                await asyncio.sleep(pause - time.monotonic())
                self.clicks.append(await self._click(socket, "go"))  # pause
                self.training_seconds += time.monotonic() - began
                await asyncio.sleep(0.5)
                self.clicks.append(await self._click(socket, "go"))  # resume
                began = time.monotonic()
            await asyncio.sleep(end - time.monotonic())
            self.training_seconds += time.monotonic() - began

    async def start(self, delay: float, everybody: asyncio.Barrier) -> None:
        """Opens the page, starts a run, and waits until its numbers move; stays until all visitors got so far."""
        await asyncio.sleep(delay)
        async with self._open() as socket:
            began = time.monotonic()
            await self._click(socket, "go")
            await asyncio.wait_for(self.moved.wait(), 120)
            self.waited = time.monotonic() - began
            await everybody.wait()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[ClientConnection]:
        """The page, drawn."""
        async with websockets.connect(self.url, max_size=None) as socket:
            tasks = [asyncio.create_task(task) for task in (self._listen(socket), self._update(socket))]
            await self._rerun(socket)
            yield socket
            for task in tasks:
                task.cancel()

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
        """Asks for each fragment as often as the page wants."""
        due: dict[str, float] = {}
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            due = {fragment: due.get(fragment, now + interval) for fragment, interval in self.fragments.items()}
            for fragment in [fragment for fragment, at in due.items() if at <= now]:
                due[fragment] += self.fragments[fragment]
                message = self._message()
                message.rerun_script.fragment_id, message.rerun_script.is_auto_rerun = fragment, True
                await socket.send(message.SerializeToString())

    async def _listen(self, socket) -> None:
        async for data in socket:
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._see(message.delta)
            elif kind == "new_session":
                self.is_drawing |= not self._is_update(message)
                if not message.metadata.run.fragment_ids:
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
                # if an update follows at once, what a click draws is said to have ended early, although it is complete
                if self._is_update(message) and not self.is_drawing:
                    self.updates += 1
                else:
                    self.is_drawing = False
                    self.finished.set()

    def _is_update(self, message: ForwardMsg) -> bool:
        """Whether a message belongs to a run of a fragment that the page updates by itself."""
        drawn = list(message.metadata.run.fragment_ids)
        return len(drawn) == 1 and drawn[0] in self.fragments

    def _see(self, delta: Delta) -> None:
        element = delta.new_element
        if element.HasField("button") and (name := re.search(r"mlp\.(\w+)$", element.button.id)):
            self.buttons[name[1]] = element.button.id, delta.fragment_id
        step = re.search(r"Step \(of [\d,]+\)\W+([\d,]+)", str(element)) if element.HasField("bidi_component") else None
        if step and (number := int(step[1].replace(",", ""))) > 0:
            self.step = number
            self.moved.set()
        if element.HasField("exception"):
            self.errors.append(element.exception.message)


class Memory(NamedTuple):
    """Resident memory of a process, in MB."""

    resident: float
    anonymous: float  # without the pages of files: of those, the system keeps as many as it likes


async def run_class(server: Server, n_visitors: int, seconds: float) -> tuple[list[Visitor], list[Memory]]:
    """All visitors at once, and the server's memory every five seconds."""
    visitors = [Visitor(server.url) for _ in range(n_visitors)]
    process, memory = psutil.Process(server.process.pid), list[Memory]()

    async def watch() -> None:
        while True:
            now = process.memory_info()
            memory.append(Memory(now.rss / 1e6, (now.rss - now.shared) / 1e6))
            await asyncio.sleep(5)

    watching, everybody = asyncio.create_task(watch()), asyncio.Barrier(n_visitors)
    end = time.monotonic() + seconds
    await asyncio.gather(*(visitor.visit(end, 0.2 * i, everybody) for i, visitor in enumerate(visitors)))
    watching.cancel()
    return visitors, memory


async def run_storm(server: Server, n_visitors: int, seconds: float = 5.0) -> list[Visitor]:
    """All visitors open the page and press Start within some seconds."""
    visitors, everybody = [Visitor(server.url) for _ in range(n_visitors)], asyncio.Barrier(n_visitors)
    delays = [seconds * i / n_visitors for i in range(n_visitors)]
    await asyncio.gather(*(one.start(delay, everybody) for one, delay in zip(visitors, delays, strict=True)))
    return visitors


def class_rows(visitors: list[Visitor], memory: list[Memory], steps: dict[str, int]) -> list[Row]:
    """Latency of clicks, fairness, updates, memory and errors; ``steps`` are those of each run."""
    trained = [steps[parse_qs(visitor.query)["run"][0]] - visitor.first_step for visitor in visitors]
    speeds = sorted(n / visitor.training_seconds for n, visitor in zip(trained, visitors, strict=True))
    clicks = [1000 * click for visitor in visitors for click in visitor.clicks]
    updates = [visitor.updates / visitor.training_seconds for visitor in visitors]
    settled = [now.resident for now in memory[len(memory) // 3 :]]  # by then everybody has a run
    return [
        Row("class: click, median", statistics.median(clicks), None, "ms"),
        Row("class: click, 95 % below", statistics.quantiles(clicks, n=20)[-1], 120, "ms", at_least=False),
        Row("class: slowest run against the fastest", speeds[0] / speeds[-1], 0.85),
        Row("class: updates per second of a visitor, median", statistics.median(updates), 0.95),
        Row("class: memory of the server, largest", max(memory).resident, 450, "MB", at_least=False),
        Row("class: of it, without pages of files", max(memory).anonymous, None, "MB"),
        Row("class: memory at the end against the first third", settled[-1] / settled[0], 1.05, at_least=False),
        Row("class: errors", sum(len(visitor.errors) for visitor in visitors), 0, at_least=False),
    ]


def storm_rows(visitors: list[Visitor]) -> list[Row]:
    """How long visitors waited for their numbers to move, and errors."""
    waited = [visitor.waited for visitor in visitors]
    return [
        Row("storm: from Start to moving numbers, median", statistics.median(waited), None, "s"),
        Row("storm: from Start to moving numbers, slowest", max(waited), 6, "s", at_least=False),
        Row("storm: errors", sum(len(visitor.errors) for visitor in visitors), 0, at_least=False),
    ]


@contextmanager
def warm_server() -> Iterator[Server]:
    """A server whose workers are warm; gone afterwards."""
    server = Server(Path(tempfile.mkdtemp()))
    try:
        time.sleep(15)
        yield server
    finally:
        server.stop()


def measure_class(n_visitors: int = 30, seconds: float = 120.0) -> list[Row]:
    """A class of some minutes."""
    with warm_server() as server:
        visitors, memory = asyncio.run(run_class(server, n_visitors, seconds))
    headers = Store(server.folder / "runs").headers()
    for error in [error for visitor in visitors for error in visitor.errors][:5]:
        print("error:", error)
    return class_rows(visitors, memory, {header.id: header.step for header in headers})


def measure_storm(n_visitors: int = 30) -> list[Row]:
    """A start storm."""
    with warm_server() as server:
        return storm_rows(asyncio.run(run_storm(server, n_visitors)))


def measure(rounds: int) -> list[Row]:
    """A class of two minutes and a storm for each round; the medians."""
    return medians([measure_class() + measure_storm() for _ in range(rounds)])


@click.command()
@click.option("--visitors", "n_visitors", default=30, show_default=True)
@click.option("--seconds", default=120.0, show_default=True)
@click.option("--storm", is_flag=True, help="All visitors press Start within five seconds.")
def main(n_visitors: int, seconds: float, storm: bool) -> None:
    """Run a class or a storm, then print the table."""
    print(table(measure_storm(n_visitors) if storm else measure_class(n_visitors, seconds)))


if __name__ == "__main__":
    main()
