"""CIFAR-10 in its binary version: 60,000 photographs in ten classes, 32 × 32 pixels in three colors.

The archive is read as a stream: nothing in it is written to disk, and nothing is unpickled.

Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images".
"""

import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmcore.data.downloads import RemoteFile
from lmcore.errors import UserError

ARCHIVE = RemoteFile(
    "CIFAR-10",
    "cifar-10-binary.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32  # pixels
RECORD_SIZE = 1 + SIDE * SIDE * 3  # bytes: the class, then the red, the green and the blue plane
MAX_RECORDS = 10_000  # per file
FOLDER = "cifar-10-batches-bin"

_BATCH = re.compile(rf"{FOLDER}/(data_batch_[1-5]|test_batch)\.bin")
_OTHER_FILES = {f"{FOLDER}/batches.meta.txt", f"{FOLDER}/readme.html"}


@dataclass(frozen=True)
class Photographs:
    """Photographs with their classes."""

    pixels: NDArray[np.uint8]  # (N, 3072), row by row, the red, green and blue of each pixel side by side
    labels: NDArray[np.uint8]  # (N,), indices of `CLASSES`


def read(archive: RemoteFile = ARCHIVE) -> Photographs:
    """All photographs of the archive, those of the test batch last.

    Raises:
        UserError: if the archive is not downloaded, or is not the published one.
    """
    if not archive.is_downloaded:
        raise UserError(
            f"{archive.title} is not on this computer yet. Download {archive.url} "
            f"and put it into the data folder as {archive.filename}."
        )
    archive.verify()
    try:
        with tarfile.open(archive.path, "r|gz") as tar:
            batches = dict(_batches(tar))
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise UserError(f"{archive.filename} cannot be unpacked ({error}). Delete it and download it again.") from None
    if not batches:
        raise UserError(f"{archive.filename} contains no photographs. Delete it and download it again.")
    return _photographs(np.concatenate([batches[name] for name in sorted(batches)]), archive)


def _batches(tar: tarfile.TarFile) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The name and the records of each batch, shape (N, RECORD_SIZE). Anything unexpected in the archive is refused."""
    for member in tar:
        if (member.isdir() and member.name == FOLDER) or (member.isfile() and member.name in _OTHER_FILES):
            continue
        if not member.isfile() or not _BATCH.fullmatch(member.name):
            raise UserError(
                f"The archive contains {member.name[:60]!r}, which is not a part of CIFAR-10. Delete the archive."
            )
        if member.size > MAX_RECORDS * RECORD_SIZE or member.size % RECORD_SIZE:
            raise UserError(
                f"{member.name} has {member.size:,} bytes, which is not a multiple of {RECORD_SIZE:,} up to "
                f"{MAX_RECORDS:,} photographs. Delete the archive and download it again."
            )
        file = tar.extractfile(member)
        assert file is not None
        content = file.read()
        if len(content) != member.size:
            raise UserError(f"{member.name} is incomplete. Delete the archive and download it again.")
        yield member.name, np.frombuffer(content, np.uint8).reshape(-1, RECORD_SIZE)


def _photographs(records: NDArray[np.uint8], archive: RemoteFile) -> Photographs:
    labels = records[:, 0]
    if len(labels) == 0 or labels.max() >= len(CLASSES):
        raise UserError(f"{archive.filename} has a class that does not exist. Delete it and download it again.")
    planes = records[:, 1:].reshape(-1, 3, SIDE, SIDE)
    pixels = planes.transpose(0, 2, 3, 1).reshape(len(records), -1)  # color planes to colors per pixel
    return Photographs(pixels, labels)
