"""The Jinja templates of exported scripts, whose values become Python literals."""

import functools
from typing import Any

import jinja2
from markupsafe import Markup


@functools.cache
def environment() -> jinja2.Environment:
    """Templates whose values become Python literals.

    This is Jinja's autoescaping with another target language: what a template prints is turned into its `repr`, unless
    it is code already (the output of a macro, or marked by ``|code``), so that no value can break out of its literal.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lmcore.runs"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=pyrepr,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": Markup, "plain": _plain, "shape": _shape, "numbered": _numbered}
    return environment


def pyrepr(value: Any) -> Markup:
    """A value as a Python literal, strings in double quotes where possible; code is left as it is."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises jinja2.UndefinedError
    if isinstance(value, dict):
        return Markup("{" + ", ".join(f"{pyrepr(key)}: {pyrepr(item)}" for key, item in value.items()) + "}")
    literal = repr(value)
    if isinstance(value, str) and '"' not in literal and literal.startswith("'"):
        literal = f'"{literal[1:-1]}"'
    return Markup(literal)


def _plain(value: Any) -> Markup:
    """A value as plain words on one line, for comments."""
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return Markup(" ".join("".join(c if c.isprintable() else " " for c in text).split()))


def _shape(sizes: tuple[Any, ...]) -> Markup:
    """A tuple of sizes, some of them names of variables, as code."""
    return Markup(f"({', '.join(map(pyrepr, sizes))}{',' if len(sizes) == 1 else ''})")


def _numbered(name: str, count: int) -> list[str]:
    """Names of variables: W1, W2, ..."""
    return [f"{name}{i}" for i in range(1, count + 1)]
