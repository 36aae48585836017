"""Where texts come from: built in, downloaded from the catalog, uploaded, or dropped into the data folder."""

import functools
import importlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lmcore.cache import cached
from lmcore.data import detection, uploads
from lmcore.data.detection import Encoding, Reading
from lmcore.data.downloads import RemoteFile
from lmcore.data.encoding import Decoded, decode, detect
from lmcore.data.files import data_folder, find_file
from lmcore.data.given_names import Alphabet, given_names
from lmcore.errors import UserError

CATALOG_FILE = Path(__file__).with_name("catalog.toml")
MAX_PYTHON_SOURCE = 1_500_000  # characters

Kind = Literal["documents", "running"]


@dataclass(frozen=True)
class Source:
    """A text with a name."""

    name: str
    title: str
    description: str
    kind: Kind
    license: str = ""
    remote_file: RemoteFile | None = None  # what to download, for a text of the catalog

    @property
    def is_available(self) -> bool:
        """Whether the text can be read; False until it is downloaded."""
        return self.remote_file is None or self.remote_file.is_downloaded


class Located(NamedTuple):
    """What a corpus config says of a text."""

    source: str  # the name of a source or of an upload
    encoding: Encoding  # auto where it is certain


BUILT_IN = (
    Source("given-names", "Given names", "Given names of many countries, from the library Faker.", "documents"),
    Source(
        "python-reference",
        "The Python language reference",
        "The help texts that come with Python (pydoc_data.topics).",
        "running",
    ),
    Source(
        "python-source", "Python source", "The first 1.5 million characters of Python's standard library.", "running"
    ),
)


@functools.cache
def catalog() -> tuple[Source, ...]:
    """The texts that can be downloaded, as ``catalog.toml`` lists them."""
    entries = tomllib.loads(CATALOG_FILE.read_text(encoding="utf-8"))
    return tuple(_catalog_entry(name, **entry) for name, entry in entries.items())


def _catalog_entry(name: str, url: str, size: int, sha256: str, **entry: Any) -> Source:
    return Source(name, **entry, remote_file=RemoteFile(entry["title"], f"{name}.txt", url, size, sha256))


def sources() -> list[Source]:
    """Every text that has a name: built in, in the catalog, and in the data folder."""
    downloads = {source.remote_file.filename for source in catalog() if source.remote_file}
    dropped = [
        Source(f"file:{path.name}", path.name, "A file in the data folder.", "running")
        for path in sorted(data_folder().glob("*"))
        if path.is_file() and path.name not in downloads and not path.name.startswith(".") and path.suffix != ".gz"
    ]
    return [*BUILT_IN, *catalog(), *dropped]


def is_built_in(name: str) -> bool:
    """Whether a text is neither an upload nor a file: built in, or in the catalog."""
    return any(source.name == name for source in (*BUILT_IN, *catalog()))


def locate(name_or_path: str, encoding: Encoding = "auto") -> Located:
    """The source that a user means, and its encoding: a source, a file in the data folder, or a path.

    A file is stored among the uploads first, and the source is that upload. Where the encoding can only be guessed,
    the guess is returned, so that a run keeps it.

    Raises:
        UserError: if there is neither a source nor a file of that name.
    """
    name = name_or_path
    if is_built_in(name):
        return Located(name, "auto")
    if not name.startswith(uploads.PREFIX):
        known = {source.name for source in sources()}
        path = data_folder() / name.removeprefix("file:") if name in known else find_file(name)
        if path is None:
            choices = ", ".join(sorted(known))
            raise UserError(f"There is no text or file {name!r}. Give a path, or choose from: {choices}.")
        status = path.stat()
        name = _stored(path, encoding, (status.st_mtime_ns, status.st_size))
    return Located(name, _guessed_encoding(name) if encoding == "auto" else encoding)


@cached(max_bytes=1_000_000)
def _stored(path: Path, encoding: Encoding, version: tuple[int, int]) -> str:
    """The name of the upload that a file becomes; ``version`` changes with the file."""
    return uploads.save_file(path, encoding)


@cached(max_bytes=1_000_000)
def _guessed_encoding(name: str) -> Encoding:
    encoding, is_guess = detect(uploads.read(name))
    return encoding if is_guess else "auto"


@cached(max_bytes=1_000_000)
def readings(name: str) -> tuple[Reading, ...]:
    """The ways to read an upload whose encoding can only be guessed, most plausible first; empty if it is certain."""
    data = uploads.read(name)
    return () if detection.certain(data) else tuple(detection.guess(data))


# ---------------------------------------------------------------- reading


def read(name: str, locales: tuple[str, ...] = (), alphabet: Alphabet = "a-z", encoding: Encoding = "auto") -> Decoded:
    """The text of a source, as Unicode with ``\\n`` line endings.

    Args:
        name: of a source or of an upload.
        locales: for the given names only: the countries, all if empty.
        alphabet: for the given names only: the letters that a name may have.
        encoding: of an upload.

    Raises:
        UserError: if the text does not exist or is not downloaded yet.
    """
    if name.startswith(uploads.PREFIX):
        return decode(uploads.read(name), encoding)
    match name:
        case "given-names":
            return Decoded("\n".join(given_names(locales, alphabet)), "utf-8")
        case "python-reference":
            return Decoded(_python_reference(), "utf-8")
        case "python-source":
            return Decoded(_python_source(), "utf-8")
    for source in catalog():
        if source.name == name and source.remote_file:
            return _read_download(source, source.remote_file)
    raise UserError(f"There is no text {name!r}. Choose from: {', '.join(source.name for source in sources())}.")


def _read_download(source: Source, file: RemoteFile) -> Decoded:
    if not source.is_available:
        raise UserError(
            f"{source.title} is not on this computer yet. "
            f"Download it with: python -m lmcore corpora --download {source.name}"
        )
    file.verify()
    return decode(file.path.read_bytes())


def _python_reference() -> str:
    topics = importlib.import_module("pydoc_data.topics").topics
    return "\n\n".join(topics[topic].strip() for topic in sorted(topics))


def _python_source() -> str:
    """The modules of the standard library in alphabetical order, up to `MAX_PYTHON_SOURCE` characters."""
    pieces, total = [], 0
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        pieces.append(path.read_text(encoding="utf-8", errors="replace"))
        total += len(pieces[-1])
        if total >= MAX_PYTHON_SOURCE:
            break
    return "".join(pieces)[:MAX_PYTHON_SOURCE]
