"""The base of every configuration: one definition for widgets, command line, links, files and errors."""

import math
import os
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from lmcore.errors import UserError


class Config(BaseModel):
    """A frozen set of values: each field has a default, bounds, and a one-sentence description with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """The config that ``values`` describe. Strings are converted.

        Raises:
            UserError: names the field, what was given and what is allowed.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise UserError(_explain(cls, error)) from None

    def updated(self, **values: Any) -> Self:
        """The same config with other values, checked.

        Raises:
            UserError: if a value is out of bounds or a name unknown.
        """
        return type(self).parse(self.model_dump() | values)


def format_value(value: Any, empty: str = "all") -> str:
    """A setting's value as text: "on", "0.01", "1,000"; ``empty`` for an empty list, "–" for None."""
    match value:
        case None:
            return "–"
        case bool():
            return "on" if value else "off"
        case list() | tuple():
            return ", ".join(map(str, value)) or empty
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
    return str(value)


def format_settings(settings: Mapping[str, Any]) -> list[str]:
    """Each setting as text, as in "learning rate 0.02"."""
    return [f"{name.replace('_', ' ')} {format_value(value)}" for name, value in settings.items()]


def from_environment(name: str, default: float, example: str) -> float:
    """A number above 0 that a variable of the environment gives.

    Args:
        name: of the variable.
        default: if it is not set.
        example: what it must be, for the error message, such as "a number of runs, as in 2".

    Raises:
        UserError: if it is not a number above 0.
    """
    given = os.environ.get(name, "")
    try:
        number = float(given or default)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UserError(f"{name} = {given[:40]!r} is not valid: give {example}.")
    return number


def _explain(cls: type[Config], error: ValidationError) -> str:
    """One sentence per problem: the field, the value, what is allowed."""
    return " ".join(describe(cls, problem) for problem in error.errors())


def describe(cls: type[Config], problem: ErrorDetails) -> str:
    """A problem that pydantic found in the values of a config, as a sentence."""
    name = ".".join(str(part) for part in problem["loc"])
    match problem["type"]:
        case "extra_forbidden":
            return f"There is no setting {name!r}. Choose one of: {', '.join(cls.model_fields)}."
        case "missing":
            return f"{name} is missing."
        case "value_error" if not name:  # of a validator that compares several fields
            return f"{problem['msg'].removeprefix('Value error, ').capitalize()}."
    return f"{name or cls.__name__} = {problem['input']!r} is not valid: {problem['msg'].lower()}."


__all__ = ["Config", "Field", "ValidationError", "describe", "format_settings", "format_value", "from_environment"]
