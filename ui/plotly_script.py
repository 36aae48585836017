"""The script that draws charts: its loading begins with the frame, while the server still prepares the page."""

from ui.component import component
from ui.server import PLOTLY_PATH

_component = component(__file__, "<span></span>")


def load_ahead() -> None:
    """Lets the browser load the script; `ui.live_chart` waits for it."""
    _component(key="plotly_script", data={"source": PLOTLY_PATH})
