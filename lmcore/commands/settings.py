"""Options that name the data and the settings of a model."""

from collections.abc import Mapping
from typing import Any

import click

from lmcore.data import sources
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.training.config import RunConfig

set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated."
)
text_option = click.option(
    "--data", default="given-names", show_default=True, help="Name of a text, or path of a file."
)


def parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """The values of ``--set``, by name.

    Raises:
        UserError: if one has no equals sign.
    """
    given: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set takes name=value, not {setting[:60]!r}.")
        given[name] = tuple(value.split(",")) if name == "locales" else value
    return given


def language_model_config(model: str, data: str, settings: Mapping[str, Any]) -> RunConfig:
    """The config of a language model on a text that is given by name or path.

    Raises:
        UserError: if there is no such text, or a setting does not fit.
    """
    config = run_config_from_settings({"family": model, "source": sources.resolve(data)} | dict(settings))
    assert isinstance(config, RunConfig)
    return config
