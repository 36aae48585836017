"""The commands that check a setting or an implementation before a run."""

import click

from lmcore import families
from lmcore.commands.console import print_json
from lmcore.commands.settings import encoding_option, language_model_config, parse_settings, set_option, text_option
from lmcore.errors import UserError
from lmcore.families import FAMILIES
from lmcore.inspection import gradient_check, lr_finder
from lmcore.inspection.lr_finder import SweepConfig

LAYERED = [name for name in FAMILIES if families.is_layered(families.default_run_config(name))]


@click.command("find-lr")
@click.argument("model", type=click.Choice(LAYERED))
@text_option
@encoding_option
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the curve.")
def find_lr(model: str, data: str, encoding: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Raise the learning rate at every step, and print what each rule reads from the loss."""
    given = parse_settings(settings)
    own = {name: given.pop(name) for name in SweepConfig.model_fields if name in given}
    config = language_model_config(model, data, encoding, given)
    found = lr_finder.read_sweeps(lr_finder.run_sweeps(config, SweepConfig.parse(own)))
    if as_json:
        curve = {"rate": found.rates.tolist(), "loss": found.mean.tolist()}
        print_json({"suggestions": found.suggestions, "remark": found.remark, "curve": curve})
        return
    for name, rate in found.suggestions.items():
        click.echo(f"{name:18} {rate:<10.3g} {lr_finder.RULES[name][1]}")
    if found.remark:
        click.echo(found.remark)


@click.command("check-gradients")
@click.argument("model", type=click.Choice(LAYERED))
@text_option
@encoding_option
@set_option
@click.option("--h", "h", default=1e-5, show_default=True, help="Step size of the central differences.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object per precision.")
def check_gradients(model: str, data: str, encoding: str, settings: tuple[str, ...], h: float, as_json: bool) -> None:
    """Compare explicit gradients with autograd and central differences, tensor by tensor."""
    if not 1e-12 <= h <= 1:
        raise UserError("--h must be between 1e-12 and 1.")
    config = language_model_config(model, data, encoding, parse_settings(settings))
    records = [gradient_check.check_gradients(config, precision, h) for precision in gradient_check.PRECISIONS]
    if as_json:
        print_json([gradient_check.as_json(record) for record in records])
        return
    click.echo("relative error against autograd in float64")
    for record in records:
        click.echo(f"{record.precision:24} {'explicit':>10} {'differences':>12}")
        for name, explicit, differences in zip(record.names, record.explicit, record.differences, strict=True):
            click.echo(f"  {name:22} {explicit:10.1e} {differences:12.1e}")
