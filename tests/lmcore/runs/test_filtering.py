"""Names and filters in a list of runs."""

from dataclasses import replace
from typing import Any

import pytest

from lmcore.runs.filtering import display_names, filter_runs
from lmcore.runs.run import Status
from lmcore.runs.store import Annotations
from tests.lmcore.runs.example_runs import run_header, small_config


def test_display_names_are_distinct() -> None:
    same = Annotations(name="same")
    headers = [run_header("a" * 20), run_header("b" * 20)]
    headers += [replace(run_header(letter * 20), annotations=same) for letter in "cd"]
    assert list(display_names(headers).values()) == ["mlp aaaa", "mlp bbbb", "same cccc", "same dddd"]
    assert display_names([replace(run_header("c" * 20), annotations=Annotations(name="mine"))]) == {"c" * 20: "mine"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "ab"),
        ({"text": "LEARNING"}, "b"),
        ({"text": "mlp slow"}, "b"),
        ({"text": "\\ [ ("}, ""),
        ({"starred": True}, "b"),
        ({"families": ["rnn"]}, ""),
        ({"data": ["given-names"], "statuses": ["finished"]}, "a"),
    ],
)
def test_a_filter_keeps_the_runs_that_match(wanted: dict[str, Any], found: str) -> None:
    slow = replace(
        run_header("b"),
        config=small_config(learning_rate=0.01),
        annotations=Annotations(note="Slow", starred=True),
        status=Status.PAUSED,
    )
    assert "".join(header.id for header in filter_runs([run_header("a"), slow], **wanted)) == found
