"""A sheet to draw on with mouse, pen or finger."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

SIDE = 56  # pixels a side of what is handed over

_here = Path(__file__).parent
_component = st.components.v2.component(
    "glassbox.draw",
    html='<div class="draw"><canvas width="280" height="280" tabindex="0"></canvas><button>Wipe</button></div>',
    css=(_here / "draw.css").read_text(encoding="utf-8"),
    js=(_here / "draw.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def draw(key: str) -> NDArray[np.float64] | None:
    """The ink on the sheet, shape (SIDE, SIDE), values from 0 to 1; None while it is empty."""
    given = _component(key=key, data={"side": SIDE}, on_ink_change=lambda: None).ink
    if not isinstance(given, str) or len(given) != SIDE * SIDE:
        return None
    digits = np.frombuffer(given.encode("ascii", errors="replace"), np.uint8).astype(float) - ord("0")
    return np.clip(digits / 9, 0, 1).reshape(SIDE, SIDE)
