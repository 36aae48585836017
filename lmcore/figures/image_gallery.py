"""Images side by side, and single images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE_TO_RED, INK, empty_figure, escape, figure
from lmcore.inspection.image_gallery import ImageGallery

MAX_HEIGHT = 900  # pixels
HIDDEN = {"visible": False, "showgrid": False}


def image_gallery(record: ImageGallery, n_columns: int = 10, width: int = 1000) -> go.Figure:
    """Images in a grid; the caption is the class of each, and the prediction with its probability.

    Args:
        record: the images.
        n_columns: of the grid.
        width: of the figure, in pixels.
    """
    if not len(record.images):
        return empty_figure("There are no misclassified images.")
    captions = [_caption(record, i) for i in range(len(record.class_names))]
    return image_grid(record.images, captions, n_columns, width)


def _caption(record: ImageGallery, i: int) -> str:
    if not record.predictions:
        return record.class_names[i]
    return f"{record.class_names[i]}: {record.predictions[i]} {record.confidence[i]:.0%}"


def image_grid(
    images: NDArray[Any], captions: Sequence[str], n_columns: int, width: int, signed: bool = False
) -> go.Figure:
    """All images in one picture, with a caption below each.

    Args:
        images: shape (M, height, width, channels), with values from 0 to 1, or from -1 to 1 if ``signed``.
        captions: M texts.
        n_columns: of the grid.
        width: of the figure, in pixels.
        signed: whether zero is in the middle of the color scale.
    """
    M, H, W, channels = images.shape
    n_columns = min(n_columns, M)
    n_rows = -(-M // n_columns)
    gap, foot = max(1, W // 8), max(2, H // 3)  # between columns, and below each image for its caption
    grid = np.full((n_rows * (H + foot), n_columns * (W + gap), channels), np.nan)
    notes = []
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top, left = (i // n_columns) * (H + foot), (i % n_columns) * (W + gap)
        grid[top : top + H, left : left + W] = image
        place = {"x": left + W / 2 - 0.5, "y": top + H - 0.5 + foot * 0.45, "showarrow": False}
        notes.append({"text": escape(caption), "font": {"size": 11 if len(caption) < 12 else 9}} | place)
    x = HIDDEN | {"range": [-0.5 - gap / 2, grid.shape[1] - 0.5 - gap / 2], "constrain": "domain"}
    y = HIDDEN | {"range": [grid.shape[0] - 0.5, -1.5], "scaleanchor": "x"}
    height = 50 + int(n_rows * width / n_columns * (H + foot) / (W + gap))
    min_width = n_columns * (30 + 4 * max(map(len, captions)))
    return figure(
        [_image_trace(grid, signed)], x, y, height=min(height, MAX_HEIGHT), min_width=min_width, annotations=notes
    )


def single_image(pixels: NDArray[Any]) -> go.Figure:
    """One image, shape (height, width, channels), with values from 0 to 1."""
    y = HIDDEN | {"range": [len(pixels) - 0.5, -0.5], "scaleanchor": "x"}
    return figure([_image_trace(pixels, signed=False)], HIDDEN | {"constrain": "domain"}, y, height=260)


def _image_trace(pixels: NDArray[Any], signed: bool) -> dict[str, Any]:
    """A heatmap for one channel, an image for three. Where pixels are nan, the image is transparent."""
    if pixels.shape[2] == 1:
        scale = {"colorscale": BLUE_TO_RED, "zmid": 0} if signed else {"colorscale": INK, "zmin": 0, "zmax": 1}
        z = pixels[..., 0].astype(np.float32)
        return {"type": "heatmap", "z": z, "showscale": False, "hovertemplate": "%{z:.2f}<extra></extra>"} | scale
    values = (pixels + 1) / 2 if signed else pixels
    opacity = np.where(np.isnan(values[..., :1]), 0.0, 1.0)
    colors = np.round(np.concatenate([np.nan_to_num(values), opacity], -1) * [255, 255, 255, 1]).astype(int)
    return {"type": "image", "z": colors, "colormodel": "rgba", "hoverinfo": "skip"}
