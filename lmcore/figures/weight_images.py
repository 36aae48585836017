"""The weights of a classifier of images, as images."""

import plotly.graph_objects as go

from lmcore.figures.image_gallery import image_grid
from lmcore.inspection.weight_images import WeightImages


def weight_images(record: WeightImages, n_columns: int = 10, width: int = 1000) -> go.Figure:
    """Red weights speak for the class or unit, blue ones against it; in color, each channel has its own weights.

    Args:
        record: the weights.
        n_columns: of the grid.
        width: of the figure, in pixels.
    """
    return image_grid(record.images, record.names, n_columns, width, signed=True)
