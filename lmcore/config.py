"""The base of every configuration: one definition for widgets, command line, links, files and errors."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


def _explain(cls: type[Config], error: ValidationError) -> str:
    """One sentence per problem: the field, the value, what is allowed."""
    sentences = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"]) or cls.__name__
        if problem["type"] == "extra_forbidden":
            allowed = ", ".join(cls.model_fields)
            sentences.append(f"There is no setting {name!r}. Choose one of: {allowed}.")
        else:
            sentences.append(f"{name} = {problem['input']!r} does not fit: {problem['msg'].lower()}.")
    return " ".join(sentences)


__all__ = ["Config", "Field"]
