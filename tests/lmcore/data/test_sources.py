"""Where texts come from."""

from pathlib import Path

import pytest

from lmcore.data import corpora, files, sources
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError


@pytest.mark.parametrize("source", ["given-names", "python-reference", "python-source"])
def test_built_in_texts_load_without_a_network(source: str) -> None:
    corpus = corpora.load(CorpusConfig(source=source))
    assert len(corpus.stream) > 50_000
    assert corpus.is_documents == (source == "given-names")


def test_the_catalog_is_pinned_and_licensed() -> None:
    assert [entry.name for entry in sources.catalog()] == ["names", "tiny-shakespeare", "war-and-peace"]
    for entry in sources.catalog():
        assert entry.license
        assert not entry.is_available
        file = entry.remote_file
        assert file is not None
        assert file.url.startswith("https://")
        assert len(file.sha256) == 64
    assert [entry.remote_file.size for entry in sources.catalog() if entry.remote_file] == [228145, 1115394, 3196228]


def test_a_file_in_the_data_folder_can_be_chosen() -> None:
    (files.data_folder() / "mine.txt").write_text("hello world, this is one long line of text")
    assert "file:mine.txt" in [source.name for source in sources.sources()]
    assert corpora.load(CorpusConfig(source=sources.locate("file:mine.txt").source)).title == "mine"


def test_a_path_becomes_an_upload(tmp_path: Path) -> None:
    path = tmp_path / "My Text.txt"
    path.write_text("hello")
    name = sources.locate(str(path)).source
    path.unlink()
    assert name.endswith("-my-text")
    assert sources.read(name).text == "hello"
    assert sources.locate(name) == (name, "auto")
    with pytest.raises(UserError, match="no text or file"):
        sources.locate(str(path))


@pytest.mark.parametrize("name", ["text:../../etc/passwd", "text:" + "0" * 24 + "-x", "file:../x", "/etc/passwd", ""])
def test_a_source_name_never_becomes_a_path(name: str) -> None:
    with pytest.raises(UserError):
        sources.read(name)


def test_a_catalog_text_that_is_missing_or_altered_says_what_to_do(names_path: Path) -> None:
    with pytest.raises(UserError, match="Download it"):
        sources.read("names")
    (files.data_folder() / "names.txt").write_text("emma\n")
    with pytest.raises(UserError, match="has 5 bytes, but the published file has 228,145"):
        sources.read("names")
    altered = names_path.read_bytes().replace(b"emma", b"evil")
    (files.data_folder() / "names.txt").write_bytes(altered)
    with pytest.raises(UserError, match="hash differs"):
        sources.read("names")


def test_the_published_file_in_the_data_folder_counts_as_downloaded(names_path: Path) -> None:
    (files.data_folder() / "names.txt").write_bytes(names_path.read_bytes())
    assert len(corpora.load(CorpusConfig(source="names", split_seed=7)).documents) == 32033


def test_a_name_means_a_file_here_or_else_the_one_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (files.data_folder() / "mine.txt").write_text("in the data folder")
    assert sources.read(sources.locate("mine.txt").source).text == "in the data folder"
    Path("mine.txt").write_text("here")
    assert sources.read(sources.locate("mine.txt").source).text == "here"


def test_a_guessed_encoding_is_kept_and_another_one_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("Łukasz\nŻaneta\nMałgorzata\n".encode("cp1250"))
    name, encoding = sources.locate(str(path))
    assert encoding == "cp1250"
    assert sources.read(name, encoding=encoding).text.startswith("Łukasz")
    assert sources.locate(name, "cp1252") == (name, "cp1252")
    assert sources.read(name, encoding="cp1252").text.startswith("£ukasz")
    assert "cp1250" in [reading.encoding for reading in sources.readings(name)]
    path.write_text("Łukasz", encoding="utf-8")
    name, encoding = sources.locate(str(path))
    assert encoding == "auto"
    assert sources.readings(name) == ()
