"""Export of runs; `test_import_archive` reads the archives again."""

import json
import math

import pytest

from lmcore.data import sources, uploads
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.runs import export, scripts
from lmcore.runs.archive import CHECKPOINT, MEMBERS, ORIGINAL, TEXT
from lmcore.runs.import_archive import import_archive
from lmcore.runs.run import Run
from lmcore.runs.store import Store
from lmcore.training.checkpoint import read_metadata
from tests.lmcore.runs.example_runs import GERMAN_NAMES, members, small_run, train_run


def test_an_archive_has_all_members(archive: bytes) -> None:
    contents = members(archive)
    assert set(contents) == set(MEMBERS) - {ORIGINAL}
    assert b"python -m lmcore import" in contents["README.txt"]
    assert contents[TEXT].decode() == sources.read("given-names", GERMAN_NAMES["locales"]).text
    assert b"step 30" in contents["samples.txt"]
    assert contents[scripts.SCRIPT].startswith(b"# %% [markdown]")


def test_the_archive_of_a_classifier_says_nothing_of_a_text() -> None:
    config = run_config_from_settings({"family": "softmax-regression", "source": "moons", "steps": 20})
    contents = members(export.export_archive(train_run(config)))
    assert TEXT not in contents
    assert b"text" not in contents["README.txt"].replace(b"texts sampled", b"")


def test_an_export_does_not_reveal_who_may_control_the_run(run: Run, archive: bytes) -> None:
    for name, content in members(archive).items():
        assert run.id.encode() not in content, name
        assert b"somebody" not in content, name


def test_a_long_upload_is_left_out_and_the_readme_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    source = uploads.save("anna\nberta\ncäcilie\n".encode() * 30, "my names.txt")
    run = small_run(source=source, locales=(), units="lines")
    contents = members(export.export_archive(run))
    assert "Anyone who gets this archive can read it" in contents["README.txt"].decode()
    monkeypatch.setattr(export, "MAX_TEXT_BYTES", 100)
    contents = members(export.export_archive(run))
    assert "Add it to Glassbox before you import the run" in contents["README.txt"].decode()
    assert TEXT not in contents


def test_the_losses_are_a_table_for_a_spreadsheet(run: Run) -> None:
    head, *rows = export.export_losses(run).splitlines()
    assert head.startswith("step,minibatch loss (nats per character)")
    table = {float(row.split(",")[0]): row.split(",")[1:] for row in rows}
    assert list(table) == [float(step) for step in range(31)]
    assert float(table[1][0]) == pytest.approx(run.history.head[0])
    assert table[0][0] == ""
    assert float(table[30][2]) == pytest.approx(run.snapshots[-1].loss("dev"))


def test_the_losses_of_a_classifier_are_per_example() -> None:
    config = run_config_from_settings({"family": "softmax-regression", "source": "moons", "steps": 20})
    assert "nats per example" in export.export_losses(train_run(config)).splitlines()[0]


def test_scripts_and_notebooks_are_those_of_the_run(run: Run) -> None:
    assert "STEPS = 30" in export.EXPORTERS[".py"](run)
    assert "STEPS = 30" in export.EXPORTERS[".ipynb"](run)


def test_the_end_of_a_files_name_says_what_it_is(run: Run) -> None:
    assert set(members(export.export_run(run, "out.script.zip"))) == {
        *(scripts.SCRIPT, scripts.NOTEBOOK),
        "given-names.txt",
    }
    assert CHECKPOINT in members(export.export_run(run, "out.zip"))
    with pytest.raises(UserError, match=r"'out.pdf'. End the name of the file in one of: .zip, .py"):
        export.export_run(run, "out.pdf")


def test_a_loss_that_is_not_finite_is_an_empty_cell_and_null_and_can_be_imported() -> None:
    run = small_run()
    for snapshot in run.snapshots:
        snapshot.metrics["dev/loss"] = math.inf
    rows = export.export_losses(run).splitlines()[1:]
    assert {row.rsplit(",", 1)[1] for row in rows} == {""}
    assert not {"inf", "nan"} & set(",".join(rows).split(","))
    archive = export.export_archive(run)
    record = read_metadata(members(archive)[CHECKPOINT])["run"]
    json.loads(record, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    store = Store()
    imported = store.load(import_archive(archive, store, owner="somebody").id)
    assert math.isnan(imported.snapshots[-1].metrics["dev/loss"])
    assert not math.isfinite(store.headers()[0].metrics["dev/loss"])
