"""The group of all commands."""

import click
import torch

from lmcore.commands import checks, lessons, recipes, runs, texts, training
from lmcore.commands.console import OneLineErrors


@click.group(cls=OneLineErrors)
def commands() -> None:
    """Train small language models and look inside them."""
    torch.set_num_threads(1)


for module in (texts, training, checks, runs, recipes):
    for command in vars(module).values():
        if isinstance(command, click.Command):
            commands.add_command(command)
commands.add_command(lessons.lesson)
