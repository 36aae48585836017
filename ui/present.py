"""Presentation mode for a projector: larger type, no menus, and keyboard shortcuts. It runs entirely in the browser."""

from ui.component import component

_component = component(__file__, '<div class="present-keys"></div>')


def button() -> None:
    """The button in the corner of every page that turns presentation mode on and off."""
    _component(key="present")
