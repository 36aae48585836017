"""How settings are written."""

from typing import Any

import pytest

from lmcore.config import format_settings, format_value


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "on"), (False, "off"), ((), "all"), (("a", "b"), "a, b"), (12_000, "12,000"), (1e-3, "0.001"),
     ("sgd", "sgd")],
)  # fmt: skip
def test_values_are_written_as_people_write_them(value: Any, text: str) -> None:
    assert format_value(value) == text


def test_an_empty_list_is_written_as_its_place_demands() -> None:
    assert format_value((), empty="none") == "none"


def test_settings_are_written_with_their_names() -> None:
    settings = {"learning_rate": 1e-3, "steps": 100_000, "one_batch": True}
    assert format_settings(settings) == ["learning rate 0.001", "steps 100,000", "one batch on"]
