import json
import re
from pathlib import Path

import pytest

from lmcore.lessons import metrics, reading, schema
from tests.lmcore.commands.test_commands import run

ROOT = Path(__file__).parents[3]
GOOD = """---
title: Short
minutes: 1
audience: Tests
---
## One
```yaml
go: {page: mlp, set: {hidden: 5}}
do: [{action: start, until_step: 300}]
expect:
  - {metric: train, comparison: below, value: 3, by_step: 300}
  - {metric: train, comparison: above, value: 3.2, by_step: 0}
```
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.md"
    path.write_text(GOOD)
    return path


def test_the_lessons_of_the_app_are_valid_and_named_in_the_order_given() -> None:
    paths = [str(path) for path in sorted(reading.FOLDER.glob("*.md"))]
    code, out, err = run("lesson", "check", *paths)
    assert (code, err) == (0, "")
    assert [line.split(": ")[0] for line in out.splitlines()] == paths


def test_every_broken_file_is_named_with_line_and_reason(good: Path, tmp_path: Path) -> None:
    broken, bytes_ = tmp_path / "broken.md", tmp_path / "bytes.md"
    broken.write_text(GOOD.replace("hidden: 5", "hiden: 5"))
    bytes_.write_bytes(b"---\n\xff\n---\n")
    code, out, err = run("lesson", "check", str(broken), str(good), str(bytes_))
    assert code == 2
    assert out.startswith(f"{good}: Short, 1 steps, 1 of 1 minutes")
    lines = err.splitlines()
    assert lines[0].startswith(f"{broken}: Line 8: There is no setting 'hiden'.")
    assert lines[1].startswith(f"{bytes_}: Line 2: This is not UTF-8")
    assert lines[2] == "Error: 2 of 3 files are not lessons."


def test_a_rehearsal_prints_what_was_measured_and_the_minute_plan(good: Path) -> None:
    code, out, _ = run("lesson", "rehearse", str(good), "--seeds", "2")
    assert code == 0
    assert re.findall(r"^Seed (\d)$", out, re.MULTILINE) == ["0", "1"]
    assert out.count("One: holds    train by step 300 below 3: 2.") == 2
    assert re.search(r"^  0:00 +1 +\d+\.\d s +\d+\.\d s  One$", out, re.MULTILINE)


def test_a_rehearsal_that_fails_ends_with_an_error(good: Path) -> None:
    good.write_text(GOOD.replace("value: 3,", "value: 2,"))
    code, out, err = run("lesson", "rehearse", str(good), "--seeds", "1")
    assert code == 2
    assert "One: FAILS    train by step 300 below 2: 2." in out
    assert err == "Error: 1 action or expectation failed.\n"


def test_a_quick_rehearsal_says_what_it_skips(good: Path) -> None:
    code, out, _ = run("lesson", "rehearse", str(good), "--seeds", "1", "--quick")
    assert code == 0
    assert "skipped  train by step 300 below 3: the run was shortened to 200 steps" in out
    assert "One: holds    train by step 0 above 3.2: 3." in out


def test_the_schema_is_strict_json() -> None:
    code, out, _ = run("lesson", "schema")
    assert code == 0
    assert json.loads(out) == schema.schema()


def test_the_example_of_the_documentation_is_a_lesson_that_can_be_given(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "LESSONS.md").read_text(encoding="utf-8")
    example = re.search(r"````markdown\n(.*?)````", text, re.DOTALL)
    assert example
    path = tmp_path / "my-lesson.md"
    path.write_text(example[1], encoding="utf-8")
    code, out, _ = run("lesson", "rehearse", str(path), "--seeds", "1")
    assert code == 0
    assert out.count("holds") == 3


def test_the_documentation_names_every_metric() -> None:
    text = (ROOT / "docs" / "LESSONS.md").read_text(encoding="utf-8")
    rows = (line for line in text.splitlines() if line.startswith("| `"))
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert {*metrics.OF_RUNS, *metrics.OF_TEXTS, *metrics.OF_COUNTS} <= named
    assert set(metrics.WITH_ARGUMENT) <= {name.split()[0] for name in named}
