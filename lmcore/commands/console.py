"""What all commands share: one-line errors, options made from configs, JSON."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO, TypeVar

import click

from lmcore import strict_json
from lmcore.config import Config
from lmcore.errors import UserError

MAX_MESSAGE = 600  # characters of an error; what was given may be much longer
Command = TypeVar("Command", bound=Callable[..., Any])


class OneLineErrors(click.Group):
    """Prints an error that the user can correct as one line on standard error, and exits with status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        _replace_what_cannot_be_written(sys.stdout, sys.stderr)
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, click.exceptions.NoArgsIsHelpError):
            raise  # click ends quietly, or prints the help
        except (UserError, OSError, click.UsageError) as error:
            click.echo(f"Error: {_one_line(_sentence(error))}", err=True)
            ctx.exit(2)


def _replace_what_cannot_be_written(*streams: TextIO | Any) -> None:
    """Makes a terminal or pipe of a narrow encoding print a question mark for a character that it does not have."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _sentence(error: Exception) -> str:
    if isinstance(error, click.UsageError):
        return error.format_message()
    if isinstance(error, OSError) and error.filename is not None:
        return f"{str(error.filename)!r} cannot be used: {error.strerror}."
    return str(error)


def _one_line(text: str) -> str:
    """A message on one line, without its middle if it is very long."""
    line, half = " ".join(text.split()), MAX_MESSAGE // 2
    return line if len(line) <= MAX_MESSAGE else f"{line[:half]} … {line[-half:]}"


def print_json(result: Any, reasons: Mapping[str, Any] | None = None) -> None:
    """Print plain data as strict JSON. Where a number is not finite, it is null, and "reasons" says why.

    Args:
        result: an object or a list.
        reasons: why numbers in an object are not finite; nested as the object is.
    """
    if isinstance(result, Mapping) and (found := strict_json.explain(result)):
        result = {**result, "reasons": found | dict(reasons or {})}
    elif isinstance(result, list):
        result = [
            {**item, "reasons": found} if isinstance(item, Mapping) and (found := strict_json.explain(item)) else item
            for item in result
        ]
    click.echo(strict_json.dumps(result))


def options_of(config: type[Config]) -> Callable[[Command], Command]:
    """A decorator that adds an option for every field of a config, with its default and description."""

    def add(command: Command) -> Command:
        for name, field in reversed(config.model_fields.items()):
            option = f"--{name.replace('_', '-')}"
            command = click.option(option, name, default=field.default, show_default=True, help=field.description)(
                command
            )
        return command

    return add
