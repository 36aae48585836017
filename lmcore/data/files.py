"""The data folder, and writing files so that a reader sees the old content or the new, never half of it."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from lmcore.errors import UserError


def data_folder() -> Path:
    """The folder for downloads, uploads and files that a user drops in: ``LMCORE_DATA``, else ``data/`` here."""
    return Path(os.environ.get("LMCORE_DATA") or "data")


def find_file(name_or_path: str) -> Path | None:
    """The file of a path, or else the one of that name in the data folder."""
    paths = (Path(name_or_path), data_folder() / Path(name_or_path).name)
    try:
        return next((path for path in paths if path.is_file()), None)
    except ValueError:  # the name contains NUL
        return None


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file beside ``path`` and move it into place. Missing folders are created.

    Raises:
        UserError: if the disk is full or the folder is not writable.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path.name} could not be saved ({reason}). Free disk space or check the folder.") from None
    finally:
        if temporary is not None:
            with suppress(OSError):  # moved into place, or the disk can no longer be written
                temporary.unlink()
