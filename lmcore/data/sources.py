"""Where texts come from: built in, downloaded from the catalog, or a user's own.

Every text a user gives (upload, paste, a file in ``data/``, a path on the command line) is kept
under the hash of its content, so that a run finds the very same text again, whatever happens to the original.
"""

import codecs
import functools
import hashlib
import importlib
import os
import pkgutil
import re
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import charset_normalizer
import pooch
import requests

from lmcore.data.files import write_atomically
from lmcore.errors import UserError

MAX_BYTES = 20_000_000
CATALOG_FILE = Path(__file__).parents[2] / "data" / "catalog.toml"

Kind = Literal["documents", "running"]
Alphabet = Literal["a-z", "latin", "any"]


@dataclass(frozen=True)
class Source:
    """A text that can be had by name; ``available`` is False until it has been downloaded."""

    name: str
    title: str
    description: str
    kind: Kind
    available: bool = True
    url: str = ""
    sha256: str = ""
    size: int = 0  # bytes
    license: str = ""


BUILT_IN = (
    Source("given-names", "Given names", "Given names of many countries, from the library Faker.", "documents"),
    Source(
        "python-reference",
        "The Python language reference",
        "The help texts that this Python ships (pydoc_data.topics).",
        "running",
    ),
    Source(
        "python-source", "Python source", "The first 1.5 million characters of Python's standard library.", "running"
    ),
)


def data_folder() -> Path:
    """The folder for downloads and for texts that users drop in (``LMCORE_DATA``, else ``data/``)."""
    return Path(os.environ.get("LMCORE_DATA") or CATALOG_FILE.parent)


def catalog() -> list[Source]:
    """The texts that can be downloaded, as ``data/catalog.toml`` lists them."""
    return [replace(source, available=_path_of(source.name).is_file()) for source in _listed()]


@functools.cache
def _listed() -> tuple[Source, ...]:
    entries = tomllib.loads(CATALOG_FILE.read_text(encoding="utf-8"))
    return tuple(Source(name, size=entry.pop("bytes"), **entry) for name, entry in entries.items())


def sources() -> list[Source]:
    """Every text that can be named: built in, in the catalog, and dropped into the data folder."""
    listed = catalog()
    taken = {"catalog.toml"} | {_path_of(source.name).name for source in listed}
    dropped = [
        Source(f"file:{path.name}", path.name, "A file in the data folder.", "running", size=path.stat().st_size)
        for path in sorted(data_folder().glob("*"))
        if path.is_file() and path.name not in taken and not path.name.startswith(".") and path.suffix != ".gz"
    ]
    return [*BUILT_IN, *listed, *dropped]


def resolve(name_or_path: str) -> str:
    """The source name for what a person gave on the command line or picked from the data folder.

    Raises:
        UserError: if there is neither a source nor a file of that name.
    """
    known = {source.name for source in sources()}
    if name_or_path.startswith("file:") and name_or_path in known:
        return keep_file(data_folder() / name_or_path.removeprefix("file:"))
    if name_or_path in known or name_or_path.startswith("text:"):
        return name_or_path
    path = Path(name_or_path)
    if path.is_file():
        return keep_file(path)
    choices = ", ".join(sorted(known))
    raise UserError(f"There is no text or file {name_or_path!r}. Give a path, or one of: {choices}.")


# ---------------------------------------------------------------- reading


def read(name: str, locales: tuple[str, ...] = (), alphabet: Alphabet = "a-z") -> str:
    """The text of a source, as Unicode with ``\\n`` line ends.

    Args:
        name: a source's name, or ``text:...`` as `keep` returns it.
        locales: for the given names only: the countries to take, all if empty.
        alphabet: for the given names only: the letters a name may have.

    Raises:
        UserError: if the text is unknown or not downloaded yet.
    """
    if name == "given-names":
        return "\n".join(given_names(locales, alphabet))
    if name == "python-reference":
        topics = importlib.import_module("pydoc_data.topics").topics
        return "\n\n".join(topics[topic].strip() for topic in sorted(topics))
    if name == "python-source":
        return _standard_library()
    if name.startswith("text:"):
        return _kept(name).read_text(encoding="utf-8")
    for source in catalog():
        if source.name == name:
            return decode(_verified(source)).text
    raise UserError(f"There is no text {name!r}; choose one of: {', '.join(source.name for source in sources())}.")


