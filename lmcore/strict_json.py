"""JSON as its standard has it: a number that is not finite becomes null."""

import json
import math
from collections.abc import Mapping
from typing import Any


def dumps(value: Any, indent: int | None = None) -> str:
    """Plain data as JSON that every parser reads."""
    return json.dumps(_finite(value), allow_nan=False, indent=indent)


def _finite(value: Any) -> Any:
    """The same data with None in place of numbers that are not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def explain(value: Any) -> Any:
    """Why `dumps` writes null: a sentence in place of each number that is not finite, in mappings nested as given.

    Returns:
        None if all numbers are finite. A list has one sentence for all its items.
    """
    if isinstance(value, float):
        return None if math.isfinite(value) else "not a number" if math.isnan(value) else "infinite"
    if isinstance(value, Mapping):
        return {name: reason for name, item in value.items() if (reason := explain(item))} or None
    return next(filter(None, map(explain, value)), None) if isinstance(value, list | tuple) else None
