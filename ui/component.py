"""Components of our own: a piece of the page drawn by JavaScript, with its style beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st


def component(module: str, html: str) -> Callable[..., Any]:
    """The component of a module, whose JavaScript and CSS lie beside it under the same name.

    Args:
        module: the module's ``__file__``.
        html: what the JavaScript begins with.
    """
    path = Path(module)
    return st.components.v2.component(
        f"glassbox.{path.stem}",
        html=html,
        css=path.with_suffix(".css").read_text(encoding="utf-8"),
        js=path.with_suffix(".js").read_text(encoding="utf-8"),
        isolate_styles=False,
    )
