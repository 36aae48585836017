"""The archive of a run: a zip file with everything that it takes to continue the run on another computer.

Archives come from strangers. `read_archive` reads one in memory and within limits; nothing is unpacked to disk.
"""

import io
import stat
import zipfile
import zlib
from typing import Annotated, Any

from pydantic import BaseModel, Field, FiniteFloat

from lmcore.errors import UserError
from lmcore.runs import scripts

README, MANIFEST, CHECKPOINT = "README.txt", "manifest.json", "checkpoint.safetensors"
LOSSES, SAMPLES, TEXT = "losses.csv", "samples.txt", "text.txt"
ORIGINAL = "original.txt"
"""A user's own text as the file was given, where it is not the same as the text that was read from it."""

REQUIRED = (MANIFEST, CHECKPOINT)
MEMBERS = (README, *REQUIRED, LOSSES, SAMPLES, TEXT, ORIGINAL, scripts.SCRIPT, scripts.NOTEBOOK)
"""Names of all members that an archive may have. The import reads the required ones and the texts."""

MAX_ARCHIVE_BYTES, MAX_UNPACKED_BYTES = 100_000_000, 250_000_000
MAX_DIRECTORY_BYTES = 16_384  # of the zip's list of members
MAX_TEXT_BYTES = 2_000_000
"""Largest text that an archive includes."""
MAX_COMPRESSION_RATIO = 100  # of members larger than a text


class Manifest(BaseModel):
    """Content of manifest.json."""

    format: Annotated[int, Field(ge=0, le=1_000_000)]  # `checkpoint.FORMAT_VERSION`
    created: Annotated[FiniteFloat, Field(ge=0, le=1e11)]  # seconds since 1970
    text_sha256: str | None = None  # of the text that the run learned from
    config: dict[str, Any]  # the run's initial config


def refusal(reason: str) -> UserError:
    """The error for an archive that cannot be imported."""
    return UserError(f"This file cannot be imported: {reason} Give an unmodified zip archive that Glassbox exported.")


def read_archive(data: bytes) -> dict[str, bytes]:
    """The members of an archive that the import needs, by name.

    Raises:
        UserError: if the archive is damaged, too large, or has other members than those of a run.
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise refusal(f"it has {len(data):,} bytes, but at most {MAX_ARCHIVE_BYTES:,} are allowed.")
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            entries = file.infolist()
            _check_entries(entries)
            read = (*REQUIRED, TEXT, ORIGINAL)
            return {entry.filename: _read(file, entry) for entry in entries if entry.filename in read}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        raise refusal("it is damaged or truncated.") from None


def _check_directory(data: bytes) -> None:
    """Refuse a long list of members before anything parses it: the last 22 bytes of a zip give its length."""
    end = data[-22:]
    if len(end) < 22 or not end.startswith(b"PK\5\6") or data[-42:-38] == b"PK\6\7":
        raise refusal("it is not a zip file, or truncated.")
    if int.from_bytes(end[12:16], "little") > MAX_DIRECTORY_BYTES:
        raise refusal("it has too many members.")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if unknown := [name for name in names if name not in MEMBERS]:
        if MANIFEST not in names and any(name.endswith(".py") for name in names):
            raise UserError("This file is a script with its data. Choose a file that was exported as “Run”.")
        raise refusal(f"it has an unexpected member {unknown[0][:60]!r}.")
    if len(set(names)) < len(names):
        raise refusal("two of its members have the same name.")
    if missing := [name for name in REQUIRED if name not in names]:
        raise refusal(f"{missing[0]} is missing.")
    for entry in entries:
        _check_entry(entry)
    if (total := sum(entry.file_size for entry in entries)) > MAX_UNPACKED_BYTES:
        raise refusal(f"it would unpack to {total:,} bytes, but at most {MAX_UNPACKED_BYTES:,} are allowed.")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise refusal(f"{entry.filename} is not a regular file.")
    if entry.flag_bits & 1:
        raise refusal("it is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refusal(f"{entry.filename} uses an unsupported compression method.")
    if entry.file_size > MAX_TEXT_BYTES and entry.file_size > MAX_COMPRESSION_RATIO * entry.compress_size:
        raise refusal(f"{entry.filename} would unpack to more than {MAX_COMPRESSION_RATIO} times its size.")


def _read(file: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with file.open(entry) as opened:
        content = opened.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise refusal(f"{entry.filename} does not have the size that it declares.")
    return content
