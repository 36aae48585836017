"""Downloads from a server on this machine that fails in every way a server can."""

import gc
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lmcore.data import downloads, files
from lmcore.data.downloads import CHUNK, REPORT_EVERY, RemoteFile, download
from lmcore.errors import UserError
from tests.waiting import until

CONTENT = b"".join(i.to_bytes(4, "little") for i in range(250_000))  # a million bytes, no two parts alike


class Server(ThreadingHTTPServer):
    """Serves CONTENT, as long as nothing below says otherwise."""

    content = CONTENT
    status = 200
    breaks_after: int | None = None  # bytes
    stalls = False  # instead of breaking off
    knows_ranges = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str] = []  # as requested
        self.is_over = threading.Event()

    @property
    def file(self) -> RemoteFile:
        """The file that this server should serve."""
        url = f"http://127.0.0.1:{self.server_port}/data.bin"
        return RemoteFile("The data", "data.bin", url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, requested = self.server, self.headers.get("Range", "")
        server.ranges.append(requested)
        if server.status != 200:
            self.send_error(server.status)
            return
        is_partial = bool(requested) and server.knows_ranges
        start = int(requested.removeprefix("bytes=").removesuffix("-")) if is_partial else 0
        self.send_response(206 if is_partial else 200)
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        end = None if server.breaks_after is None else start + server.breaks_after
        self.wfile.write(server.content[start:end])
        if server.stalls:
            self.wfile.flush()
            server.is_over.wait(20)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.is_over.set()
    server.shutdown()
    thread.join(10)
    server.server_close()
    gc.collect()  # requests leaves a broken connection to the garbage collector: here, where a warning is expected


def visible_files() -> list[str]:
    """Files in the data folder, except the lock."""
    return [path.name for path in files.data_folder().iterdir() if path.suffix != ".lock"]


def partial_size(file: RemoteFile) -> int:
    return file.partial_path.stat().st_size if file.partial_path.exists() else 0


def test_a_download_is_verified_and_reports_its_progress(server: Server) -> None:
    reports: list[tuple[int, int]] = []
    path = download(server.file, lambda received, total: reports.append((received, total)))
    assert path.read_bytes() == CONTENT
    assert server.file.is_downloaded
    assert [total for _, total in reports] == [len(CONTENT)] * len(reports)
    received = [received for received, _ in reports]
    assert received == sorted(received)
    assert received[-1] == len(CONTENT)
    assert len(reports) <= len(CONTENT) / REPORT_EVERY + 1
    server.file.verify()
    assert visible_files() == [path.name]


def test_what_is_downloaded_is_not_downloaded_again(server: Server) -> None:
    download(server.file)
    download(server.file)
    assert server.ranges == [""]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_broken_download_resumes_where_it_broke_off(server: Server) -> None:
    server.breaks_after = 300_000
    with pytest.raises(UserError, match=r"interrupted.*will resume"):
        download(server.file)
    first = partial_size(server.file)
    assert 300_000 - CHUNK < first <= 300_000
    with pytest.raises(UserError, match="interrupted"):
        download(server.file)
    second = partial_size(server.file)
    server.breaks_after = None
    reports: list[int] = []
    path = download(server.file, lambda received, total: reports.append(received))
    assert server.ranges == ["", f"bytes={first}-", f"bytes={second}-"]
    assert reports[0] > second
    assert path.read_bytes() == CONTENT
    assert not server.file.partial_path.exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_server_without_ranges_starts_again(server: Server) -> None:
    server.breaks_after, server.knows_ranges = 300_000, False
    with pytest.raises(UserError):
        download(server.file)
    server.breaks_after = None
    assert download(server.file).read_bytes() == CONTENT


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_server_that_stops_responding_is_given_up(server: Server) -> None:
    server.breaks_after, server.stalls = 1000, True
    with pytest.raises(UserError, match="stopped responding"):
        download(server.file, timeout=0.5)


def test_an_error_of_the_server_is_named_and_leaves_nothing(server: Server) -> None:
    server.status = 404
    with pytest.raises(UserError, match="status 404") as refused:
        download(server.file)
    assert "as data.bin" in str(refused.value)  # it can be put there by hand
    assert visible_files() == []


def test_another_file_is_discarded(server: Server) -> None:
    server.content = CONTENT.replace(b"\x01", b"\x02")
    with pytest.raises(UserError, match="hash differs"):
        download(server.file)
    assert visible_files() == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_longer_file_is_discarded(server: Server) -> None:
    server.content = CONTENT * 2
    with pytest.raises(UserError, match="hash differs"):
        download(server.file)
    assert not server.file.is_downloaded
    assert partial_size(server.file) == 0


def test_a_partial_file_of_something_else_starts_again(server: Server) -> None:
    file = server.file
    file.partial_path.write_bytes(b"x" * 1000)
    with pytest.raises(UserError, match="hash differs"):
        download(file)
    assert not file.partial_path.exists()
    assert download(file).read_bytes() == CONTENT


def test_a_range_that_the_server_refuses_starts_again(server: Server) -> None:
    server.file.partial_path.write_bytes(b"x" * 1000)
    server.status = 416
    with pytest.raises(UserError, match="status 416"):
        download(server.file)
    assert not server.file.partial_path.exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_without_a_network_the_message_says_so() -> None:
    with pytest.raises(UserError, match="no connection to the server"):
        download(RemoteFile("The data", "data.bin", "http://127.0.0.1:1/x", 5, "0" * 64), timeout=0.5)
    gc.collect()


def test_a_full_disk_is_explained(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads.pooch, "retrieve", fail)
    with pytest.raises(UserError, match="could not be saved \\(No space left on device\\)"):
        download(server.file)


def test_a_file_of_another_size_or_hash_is_refused(server: Server) -> None:
    download(server.file)
    with pytest.raises(UserError, match="the published file has 1,000,001"):
        replace(server.file, size=1_000_001).verify()
    with pytest.raises(UserError, match="its hash differs"):
        replace(server.file, sha256="0" * 64).verify()


def test_of_two_callers_one_downloads_and_the_other_waits(server: Server) -> None:
    server.stalls, server.breaks_after = True, 500_000
    seen: list[int] = []
    with ThreadPoolExecutor() as visitors:
        first = visitors.submit(download, server.file)
        until(lambda: bool(server.ranges))
        second = visitors.submit(download, server.file, lambda done, total: seen.append(done))
        until(lambda: bool(seen))  # the second one reports how far the first one is
        server.stalls, server.breaks_after = False, None
        server.is_over.set()  # the first one breaks off, and the second one resumes
        with pytest.raises(UserError, match="interrupted"):
            first.result(60)
        assert second.result(60).read_bytes() == CONTENT
    assert server.ranges[0] == ""
    assert server.ranges[1].startswith("bytes=")
    assert len(server.ranges) == 2
