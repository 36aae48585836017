"""A user's own texts and tables, stored in the data folder.

They are named after the hash of their content: a run finds the very same text again, whatever happens to the original,
and no name that a user chooses becomes a path.
"""

import hashlib
import re
from pathlib import Path

from lmcore.data.detection import Encoding
from lmcore.data.encoding import check_size, decode
from lmcore.data.files import data_folder, write_atomically
from lmcore.errors import UserError

PREFIX = "text:"
"""Start of the name of every upload, as in ``text:0a30b5557f192f32ab962680-names``."""


def name_of(content: bytes, title: str) -> str:
    """The name of an upload: the start of its SHA-256, and the letters and digits of its title."""
    slug = re.sub(r"[^a-z0-9]+", "-", Path(title).stem.lower()).strip("-")[:40] or "text"
    return f"{PREFIX}{hashlib.sha256(content).hexdigest()[:24]}-{slug}"


def is_upload(name: str) -> bool:
    """Whether a name is that of an upload."""
    return name.startswith(PREFIX)


def title_of(name: str) -> str:
    """What is left of an upload's title in its name."""
    return name.partition("-")[2]


def save(content: bytes, title: str) -> str:
    """Store a file as it is, unless it is stored already, and return its name.

    Raises:
        UserError: if the disk is full.
    """
    name = name_of(content, title)
    if not _path(name).exists():
        write_atomically(_path(name), content)
    return name


def save_text(content: bytes, title: str) -> tuple[str, str]:
    """Store a text that somebody uploads or pastes; returns its name, and the encoding that it seems to have.

    Raises:
        UserError: if it is too large or not text, or the disk is full.
    """
    encoding = decode(content).encoding
    return save(content, title), encoding


def save_file(path: Path, encoding: Encoding = "auto") -> str:
    """Store a copy of a text file and return its name.

    Raises:
        UserError: if the file is too large or not text, or the disk is full.
    """
    check_size(path.stat().st_size, path.name)
    content = path.read_bytes()
    decode(content, encoding)
    return save(content, path.name)


def read(name: str) -> bytes:
    """The content of an upload.

    Raises:
        UserError: if there is no such upload on this computer.
    """
    if not re.fullmatch(rf"{PREFIX}[0-9a-f]{{24}}-[a-z0-9-]+", name) or not _path(name).is_file():
        raise UserError("This text is not on this computer. Upload or paste it again.")
    return _path(name).read_bytes()


def _path(name: str) -> Path:
    return data_folder() / "uploads" / f"{name.removeprefix(PREFIX)}.txt"
