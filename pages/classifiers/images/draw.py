"""A canvas to draw on with mouse, pen or finger."""

import numpy as np
from numpy.typing import NDArray

from ui.component import component

SIDE = 56  # height and width of the result, in pixels

_component = component(
    __file__, '<div class="draw"><canvas width="280" height="280" tabindex="0"></canvas><button>Clear</button></div>'
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
