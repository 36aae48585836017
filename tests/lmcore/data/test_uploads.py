"""A user's own texts, stored under the hash of their content."""

import errno
from pathlib import Path

import pytest

from lmcore.data import corpora, files, uploads
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError


def test_an_upload_is_stored_once_and_as_it_is() -> None:
    content = "emma\r\nolivia\r\nava".encode("utf-16")
    name = uploads.save(content, "My <b>names</b>.txt")
    assert name == uploads.save(content, "My <b>names</b>.txt")
    assert uploads.read(name) == content
    assert len(list(files.data_folder().rglob("*.txt"))) == 1
    corpus = corpora.load(CorpusConfig(source=name))
    assert corpus.documents == ("emma", "olivia", "ava")
    assert "<" not in corpus.title


@pytest.mark.parametrize("title", ["../../evil.txt", "", "\0", "ä" * 300, "con.txt", "a/b\\c"])
def test_no_title_becomes_a_path(title: str) -> None:
    name = uploads.save(b"some text", title)
    assert uploads.read(name) == b"some text"
    assert [path.parent for path in files.data_folder().rglob("*.txt")] == [files.data_folder() / "uploads"]
    assert len(uploads.title_of(name)) <= 40


@pytest.mark.parametrize(
    "name",
    ["text:../../etc/passwd", "text:" + "0" * 24 + "-x", "text:" + "0" * 24 + "-../x", "file:x", "/etc/passwd", ""],
)
def test_a_name_that_does_not_exist_is_refused_in_words(name: str) -> None:
    with pytest.raises(UserError, match="not on this computer"):
        uploads.read(name)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("big") / "big.txt"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(UserError, match="200,000,000 bytes"):
        uploads.save_file(path)


def test_a_full_disk_is_explained_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(UserError, match="No space left"):
        uploads.save(b"some text", "x")
    assert not [path for path in files.data_folder().rglob("*") if path.is_file()]
