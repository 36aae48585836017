"""Writing files so that a reader sees the old content or the new, never half of it."""

import os
import tempfile
from pathlib import Path

from lmcore.errors import UserError


def write_atomically(path: Path, content: bytes) -> None:
    """Writes beside ``path`` and moves into place; makes the folder when it is missing.

    Raises:
        UserError: if the disk is full or the folder cannot be written.
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
        raise UserError(
            f"{path.name} could not be saved ({error.strerror or error}). Free some disk space, or check the folder."
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
