"""The file that a script reads: its name, its hash, and what the script says where it is missing or another."""

import hashlib
import runpy
from pathlib import Path
from typing import Any

import pytest

from lmcore.data import sources, uploads
from lmcore.errors import UserError
from lmcore.runs import export, scripts
from lmcore.runs.script_data import data_file
from lmcore.runs.scripts import Experiment
from tests.lmcore.runs.example_runs import members, train_run
from tests.lmcore.runs.script_runs import classifier_of, settings_of, unpack

POEM = "Über allen Gipfeln\nIst Ruh\nIn allen Wipfeln\n" * 20


def test_a_text_of_ones_own_is_expected_under_its_name_with_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_run(
        settings_of("neural-bigram", source=uploads.save(POEM.encode(), "Wanderers Nachtlied.txt"), steps=5)
    )
    written = export.export_script(run)
    assert 'else "wanderers-nachtlied.txt"' in written
    assert hashlib.sha256(POEM.encode()).hexdigest() in written
    unpack(run, tmp_path)
    assert (tmp_path / "wanderers-nachtlied.txt").read_text(encoding="utf-8") == POEM
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [scripts.SCRIPT])
    (tmp_path / "wanderers-nachtlied.txt").write_text("another poem", encoding="utf-8")
    with pytest.raises(
        SystemExit, match=r"^wanderers-nachtlied.txt is not the file of the run, whose SHA-256 is .*data"
    ):
        runpy.run_path(scripts.SCRIPT)
    (tmp_path / "wanderers-nachtlied.txt").unlink()
    with pytest.raises(SystemExit, match=r"^There is no file wanderers-nachtlied.txt\. Glassbox writes it"):
        runpy.run_path(scripts.SCRIPT)


def test_the_path_of_the_file_is_an_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_run(settings_of("neural-bigram", source=uploads.save(POEM.encode(), "poem"), steps=5))
    unpack(run, tmp_path)
    monkeypatch.setattr("sys.argv", [scripts.SCRIPT, str(tmp_path / "poem.txt")])
    assert len(runpy.run_path(str(tmp_path / scripts.SCRIPT))["losses"]) == 5


def test_a_text_in_another_encoding_is_written_in_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = uploads.save(POEM.replace("\n", "\r\n").encode("cp1252"), "poem.txt")
    run = train_run(settings_of("rnn", source=source, encoding="windows-1252", steps=5))
    unpack(run, tmp_path)
    assert (tmp_path / "poem.txt").read_bytes() == POEM.encode()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [scripts.SCRIPT])
    assert runpy.run_path(scripts.SCRIPT)["losses"] == pytest.approx(run.history.head.tolist(), abs=1e-5)


CATALOG = [(source.name, source.remote_file) for source in sources.catalog()]


@pytest.mark.parametrize(("name", "file"), CATALOG)
@pytest.mark.parametrize("family", ["mlp", "rnn"])
def test_a_text_that_is_not_downloaded_is_named_with_its_hash_and_address(name: str, file: Any, family: str) -> None:
    written = scripts.script(Experiment.of_run(settings_of(family, source=name, locales=()), [], 0))
    assert file.sha256 in written
    assert f"Download it from {file.url} and save it as {file.filename}." in written
    kind = next(source.kind for source in sources.catalog() if source.name == name)
    assert ("random.Random" in written) == (kind == "documents")


@pytest.mark.usefixtures("names_here")
def test_a_text_that_was_downloaded_is_read_as_it_is(tmp_path: Path, names_path: Path, monkeypatch: Any) -> None:
    run = train_run(settings_of("neural-bigram", source="names", locales=(), steps=5))
    assert set(members(export.export_script_and_data(run))) == {scripts.SCRIPT, scripts.NOTEBOOK}
    unpack(run, tmp_path)
    (tmp_path / "names.txt").write_bytes(names_path.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [scripts.SCRIPT])
    assert runpy.run_path(scripts.SCRIPT)["losses"] == pytest.approx(run.history.head.tolist(), abs=1e-5)


@pytest.mark.parametrize("name", ["tinyshakespeare.txt", "warandpeace.txt"])
def test_the_published_texts_need_nothing_but_decoding(name: str, request: pytest.FixtureRequest) -> None:
    from tests.conftest import published

    content = published(name).read_bytes()
    assert content.decode("utf-8-sig") == sources.decode(content).text


def test_a_text_of_ones_own_that_is_gone_is_a_sentence() -> None:
    with pytest.raises(UserError, match="not on this computer"):
        data_file(settings_of("rnn", source="text:" + "0" * 24 + "-gone"))


@pytest.mark.parametrize("source", ["clouds", "digits"])
def test_data_from_scikit_learn_need_no_file(source: str) -> None:
    config = classifier_of("softmax-regression", source=source)
    assert data_file(config) is None
    assert "PATH" not in scripts.script(Experiment.of_run(config, [], 0))


def test_the_script_in_an_archive_reads_the_text_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_run(settings_of("neural-bigram", source=uploads.save(POEM.encode("utf-16"), "poem"), steps=5))
    for name, content in members(export.export_archive(run)).items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [scripts.SCRIPT])
    assert runpy.run_path(scripts.SCRIPT)["losses"] == pytest.approx(run.history.head.tolist(), abs=1e-5)
