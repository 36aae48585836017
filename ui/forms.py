"""Widgets from configs: a field's default, bounds and sentence make its widget; nothing is declared twice."""

import math
import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from lmcore.config import Config
from lmcore.errors import UserError

Model = TypeVar("Model", bound=Config)


def label(name: str) -> str:
    """A field's name as people write it."""
    return {"l2": "L2 penalty"}.get(name, name.replace("_", " ").capitalize())


def plain(text: str) -> str:
    """Text for a label that Streamlit would read as Markdown: every sign stands for itself."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def key_of(prefix: str, name: str) -> str:
    """The widget's key, which is its name in the address too."""
    return f"{prefix}_{name}" if prefix else name


def form(
    config: type[Config],
    names: list[str],
    *,
    prefix: str = "",
    disabled: Callable[[str], bool] = lambda name: False,
    on_change: Callable[[str], None] | None = None,
    defaults: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A widget for each field, two side by side in the sidebar; returns their values by field name.

    Args:
        prefix: stands before each widget's key.
        disabled: tells for a field whether it can be changed now.
        on_change: called with the field's name when the visitor changes it.
        defaults: of this page, where they differ from the config's.
    """
    values = {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name in names:
            options = {"on_change": on_change, "args": (name,)} if on_change else {}
            options |= {"disabled": disabled(name), "default": (defaults or {}).get(name)}
            values[name] = widget(config, name, key=key_of(prefix, name), **options)
    return values


def hold(config: Config, names: list[str], *, prefix: str = "") -> dict[str, Any]:
    """Keeps fields that cannot change now without drawing them: a page with fewer widgets answers a click sooner."""
    values = {name: getattr(config, name) for name in names}
    for name, value in values.items():
        st.session_state[key_of(prefix, name)] = value
    return values


def parse(config: type[Model], values: dict[str, Any]) -> Model:
    """The config that the widgets' values make; the page stops, in words, if they do not fit."""
    try:
        return config.parse(values)
    except UserError as error:
        st.error(str(error))
        st.stop()


def widget(
    config: type[Config], name: str, *, key: str, default: Any = None, bound: bool = True, **options: Any
) -> Any:
    """The widget of one field, ``bound`` to the address or not; ``default`` stands for the config's own."""
    field = config.model_fields[name]
    value = field.default if default is None else default
    options |= {"help": field.description, "bind": "query-params" if bound else None, "key": key}
    if field.annotation is bool:
        return st.toggle(label(name), value, **options)
    if get_origin(field.annotation) is Literal:
        choices = list(get_args(field.annotation))
        return st.selectbox(label(name), choices, choices.index(value), **options)
    if field.annotation is str:
        return st.text_input(label(name), value, **options)
    return _number(field, name, value, options)


def _number(field: FieldInfo, name: str, value: float, options: dict[str, Any]) -> int | float:
    kind = int if field.annotation is int else float
    low, high = _bound(field, "ge", "gt"), _bound(field, "le")
    step = 1 if kind is int else _step(float(value))
    return st.number_input(
        label(name),
        min_value=None if low is None else kind(low),
        max_value=None if high is None else kind(high),
        step=step,
        format="%d" if kind is int else "%g",
        value=kind(value),
        **options,
    )


def _step(default: float) -> float:
    return 10.0 ** (math.floor(math.log10(default)) - 1) if default > 0 else 0.0001


def _bound(field: FieldInfo, *names: str) -> Any:
    """The first bound of these names ("ge", "gt", "le") that the field has."""
    bounds = [getattr(constraint, name) for constraint in field.metadata for name in names if hasattr(constraint, name)]
    return bounds[0] if bounds else None
