"""What every command does: strict JSON, one-line errors, narrow encodings, closed pipes, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lmcore.commands.main import commands

COMMAND = [sys.executable, "-m", "lmcore"]
LONG = "a" * 300
SMALL = ["--set", "locales=de_DE", "--set", "hidden=20"]


@pytest.fixture
def names(tmp_path: Path) -> str:
    """Six names, none of which ends in i."""
    file = tmp_path / "names6.txt"
    file.write_text("emma\nolivia\nava\nisabella\nsophia\ncharlotte\n")
    return str(file)


@pytest.fixture
def polish(tmp_path: Path) -> str:
    """Names with letters that windows-1252 lacks."""
    file = tmp_path / "polish.txt"
    file.write_text("Łukasz\nŻaneta\nMałgorzata\nŚwiętosław\n" * 40, encoding="utf-8")
    return str(file)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


def printed(*arguments: str) -> Any:
    """What a command prints with ``--json``, read by a parser that takes nothing beyond the standard."""
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def execute(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*COMMAND, *arguments], capture_output=True, env=os.environ | environment, timeout=120)


# ---------------------------------------------------------------- JSON


def test_an_infinite_loss_is_null_with_the_reason_beside_it(names: str) -> None:
    result = printed("count", "--data", names, "--score", "avi", "--score", "ava")
    assert result["scores"]["avi"] is None
    assert result["scores"]["ava"] > 0
    assert result["reasons"]["scores"]["avi"] == "infinite, because i. never occurs"
    assert list(result["reasons"]["scores"]) == ["avi"]


def test_a_split_that_was_not_counted_has_a_reason_too(names: str) -> None:
    result = printed("count", "--data", names, "--counted", "train")
    assert result["loss"]["dev"] is None
    assert result["reasons"]["loss"]["dev"] == "infinite"
    assert result["loss"]["train"] > 0


def test_finite_results_have_no_reasons(names: str) -> None:
    assert "reasons" not in printed("count", "--data", names, "--smoothing", "1")


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["count", "--data", LONG], "File name too long"),
        (["train", "mlp", "--data", LONG], "File name too long"),
        (["train", "softmax-regression", "--data", LONG], "File name too long"),
        (["train", "mlp", "--set", f"hidden={LONG * 30}"], "hidden = 'aaa"),
        (["train", "mlp", "--set", f"{LONG * 30}=1"], "There is no setting"),
        (["recipes", LONG * 30], "There is no recipe"),
        (["export", "0" * 20, LONG], "There is no run"),
        (["import", LONG], "does not exist"),
        (["import", "/dev/zero"], "more than 100,000,000 bytes"),
        (["count", "--data", "two\nlines"], "two\\nlines"),
        (["count", "--order", "none"], "not a valid integer"),
        (["count", "--nothing"], "No such option"),
        (["train"], "Missing argument"),
        (["nothing"], "No such command"),
    ],
)
def test_an_error_is_one_line_of_bounded_length(arguments: list[str], words: str) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 700


@pytest.mark.parametrize("folder", ["/dev/null", "/proc/nothing"])
def test_a_runs_folder_that_cannot_be_written_is_one_line(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMCORE_RUNS", folder)
    assert printed("runs") == []
    result = invoke("train", "mlp", "--steps", "1", *SMALL)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_missing_folders_of_an_export_are_made(tmp_path: Path) -> None:
    run_id = printed("train", "mlp", "--steps", "2", *SMALL)["run"]
    file = tmp_path / "not" / "yet" / "losses.csv"
    assert invoke("export", run_id, str(file)).exit_code == 0
    assert file.read_text().startswith("step,")


def test_a_damaged_checkpoint_is_one_line() -> None:
    run_id = printed("train", "mlp", "--steps", "2", *SMALL)["run"]
    checkpoint = Path(os.environ["LMCORE_RUNS"]) / run_id / "checkpoint.safetensors"
    for content in (b"", checkpoint.read_bytes()[:500], b"nonsense" * 100):
        checkpoint.write_bytes(content)
        result = invoke("resume", run_id)
        assert (result.exit_code, "damaged" in result.stderr) == (2, True), content[:20]


# ---------------------------------------------------------------- terminals and pipes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "arguments", "code"),
    [
        ("cp1252", ["count", "--data", "{polish}", "--samples", "3", "--score", "Łukasz"], 0),
        ("cp437", ["train", "mlp", "--data", "{polish}", "--steps", "20"], 0),
        ("cp437", ["count", "--data", "Łódź"], 2),
    ],
    ids=["count", "train", "refuse"],
)
def test_a_narrow_encoding_replaces_what_it_lacks(polish: str, encoding: str, arguments: list[str], code: int) -> None:
    result = execute(
        *(argument.format(polish=polish) for argument in arguments), PYTHONIOENCODING=encoding, PYTHONUTF8="0"
    )
    assert b"Traceback" not in result.stderr
    assert b"?" in result.stdout + result.stderr
    assert result.returncode == code


@pytest.mark.slow
def test_a_closed_pipe_is_no_traceback_and_pauses_a_run() -> None:
    process = subprocess.Popen(
        [*COMMAND, "train", "mlp", "--steps", "100000000", *SMALL], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.close()
    _, error = process.communicate(timeout=120)
    assert b"Traceback" not in error
    assert b"Exception" not in error
    assert process.returncode == 1
    (listed,) = printed("runs")
    assert listed["status"] == "paused"


@pytest.mark.slow
def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run([*COMMAND, "corpora"], stdout=full, stderr=subprocess.PIPE, timeout=120)
    assert result.returncode == 2
    assert result.stderr == b"Error: [Errno 28] No space left on device\n"


@pytest.mark.slow
def test_control_c_pauses_a_run_which_can_be_resumed() -> None:
    process = subprocess.Popen(
        [*COMMAND, "train", "mlp", "--steps", "100000000", *SMALL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert process.stdout
    process.stdout.readline()  # the first snapshot: it trains
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0
    assert b"Continue with" in error
    assert b"Traceback" not in error
    (listed,) = printed("runs")
    assert listed["status"] == "paused"


@pytest.mark.slow
def test_control_c_while_the_program_starts_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise KeyboardInterrupt\n")  # as if it came while torch is imported
    result = execute("runs", PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stderr) == (1, b"Aborted!\n")
