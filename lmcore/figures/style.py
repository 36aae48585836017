"""What all figures share: colors, axes, traces and annotations.

The colors are those of Okabe and Ito, which color-blind readers can distinguish. Text takes the color of its
surroundings, so that a figure suits a light page and a dark one.
"""

import functools
import html
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

P = ParamSpec("P")
PlainFigure = dict[str, Any]
"""A figure as plain data, with "data" and "layout": for pictures that change while a run trains, since building a
``go.Figure`` and reading its data again takes five times as long."""

# ---------------------------------------------------------------- colors

BLUE, ORANGE, GREEN, RED, GRAY = "#1B86C9", "#E69F00", "#009E73", "#D55E00", "#8A8F98"
SKY, PURPLE, BROWN, YELLOW, VIOLET = "#56B4E9", "#CC79A7", "#8C6D31", "#F0E442", "#5B3A8C"
WHITE, BLACK, NEAR_WHITE, NAVY = "#FFFFFF", "#000000", "#F4F4F4", "#12304A"
PALE_BLUE = "rgba(86,180,233,0.4)"
GRID = "rgba(128,128,128,0.18)"
FAINT = "rgba(128,128,128,0.35)"
BACKDROP = "rgba(128,128,128,0.45)"  # behind a legend that lies on a picture
TRANSPARENT = "rgba(0,0,0,0)"
SERIES = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BROWN, GRAY]
"""Colors of several lines of the same kind."""

CLASSES = [BLUE, ORANGE, GREEN, PURPLE, RED, BROWN, SKY, GRAY, YELLOW, VIOLET]
"""Colors of classes."""

DASHES = ["solid", "dash", "dot", "dashdot"]
SYMBOLS = ["circle", "diamond", "square", "triangle-up", "cross", "x", "star", "triangle-down"]

SEQUENTIAL = "Viridis"  # perceptually uniform, safe for color-blind readers, good on light and dark
DIVERGING = "RdBu"  # blue is low, white is zero, red is high
SURPRISE = "YlOrRd"  # pale to dark red, when reversed; black letters can be read on its lower half
BLUE_WHITE_ORANGE = [[0, "#7FB8DC"], [0.5, WHITE], [1, "#F2A477"]]  # black letters can be read on all of it
BLUE_TO_RED = [[0, BLUE], [0.5, NEAR_WHITE], [1, RED]]
INK = [[0, WHITE], [1, "#16181C"]]


