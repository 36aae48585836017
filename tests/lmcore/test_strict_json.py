"""JSON that every parser reads."""

import json
import math

import pytest

from lmcore import strict_json


def strict(text: str) -> object:
    """Parses JSON as the standard has it."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_is_null_wherever_it_stands(number: float) -> None:
    data = {"here": number, "in": {"a": ({"list": [1.5, number]},)}, "whole": 3, "no": None, "text": "NaN"}
    expected = {"here": None, "in": {"a": [{"list": [1.5, None]}]}, "whole": 3, "no": None, "text": "NaN"}
    assert strict(strict_json.dumps(data)) == expected


def test_what_became_null_is_explained_where_it_stood() -> None:
    data = {"loss": {"train": 2.0, "dev": math.inf}, "curve": [1.0, math.nan], "steps": 3}
    assert strict_json.explain(data) == {"loss": {"dev": "infinite"}, "curve": "not a number"}
    assert strict_json.explain({"loss": 2.0, "missing": None}) is None
