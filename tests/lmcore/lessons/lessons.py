"""A lesson with a question of each kind, for the tests of several packages."""

from pathlib import Path

from lmcore.lessons import reading
from lmcore.lessons.lesson import Lesson

EXAMPLE = Path(__file__).with_name("example.md")
CHOICE, NUMBER, GUESS, CURVE = range(1, 5)  # indices of the steps that ask


def example_lesson() -> Lesson:
    """Five steps: one that only opens a page, and one per kind of question."""
    return reading.read_file(EXAMPLE)