def _verified(source: Source) -> bytes:
    if not source.available:
        raise UserError(
            f"{source.title} is not on this computer yet. "
            f"Download it on the Dataset page or with: python -m lmcore corpora --download {source.name}"
        )
    data = _path_of(source.name).read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise UserError(
            f"data/{source.name}.txt is not the published text (its hash differs). Delete it and download it again."
        )
    return data


@functools.cache
def _names_by_locale() -> dict[str, tuple[str, ...]]:
    """First names of every locale that Faker knows, as Faker spells them."""
    package = importlib.import_module("faker.providers.person")
    names: dict[str, tuple[str, ...]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        provider = importlib.import_module(f"{package.__name__}.{module.name}").Provider
        lists = [getattr(provider, name) for name in dir(provider) if name.startswith("first_names")]
        lists = [entries for entries in lists if isinstance(entries, (tuple, list, dict))]
        names[module.name] = tuple(sorted({name for entries in lists for name in entries if isinstance(name, str)}))
    return names


def locales(alphabet: Alphabet = "a-z") -> tuple[str, ...]:
    """The locales with at least twenty given names in that alphabet."""
    return tuple(name for name in _names_by_locale() if len(given_names((name,), alphabet)) >= 20)


@functools.lru_cache(maxsize=512)
def given_names(locales: tuple[str, ...] = (), alphabet: Alphabet = "a-z") -> tuple[str, ...]:
    """Distinct given names in lower case, sorted; all locales if none is named.

    Raises:
        UserError: if a locale is unknown.
    """
    by_locale = _names_by_locale()
    if unknown := [name for name in locales if name not in by_locale]:
        raise UserError(f"There are no given names for {', '.join(unknown)}; choose from: {', '.join(by_locale)}.")
    spelled = {
        unicodedata.normalize("NFC", name.strip().lower())
        for locale in locales or by_locale
        for name in by_locale[locale]
    }
    return tuple(sorted(name for name in spelled if _fits(name, alphabet)))


def _fits(name: str, alphabet: Alphabet) -> bool:
    if alphabet == "a-z":
        return bool(re.fullmatch("[a-z]+", name))
    letters = bool(name) and all(unicodedata.category(character)[0] in "LM" for character in name)
    return letters and (alphabet == "any" or all("LATIN" in unicodedata.name(character, "") for character in name))


def _standard_library(limit: int = 1_500_000) -> str:
    """The first ``limit`` characters of the standard library's modules, in alphabetical order."""
    pieces, total = [], 0
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        pieces.append(path.read_text(encoding="utf-8", errors="replace"))
        total += len(pieces[-1])
        if total >= limit:
            break
    return "".join(pieces)[:limit]


# ---------------------------------------------------------------- a user's own text


@dataclass(frozen=True)
class Decoded:
    """A text and the encoding that it was read with."""

    text: str
    encoding: str


def decode(data: bytes) -> Decoded:
    """Text from bytes: UTF-8, UTF-16, UTF-32 (by mark or pattern), else the most plausible 8-bit encoding.

    Line ends become ``\\n``; characters are composed (Unicode NFC), so that é is one character.

    Raises:
        UserError: if the data are empty, too long, binary, or in no known encoding.
    """
    if len(data) > MAX_BYTES:
        raise UserError(f"The text has {len(data):,} bytes; at most {MAX_BYTES:,} are allowed. Give a part of it.")
    text, encoding = _decode(data)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise UserError("The text is empty. Give at least a few words.")
    _refuse_binary(text)
    return Decoded(unicodedata.normalize("NFC", text), encoding)


def _decode(data: bytes) -> tuple[str, str]:
    for encoding in _candidates(data):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    best = None if b"\0" in data else charset_normalizer.from_bytes(data[:100_000], cp_isolation=_EIGHT_BIT).best()
    if best is None:
        raise UserError("The file is not text in an encoding that can be told. Save it as UTF-8 and give it again.")
    return data.decode(best.encoding, errors="replace"), best.encoding


_EIGHT_BIT = ["latin_1", "cp1252", "cp1251", "koi8_r", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]


def _candidates(data: bytes) -> list[str]:
    """Encodings that are certain if they decode at all, most certain first."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ["utf-32"]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    head = data[:2000]
    if head.count(0) > len(head) // 4:  # Western text in UTF-16 has a zero in every other byte
        return ["utf-16-le"] if head[1::2].count(0) > head[::2].count(0) else ["utf-16-be"]
    return ["utf-8"]


def _refuse_binary(text: str) -> None:
    sample = text[:100_000]
    odd = sum(unicodedata.category(character) in ("Cc", "Cn") and character not in "\n\t\f" for character in sample)
    if "\0" in text or odd > 0.02 * len(sample):
        raise UserError("The file is not a text: it holds binary data. Give a plain text file (.txt).")


def keep(decoded: Decoded, title: str) -> str:
    """Keeps a user's text under the hash of its content; returns the name of the source.

    Raises:
        UserError: if the disk is full.
    """
    text = decoded.text.encode("utf-8", errors="replace")
    name = kept_name(text, title).removeprefix("text:")
    path = data_folder() / "kept" / f"{name}.txt"
    if not path.exists():
        write_atomically(path, text)
    return f"text:{name}"


def kept_name(text: bytes, title: str) -> str:
    """The name that `keep` gives to a text: its hash, and what is left of the title."""
    slug = re.sub(r"[^a-z0-9]+", "-", Path(title).stem.lower()).strip("-")[:40] or "text"
    return f"text:{hashlib.sha256(text).hexdigest()[:24]}-{slug}"


def keep_file(path: Path) -> str:
    """`keep` for a file."""
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            f"{path.name} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are allowed. Give a part of it."
        )
    return keep(decode(path.read_bytes()), path.name)


def _kept(name: str) -> Path:
    path = data_folder() / "kept" / f"{name.removeprefix('text:')}.txt"
    if not re.fullmatch(r"text:[0-9a-f]{24}-[a-z0-9-]+", name) or not path.is_file():
        raise UserError("That text is not on this computer. Upload or paste it again on the Dataset page.")
    return path


# ---------------------------------------------------------------- downloads


class _Progress:
    """What pooch calls a progress bar: tells a function the bytes that have come, and how many will."""

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self.report = report
        self.total = 0
        self.done = 0

    def update(self, size: int) -> None:
        self.done += size
        self.report(self.done, int(self.total))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        """Nothing to close."""


def download(source: Source, report: Callable[[int, int], None] | None = None, timeout: float = 20.0) -> Path:
    """Downloads a text of the catalog, checks its hash and puts it in place in one move.

    Args:
        report: called with the bytes received and the bytes in all.
        timeout: seconds without a byte after which the download is given up.

    Raises:
        UserError: says why it failed and what to do; nothing is left behind.
    """
    path = _path_of(source.name)
    progress = _Progress(report or (lambda done, total: None))
    logger = pooch.get_logger()
    logger.setLevel("WARNING")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            source.url,
            known_hash=f"sha256:{source.sha256}",
            path=path.parent,
            fname=path.name,
            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=timeout),
        )
    except (requests.RequestException, ValueError, OSError) as error:
        raise UserError(why_not(source.title, _path_of(source.name).name, error)) from None
    return path


def why_not(title: str, name: str, error: Exception) -> str:
    """Why a download failed and what to do, for the data of a title that are kept in a file of a name."""
    by_hand = f"You can also get the file in another way and put it into the data folder as {name}."
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{title} could not be downloaded: the server answered {error.response.status_code}. {by_hand}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return f"{title} could not be downloaded: the server fell silent. Try again. {by_hand}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{title} could not be downloaded: the connection broke off. Try again. {by_hand}"
    if isinstance(error, requests.RequestException):
        return f"{title} could not be downloaded: there is no connection to the server. {by_hand}"
    if isinstance(error, ValueError):
        return f"What came is not {title} (its hash differs), so it was thrown away. {by_hand}"
    reason = getattr(error, "strerror", None) or error
    return f"{title} could not be saved ({reason}). Free some disk space and try again."


def _path_of(name: str) -> Path:
    return data_folder() / f"{name}.txt"
