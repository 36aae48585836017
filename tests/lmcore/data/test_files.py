"""Files that are written whole or not at all."""

from pathlib import Path

import pytest

from lmcore.data import files
from lmcore.errors import UserError


def test_a_file_is_replaced_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.bin"
    files.write_atomically(path, b"old")
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"b\.bin could not be saved"):
        files.write_atomically(tmp_path / "file" / "b.bin", b"x")


def test_the_data_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMCORE_DATA", "/somewhere")
    assert files.data_folder() == Path("/somewhere")
    monkeypatch.delenv("LMCORE_DATA")
    assert files.data_folder() == Path("data")
