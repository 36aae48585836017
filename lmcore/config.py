"""The base of every configuration: one definition for widgets, command line, links, files and errors."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmcore.errors import UserError

LIVE: dict[str, Any] = {"live": True}
"""Marks a field that may change while a run goes on (``Field(json_schema_extra=LIVE)``)."""


class Config(BaseModel):
    """A frozen set of values: each field has a default, bounds, and a sentence with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """The config that ``values`` describe (strings are converted).

        Raises:
            UserError: names the field, what was given and what is allowed.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise UserError(_in_words(cls, error)) from None

    @classmethod
    def live_fields(cls) -> set[str]:
        """Names of the fields that may change while a run goes on."""
        return {name for name, field in cls.model_fields.items() if field.json_schema_extra == LIVE}

    def updated(self, **values: Any) -> Self:
        """The same config with other values, checked.

        Raises:
            UserError: if a value is out of its bounds or a name unknown.
        """
        return type(self).parse(self.model_dump() | values)


class PaceConfig(Config):
    """What every training has, whatever it trains: how long, how often it is measured, and its dice."""

    steps: int = Field(
        100_000, ge=1, le=100_000_000, description="Steps in all; the run ends there.", json_schema_extra=LIVE
    )
    seed: int = Field(2147483647, ge=0, le=2**53 - 1, description="Seed of the starting weights and of the batches.")
    evaluate_every: int = Field(
        5000,
        ge=100,
        le=10_000_000,
        description="Steps between two measurements of train and dev loss.",
        json_schema_extra=LIVE,
    )
    minutes: float = Field(
        60,
        gt=0,
        le=24 * 60,
        description="Minutes of training after which the run ends at the latest.",
        json_schema_extra=LIVE,
    )


class TaskConfig(Config):
    """What decides the numbers of a run of any task: what it learns from, the model, the training.

    A subclass names its task, and adds what it learns from; `trainers.CONFIGS` lists them.
    """

    task: str
    model: Config
    train: PaceConfig

    @property
    def family(self) -> str:
        """The model's name."""
        return str(getattr(self.model, "family", ""))

    @property
    def data_name(self) -> str:
        """The name of what the run learns from."""
        raise NotImplementedError


def _in_words(cls: type[Config], error: ValidationError) -> str:
    """One sentence a problem: field, value, what is allowed."""
    sentences = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"]) or cls.__name__
        if problem["type"] == "extra_forbidden":
            allowed = ", ".join(cls.model_fields)
            sentences.append(f"There is no setting {name!r}; choose one of: {allowed}.")
        else:
            sentences.append(f"{name} = {problem['input']!r} does not fit: {problem['msg'].lower()}.")
    return " ".join(sentences)


__all__ = ["LIVE", "Config", "Field", "PaceConfig", "TaskConfig"]
