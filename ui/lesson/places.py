"""Where on a page the places are to which a lesson points."""

import re


def selector(name: str | None) -> str | None:
    """The CSS selector of a place in the registry; None for no place."""
    return None if name is None else ".st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", name)
