"""Widgets made from configs: the default, bounds and description of a field make its widget."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from lmcore.config import Config
from ui import address, glossary

LABELS = {"l2": "L2 penalty", "l2_reduction": "L2 reduction", "top_k": "Top-k", "top_p": "Top-p"}
MANY_DIGITS, WIDE = 10**9, 220  # numbers from this bound on get a field of this width, in pixels, to be seen whole


def label(name: str) -> str:
    """The label of a field's widget."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def plain(text: str) -> str:
    """Text for places where Streamlit reads Markdown, with every special character escaped."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def counted(n: int, noun: str) -> str:
    """A number of things, as in "1 run" and "2,000 runs"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def tooltip(field: FieldInfo) -> str:
    """The description of a field, and the glossary's entry of the first term in it."""
    description = field.description or ""
    entries = (f"**{term}**: {glossary.entries()[term]}" for term in glossary.terms_in(description)[:1])
    return "\n\n".join([description, *entries])


def key_of(prefix: str, name: str) -> str:
    """The key of a field's widget, which is also its name in the address."""
    return f"{prefix}_{name}" if prefix else name


def form(
    config: type[Config],
    names: list[str],
    *,
    prefix: str = "",
    disabled: Callable[[str], bool] = lambda name: False,
    on_change: Callable[[str], None] | None = None,
    defaults: Mapping[str, Any] | None = None,
    bound: bool = True,
) -> dict[str, Any]:
    """A widget for each field, side by side where there is room; returns the values by field name.

    Args:
        config: the config that has the fields.
        names: of the fields.
        prefix: of the widget keys.
        disabled: whether a field cannot be changed now.
        on_change: called with the name of a field that the visitor changes.
        defaults: where the page's defaults differ from those of the config.
        bound: whether the values are kept in the address.
    """
    values = {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name in names:
            options: dict[str, Any] = {"on_change": on_change, "args": (name,)} if on_change else {}
            options |= {"disabled": disabled(name), "default": (defaults or {}).get(name), "bound": bound}
            values[name] = widget(config, name, key=key_of(prefix, name), **options)
    return values


def form_with_more(
    config: type[Config], names: list[str], more: Mapping[str, list[str]], **options: Any
) -> dict[str, Any]:
    """A form of the fields that are used most, and folded forms of the others; returns the values by field name.

    Args:
        config: the config that has the fields.
        names: of the fields that are always visible.
        more: names of the other fields, by the title of their expander.
        options: of `form`.
    """
    values = form(config, names, **options)
    for title, others in more.items():
        values |= folded_form(title, config, others, **options)
    return values


def folded_form(title: str, config: type[Config], names: list[str], **options: Any) -> dict[str, Any]:
    """A form in an expander, without widgets while it is closed and all its fields have their defaults.

    A page with fewer widgets responds faster: Streamlit takes time for each widget and, again, for each pair of them.

    Args:
        title: of the expander.
        config: the config that has the fields.
        names: of the fields.
        options: of `form`.
    """
    prefix, given = options.get("prefix", ""), options.get("defaults") or {}
    defaults = {name: given.get(name, config.model_fields[name].default) for name in names}
    expander = st.expander(title, key=f"{prefix}.{title}", on_change="rerun")
    keys = {name: key_of(prefix, name) for name in names}
    if not expander.open and not any(
        key in st.query_params or st.session_state.get(key, defaults[name]) != defaults[name]
        for name, key in keys.items()
    ):
        return defaults
    with expander:
        return form(config, names, **options)


def fixed(config: Config, names: list[str], *, prefix: str = "") -> dict[str, Any]:
    """Values of fields that cannot change now, without widgets: a page with fewer widgets responds faster."""
    values = {name: getattr(config, name) for name in names}
    for name, value in values.items():
        key = key_of(prefix, name)
        address.bind(key, type(config).model_fields[name].default)
        st.session_state[key] = value
    return values


def widget(
    config: type[Config], name: str, *, key: str, default: Any = None, bound: bool = True, **options: Any
) -> Any:
    """The widget of one field; returns its value.

    Args:
        config: the config that has the field.
        name: of the field.
        key: of the widget.
        default: instead of the config's own.
        bound: whether the value is kept in the address.
        options: of the Streamlit widget.
    """
    field = config.model_fields[name]
    value = field.default if default is None else default
    options |= {"help": tooltip(field), "bind": address.bind(key, value, bound), "key": key}
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
    if high is not None and high >= MANY_DIGITS:
        options |= {"width": WIDE}
    number: int | float = st.number_input(
        label(name),
        min_value=None if low is None else kind(low),
        max_value=None if high is None else kind(high),
        step=1 if kind is int else _step(float(value)),
        format="%d" if kind is int else "%g",
        value=kind(value),
        **options,
    )
    return number


def _step(default: float) -> float:
    return 10.0 ** (math.floor(math.log10(default)) - 1) if default > 0 else 0.0001


def _bound(field: FieldInfo, *names: str) -> Any:
    """The first constraint of these names ("ge", "gt", "le") that a field has."""
    bounds = [getattr(constraint, name) for constraint in field.metadata for name in names if hasattr(constraint, name)]
    return bounds[0] if bounds else None
