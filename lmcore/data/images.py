"""Images that a user draws or uploads, turned into examples like those a classifier was trained on."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lmcore.data.datasets import Dataset
from lmcore.errors import UserError

Floats = NDArray[np.floating[Any]]

MAX_BYTES = 10_000_000
MAX_PIXELS = 25_000_000
MAX_SIDE = 512  # pixels; larger images are shrunk
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")

INK_THRESHOLD = 0.5  # relative to the darkest ink; fainter marks count as paper
MIN_INK = 4  # pixels


def decode(data: bytes) -> Floats:
    """An uploaded image, shape (height, width, 3), values from 0 to 1, on white where it is transparent.

    Raises:
        UserError: if it is not an image, or too large.
    """
    if len(data) > MAX_BYTES:
        raise UserError(f"The image has {len(data):,} bytes; at most {MAX_BYTES:,} are allowed. Make it smaller.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(
                    f"The image has {image.width:,} × {image.height:,} pixels; at most {MAX_PIXELS:,} in all are "
                    "allowed. Make it smaller."
                )
            image.thumbnail((MAX_SIDE, MAX_SIDE))
            flat = Image.new("RGBA", image.size, "white")
            flat.alpha_composite(image.convert("RGBA"))
            return np.asarray(flat.convert("RGB"), float) / 255
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        raise UserError("The file is not an image that can be read. Use a PNG or JPEG file.") from None


def ink(image: Floats) -> Floats:
    """The amount of ink at each pixel, from 0 to 1. The paper has the median gray of the image's border.

    Args:
        image: shape (height, width, 3).

    Returns:
        Shape (height, width).
    """
    gray = image.mean(-1)
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    contrast = np.abs(gray - np.median(border))
    result: Floats = contrast / max(float(contrast.max()), 1e-9)
    return result


def as_digit(ink: Floats) -> Floats:
    """A drawn digit, prepared like scikit-learn's: a 32 × 32 bitmap, averaged over blocks of 4 × 4 pixels.

    The drawing is cropped and scaled to fill the height (or, if it is wider than high, the width).

    Args:
        ink: shape (height, width), values from 0 to 1.

    Returns:
        Shape (64,), values from 0 to 1.

    Raises:
        UserError: if nothing is drawn.
    """
    inked = ink >= INK_THRESHOLD
    if inked.sum() < MIN_INK:
        raise UserError("The sheet is empty. Draw a large digit in one or two strokes.")
    # crop
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    cropped = Image.fromarray((inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] * 255).astype(np.uint8))
    # scale to 32 pixels, and center
    factor = 32 / max(cropped.size)
    size = (max(1, round(cropped.width * factor)), max(1, round(cropped.height * factor)))
    page = Image.new("L", (32, 32))
    page.paste(cropped.resize(size, Image.Resampling.BOX), ((32 - size[0]) // 2, (32 - size[1]) // 2))
    # black or white, then the mean of each block
    bitmap = np.asarray(page, float) >= 127
    blocks: Floats = bitmap.reshape(8, 4, 8, 4).mean((1, 3)).ravel()
    return blocks


def as_photograph(image: Floats, side: int = 32) -> Floats:
    """The central square of an image, shrunk to side × side pixels: shape (side × side × 3,), values from 0 to 1."""
    height, width, _ = image.shape
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = Image.fromarray(np.round(image[top : top + edge, left : left + edge] * 255).astype(np.uint8))
    small = np.asarray(square.resize((side, side), Image.Resampling.BOX), float) / 255
    return small.ravel()


def as_example(image: Floats, data: Dataset) -> Floats:
    """An image as an example of a data set of images: its features before normalization, shape (D,).

    Raises:
        UserError: if nothing is drawn.
    """
    assert data.image_shape is not None
    height, _, channels = data.image_shape
    return as_digit(ink(image)) if channels == 1 else as_photograph(image, height)