def rgba(color: str, alpha: float) -> str:
    """A hexadecimal color with an opacity."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def mixed(one: str, other: str) -> str:
    """The mean of two hexadecimal colors."""
    channels = [(int(one[i : i + 2], 16) + int(other[i : i + 2], 16)) // 2 for i in (1, 3, 5)]
    return f"rgb({channels[0]},{channels[1]},{channels[2]})"


def series_styles(names: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
    """Each name with a color, a dash and a symbol: on a projector, color alone does not tell lines apart."""
    return zip(names, itertools.cycle(SERIES), itertools.cycle(DASHES), itertools.cycle(SYMBOLS), strict=False)


# ---------------------------------------------------------------- figures and axes


def plain_figure(
    traces: list[dict[str, Any]],
    x: dict[str, Any] | str,
    y: dict[str, Any] | str,
    height: int = 380,
    min_width: int = 0,
    **layout: Any,
) -> PlainFigure:
    """A figure with the common axes.

    Args:
        traces: Plotly traces as plain data.
        x: the title of the x-axis with its unit, or the axis as plain data.
        y: the same for the y-axis.
        height: in pixels.
        min_width: in pixels, below which the figure would be illegible; on a narrower screen it scrolls sideways.
        layout: further layout properties.
    """
    common = {
        "template": "none",
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 36, "b": 10},
        "font": {"size": 14},
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        "hoverlabel": {"font": {"size": 14}},
        "xaxis": axis(x),
        "yaxis": axis(y),
        "meta": {"min_width": min_width},
    }
    return {"data": traces, "layout": common | layout}


def drawn(plain: Callable[P, PlainFigure]) -> Callable[P, go.Figure]:
    """The same picture as a ``go.Figure``, built in one go: adding traces one by one takes several times as long."""

    @functools.wraps(plain)
    def draw(*args: P.args, **kwargs: P.kwargs) -> go.Figure:
        # validation takes four fifths of the time; the tests validate every figure
        return go.Figure(plain(*args, **kwargs), _validate=False)

    return draw


figure = drawn(plain_figure)


def plain_empty_figure(text: str, height: int = 200) -> PlainFigure:
    """A figure without data or axes that says what to do."""
    hidden = {"visible": False}
    return plain_figure([], hidden, hidden, height=height, annotations=[message(text)])


empty_figure = drawn(plain_empty_figure)


def axis(given: dict[str, Any] | str) -> dict[str, Any]:
    """An axis as plain data, from its title or from further properties."""
    properties: dict[str, Any] = {"title": given} if isinstance(given, str) else dict(given)
    properties["title"] = {"text": properties.get("title", ""), "standoff": 8}
    # the margins make room for every label; looking for labels that overflow takes a third of the time of a redraw
    margins = {"automargin": True, "ticklabeloverflow": "allow"}
    return {"gridcolor": GRID, "zeroline": False} | margins | properties


def character_axis(title: str, labels: Iterable[str], **properties: Any) -> dict[str, Any]:
    """An axis of characters. Tick values are numbers, so that no label is taken for a number, a date or markup."""
    names = [escape(label) for label in labels]
    ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names, "tickangle": 0}
    return {"title": title, "tickfont": {"size": 11}, "ticks": "", "showgrid": False} | ticks | properties


def downward(n_rows: int) -> list[float]:
    """The range of an axis whose first of n rows is at the top."""
    return [n_rows - 0.5, -0.5]


def escape(text: str) -> str:
    """Text that Plotly shows literally instead of as markup. It does not decode quotation marks, so these stay."""
    return html.escape(text, quote=False)


# ---------------------------------------------------------------- traces


def line(
    name: str,
    x: NDArray[Any],
    y: NDArray[Any],
    color: str,
    width: float = 3,
    dash: str = "solid",
    symbol: str = "",
    **properties: Any,
) -> dict[str, Any]:
    """A line trace, with markers if there is a symbol."""
    return {
        "type": "scatter",
        "name": name,
        "x": np.asarray(x, np.float32),
        "y": np.asarray(y, np.float32),
        "mode": "lines+markers" if symbol else "lines",
        "line": {"color": color, "width": width, "dash": dash},
        "marker": {"symbol": symbol or "circle", "size": 7, "color": color},
    } | properties


def heatmap(z: NDArray[Any], colorbar: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """A heatmap trace with gaps between its cells."""
    return {
        "type": "heatmap",
        "z": np.asarray(z, np.float32),
        "colorscale": SEQUENTIAL,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 10, "outlinewidth": 0} | (colorbar or {}),
    } | properties


# ---------------------------------------------------------------- annotations and shapes


def message(text: str) -> dict[str, Any]:
    """An annotation in the middle of a figure without data: what to do to see something."""
    place = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    return {"text": text, "font": {"size": 16}} | place


def vertical_line(
    x: float, color: str = GRAY, dash: str = "dash", width: float = 2, **properties: Any
) -> dict[str, Any]:
    """A line over the full height of the figure."""
    style = {"color": color, "dash": dash, "width": width}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": style} | properties


def horizontal_line(y: float, color: str = GRAY, dash: str = "dash", width: float = 2) -> dict[str, Any]:
    """A line over the full width of the figure."""
    style = {"color": color, "dash": dash, "width": width}
    return {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y, "line": style}


def small_title(text: str) -> dict[str, Any]:
    """A small title above the left edge of the figure."""
    place = {"x": 0, "xref": "paper", "y": 0.995, "yanchor": "top"}
    return {"text": escape(text), "font": {"size": 13}, "pad": {"t": 4}} | place
