"""A canvas to draw on with mouse, pen or finger."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

SIDE = 56  # height and width of the result, in pixels

_here = Path(__file__).parent
_component = st.components.v2.component(
    "glassbox.draw",
    html='<div class="draw"><canvas width="280" height="280" tabindex="0"></canvas><button>Clear</button></div>',
    css=(_here / "draw.css").read_text(encoding="utf-8"),
    js=(_here / "draw.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def draw(key: str) -> NDArray[np.float64] | None:
    """What the visitor drew, shape (SIDE, SIDE): 0 is paper, 1 is ink. None while the canvas is empty."""
    return decode(_component(key=key, data={"side": SIDE}, on_ink_change=lambda: None).ink)


def decode(digits: object) -> NDArray[np.float64] | None:
    """The drawing that the browser sent, as for `draw`; None for anything but SIDE × SIDE digits."""
    if not isinstance(digits, str) or len(digits) != SIDE * SIDE:
        return None
    levels = np.frombuffer(digits.encode("ascii", errors="replace"), np.uint8).astype(float) - ord("0")
    return np.clip(levels / 9, 0, 1).reshape(SIDE, SIDE)
