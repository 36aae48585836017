"""Presentation mode for a projector: larger type, no menus, and keyboard shortcuts. It runs entirely in the browser."""

from pathlib import Path

import streamlit as st

_here = Path(__file__).parent
_component = st.components.v2.component(
    "glassbox.present",
    html='<div class="present-keys"></div>',
    css=(_here / "present.css").read_text(encoding="utf-8"),
    js=(_here / "present.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def button() -> None:
    """The button in the corner of every page that turns presentation mode on and off."""
    _component(key="present")
