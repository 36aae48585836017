"""The README: its pictures exist and are small, and its table lists the lessons."""

import re

import pytest
from PIL import Image

from lmcore.lessons import reading
from scripts.record_readme import FOLDER, FRAMES
from tests.pages.app_testing import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_recorded_picture_is_shown_with_an_alternative_text() -> None:
    shown = re.findall(r"!\[.+?\]\(docs/pictures/(.+?)\)", README)
    assert sorted(shown) == sorted(path.name for path in FOLDER.iterdir())


def test_pictures_are_small() -> None:
    sizes = {path.stem: path.stat().st_size for path in FOLDER.iterdir()}
    assert sizes.pop("training") < 1_500_000
    assert max(sizes.values()) < 150_000


def test_the_training_run_is_animated() -> None:
    with Image.open(FOLDER / "training.webp") as picture:
        assert picture.n_frames == FRAMES  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", reading.names())
def test_a_lesson_has_its_row(name: str) -> None:
    lesson = reading.load(name)
    assert f"| [{lesson.title}](lessons/{name}.md) | {lesson.minutes:g} |" in README


def test_the_table_lists_no_lesson_that_is_gone() -> None:
    assert set(re.findall(r"\(lessons/(.+?)\.md\)", README)) == set(reading.names())
