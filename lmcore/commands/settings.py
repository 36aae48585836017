"""Options that name the data and the settings of a model."""

from collections.abc import Mapping
from typing import Any

import click

from lmcore.data import sources
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.training.config import RunConfig

set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be repeated."
)
text_option = click.option(
    "--data", default="given-names", show_default=True, help="Name of a text, or path of a file."
)

encoding_option = click.option(
    "--encoding", default="auto", show_default=True, help="Encoding of a text file, such as utf-8 or cp1252."
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


def text_settings(data: str, encoding: str) -> dict[str, str]:
    """The settings that name a text, given by name or path. A guess of its encoding is said on standard error.

    Raises:
        UserError: if there is no such text or encoding.
    """
    located = sources.locate(data, CorpusConfig.parse({"encoding": encoding}).encoding)
    if encoding == "auto" != located.encoding:
        click.echo(f"The encoding was guessed: {located.encoding}. Give another one with --encoding.", err=True)
    return located._asdict()


def language_model_config(model: str, data: str, encoding: str, settings: Mapping[str, Any]) -> RunConfig:
    """The config of a language model on a text that is given by name or path.

    Raises:
        UserError: if there is no such text, or a setting does not fit.
    """
    config = run_config_from_settings({"family": model} | text_settings(data, encoding) | dict(settings))
    assert isinstance(config, RunConfig)
    return config
