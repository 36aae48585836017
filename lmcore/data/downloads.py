"""Downloads of files that are pinned by size and SHA-256. A download that breaks off resumes where it stopped."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pooch
import requests
from filelock import FileLock, Timeout

from lmcore.data.files import data_folder
from lmcore.errors import UserError

CHUNK = 8192
"""Bytes per read. A part of a chunk is lost when the connection breaks off."""

REPORT_EVERY = 500_000
"""Bytes between two progress reports."""

WAITING_INTERVAL = 0.2
"""Seconds between two reports while somebody else downloads the file."""

Report = Callable[[int, int], None]
"""Called with the bytes received so far and the bytes in all."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web, pinned by its size and hash."""

    title: str  # for people
    filename: str  # in the data folder
    url: str
    size: int  # bytes
    sha256: str

    @property
    def path(self) -> Path:
        """Where the file is stored once it is downloaded."""
        return data_folder() / self.filename

    @property
    def partial_path(self) -> Path:
        """Where an incomplete download is stored."""
        return data_folder() / f".{self.filename}.part"

    @property
    def is_downloaded(self) -> bool:
        """Whether the file is in the data folder, downloaded or put there by hand."""
        return self.path.is_file()

    def verify(self) -> None:
        """Check the size and the hash of the file in the data folder.

        Raises:
            UserError: if it is not the published file.
        """
        size = self.path.stat().st_size
        if size != self.size:
            raise UserError(
                f"{self.filename} has {size:,} bytes, but the published file has {self.size:,}. "
                "Delete it and download it again."
            )
        with self.path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                raise UserError(
                    f"{self.filename} is not the published file (its hash differs). Delete it and download it again."
                )


def download(file: RemoteFile, report: Report | None = None, timeout: float = 20.0) -> Path:
    """Download a file into the data folder and verify it, starting from what an earlier attempt left.

    Of several callers, in this process or others, one downloads and the others wait for it.

    Args:
        file: what to download.
        report: called at intervals with the bytes received and the bytes in all.
        timeout: seconds without any data after which the download fails.

    Raises:
        UserError: says why the download failed and what to do.
    """
    pooch.get_logger().setLevel("WARNING")
    report = report or (lambda done, total: None)
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(file, report):
            pooch.retrieve(
                file.url,
                known_hash=f"sha256:{file.sha256}",
                path=file.path.parent,
                fname=file.filename,
                downloader=_ResumingDownloader(file, report, timeout),
            )
    except (requests.RequestException, ValueError, OSError) as error:
        raise UserError(_explain(file, error)) from None
    return file.path


@contextmanager
def _only_one(file: RemoteFile, report: Report) -> Iterator[None]:
    """Holds the lock of a download; while another caller holds it, reports the progress of that one."""
    partial = file.partial_path
    lock = FileLock(f"{partial}.lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=WAITING_INTERVAL)
        except Timeout:
            report(partial.stat().st_size if partial.is_file() else 0, file.size)
    try:
        yield
    finally:
        lock.release()


class _ResumingDownloader:
    """A downloader for pooch that keeps what it received, and requests only the rest."""

    def __init__(self, file: RemoteFile, report: Report, timeout: float) -> None:
        self.file, self.report, self.timeout = file, report, timeout

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Complete the partial file, and move it to where pooch verifies it."""
        partial = self.file.partial_path
        received = partial.stat().st_size if partial.is_file() else 0
        if received < self.file.size:
            self._fetch(url, received)
        partial.replace(output_file)

    def _fetch(self, url: str, received: int) -> None:
        headers = {"Range": f"bytes={received}-"} if received else {}
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as response:
            if response.status_code == 416:  # no such range: the partial file is not part of this one
                self.file.partial_path.unlink()
            response.raise_for_status()
            is_resumed = response.status_code == 206
            with self.file.partial_path.open("ab" if is_resumed else "wb") as target:
                self._copy(response, target, received if is_resumed else 0)

    def _copy(self, response: requests.Response, target: IO[bytes], received: int) -> None:
        reported = 0
        for chunk in response.iter_content(CHUNK):
            received += len(chunk)
            if received > self.file.size:
                target.truncate(0)
                raise ValueError("longer than the published file")
            target.write(chunk)
            if received - reported >= REPORT_EVERY or received == self.file.size:
                self.report(received, self.file.size)
                reported = received
        if received < self.file.size:
            raise requests.exceptions.ChunkedEncodingError("the connection was interrupted")


def _explain(file: RemoteFile, error: Exception) -> str:
    """Why a download failed, and what to do, in words."""
    failed = f"{file.title} could not be downloaded"
    by_hand = f"You can also get the file in another way and put it into the data folder as {file.filename}."
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{failed}: the server answered with status {error.response.status_code}. {by_hand}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return f"{failed}: the server stopped responding. Try again; the download will resume. {by_hand}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{failed}: the connection was interrupted. Try again; the download will resume. {by_hand}"
    if isinstance(error, requests.RequestException):
        return f"{failed}: there is no connection to the server. {by_hand}"
    if isinstance(error, ValueError):
        return f"{failed}: the server sent another file (its hash differs), which was discarded. {by_hand}"
    reason = getattr(error, "strerror", None) or error
    return f"{file.title} could not be saved ({reason}). Free some disk space and try again."
