"""CIFAR-10 in its binary version: 60,000 photographs of ten kinds of things, 32 × 32 pixels, three colors.

The archive is pinned by size and SHA-256, downloaded on request or dropped into the data folder. It is read as a
stream: nothing is written to disk by a name that stands in it, and nothing is unpickled.

Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
"""

import hashlib
import re
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pooch
import requests
from numpy.typing import NDArray

from lmcore.data import sources
from lmcore.errors import UserError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 32 * 32 * 3  # bytes: the class, then the red, green and blue plane
MAX_RECORDS = 10_000  # of a file
FOLDER = "cifar-10-batches-bin"
BATCHES = re.compile(rf"{FOLDER}/(data_batch_[1-5]|test_batch)\.bin")
CHUNK = 8192  # bytes; what has come of a chunk that breaks off is lost
TELL_EVERY = 500_000  # bytes between two reports
BESIDE = {f"{FOLDER}/batches.meta.txt", f"{FOLDER}/readme.html"}


@dataclass(frozen=True)
class Archive:
    """A file that is what it says only with this size and this hash."""

    url: str
    size: int  # bytes
    sha256: str
    name: str = "cifar-10-binary.tar.gz"
    title: str = "CIFAR-10"

    @property
    def path(self) -> Path:
        """Where it lies, or will."""
        return sources.data_folder() / self.name

    @property
    def partial(self) -> Path:
        """What a broken download left, to go on from."""
        return sources.data_folder() / f".{self.name}.part"


CIFAR = Archive(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)


@dataclass(frozen=True)
class Pictures:
    """Photographs with their classes."""

    pixels: NDArray[np.uint8]  # (N, 3072), row by row, red, green and blue of each pixel side by side
    labels: NDArray[np.uint8]  # (N,)


def is_here(archive: Archive = CIFAR) -> bool:
    """Whether the archive lies in the data folder."""
    return archive.path.is_file()


def read(archive: Archive = CIFAR) -> Pictures:
    """All pictures of the archive, those of the test batch last.

    Raises:
        UserError: if it is not there, is not the published one, or does not hold what it should.
    """
    if not is_here(archive):
        raise UserError(
            f"{archive.title} is not on this computer yet. Download it on the page Image classifier, "
            f"or put {archive.name} into the data folder."
        )
    _verify(archive)
    try:
        with tarfile.open(archive.path, "r|gz") as opened:
            batches = dict(_batches(opened))
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise UserError(f"{archive.name} cannot be unpacked ({error}). Delete it and download it again.") from None
    if not batches:
        raise UserError(f"{archive.name} holds no pictures. Delete it and download it again.")
    records = np.concatenate([batches[name] for name in sorted(batches)])
    return _pictures(records, archive)


def _verify(archive: Archive) -> None:
    size = archive.path.stat().st_size
    if size != archive.size:
        raise UserError(
            f"{archive.name} has {size:,} bytes; the published one has {archive.size:,}. "
            "Delete it and download it again."
        )
    with archive.path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != archive.sha256:
            raise UserError(f"{archive.name} is not the published file (its hash differs). Delete it.")


def _batches(opened: tarfile.TarFile) -> Any:
    """The records of each batch, by the name of its file; the first member that does not belong there is refused."""
    for member in opened:
        if (member.isdir() and member.name == FOLDER) or (member.isfile() and member.name in BESIDE):
            continue
        if not member.isfile() or not BATCHES.fullmatch(member.name):
            raise UserError(f"The archive holds {member.name[:60]!r}, which does not belong to CIFAR-10. Delete it.")
        if member.size > MAX_RECORDS * RECORD or member.size % RECORD:
            raise UserError(
                f"{member.name} has {member.size:,} bytes, which is not up to {MAX_RECORDS:,} pictures "
                f"of {RECORD:,}. Delete the archive and download it again."
            )
        file = opened.extractfile(member)
        assert file is not None
        content = file.read()
        if len(content) != member.size:
            raise UserError(f"{member.name} breaks off. Delete the archive and download it again.")
        yield member.name, np.frombuffer(content, np.uint8).reshape(-1, RECORD)


def _pictures(records: NDArray[np.uint8], archive: Archive) -> Pictures:
    labels = records[:, 0]
    if len(labels) == 0 or labels.max() >= len(CLASSES):
        raise UserError(f"{archive.name} names a class that does not exist. Delete it and download it again.")
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return Pictures(planes.transpose(0, 2, 3, 1).reshape(len(records), -1), labels)


# ---------------------------------------------------------------- download


def download(report: Callable[[int, int], None] | None = None, archive: Archive = CIFAR, timeout: float = 20.0) -> Path:
    """Downloads the archive and checks its hash; goes on where an earlier download broke off.

    Args:
        report: called with the bytes received and the bytes in all.
        timeout: seconds without a byte after which the download is given up.

    Raises:
        UserError: says why it failed and what to do.
    """
    pooch.get_logger().setLevel("WARNING")
    try:
        archive.path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            archive.url,
            known_hash=f"sha256:{archive.sha256}",
            path=archive.path.parent,
            fname=archive.name,
            downloader=_Resuming(archive, report or (lambda done, total: None), timeout),
        )
    except (requests.RequestException, ValueError, OSError) as error:
        raise UserError(sources.why_not(archive.title, archive.name, error)) from None
    return archive.path


class _Resuming:
    """What pooch calls a downloader: it keeps what has come, and asks for the rest."""

    def __init__(self, archive: Archive, report: Callable[[int, int], None], timeout: float) -> None:
        self.archive, self.report, self.timeout = archive, report, timeout

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Downloads to a partial file, and moves that to where pooch wants it."""
        partial = self.archive.partial
        have = partial.stat().st_size if partial.is_file() else 0
        if have < self.archive.size:
            self._fetch(url, have)
        partial.replace(output_file)

    def _fetch(self, url: str, have: int) -> None:
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as answer:
            if answer.status_code == 416:  # it has no such rest: what lies here belongs to another file
                self.archive.partial.unlink()
            answer.raise_for_status()
            resumed = answer.status_code == 206
            with self.archive.partial.open("ab" if resumed else "wb") as file:
                self._take(answer, file, have if resumed else 0)

    def _take(self, answer: requests.Response, file: IO[bytes], done: int) -> None:
        told = 0
        for chunk in answer.iter_content(CHUNK):
            done += len(chunk)
            if done > self.archive.size:
                file.truncate(0)
                raise ValueError("longer than the published file")
            file.write(chunk)
            if done - told >= TELL_EVERY or done == self.archive.size:
                self.report(done, self.archive.size)
                told = done
        if done < self.archive.size:
            raise requests.exceptions.ChunkedEncodingError("the connection broke off")
