"""Pictures that a person draws or uploads, made like those that a classifier has learned from."""

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
INK = 0.5  # of the darkest: what is fainter counts as paper


def read(data: bytes) -> Floats:
    """An uploaded picture, shape (height, width, 3), values from 0 to 1.

    Raises:
        UserError: if it is no picture, or too large.
    """
    if len(data) > MAX_BYTES:
        raise UserError(f"The picture has {len(data):,} bytes; at most {MAX_BYTES:,} are allowed.")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "BMP", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(f"The picture has {image.width} × {image.height} pixels. Make it smaller.")
            image.thumbnail((512, 512))
            flat = Image.new("RGBA", image.size, "white")
            flat.alpha_composite(image.convert("RGBA"))
            return np.asarray(flat.convert("RGB"), float) / 255
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        raise UserError("That is not a picture that can be read. Give a PNG or JPEG file.") from None


def ink(picture: Floats) -> Floats:
    """How much ink there is at each place, from 0 to 1: the paper is what the rim is made of.

    Args:
        picture: shape (height, width, 3).
    """
    gray = picture.mean(-1)
    rim = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    marks = np.abs(gray - np.median(rim))
    result: Floats = marks / max(float(marks.max()), 1e-9)
    return result


def as_digit(marks: Floats) -> Floats:
    """A drawn digit as scikit-learn's digits are made: 32 × 32 black or white, then the ink of every 4 × 4 block.

    What is drawn is cut out and fills the height (or, if it is wider than high, the width).

    Args:
        marks: shape (height, width), ink from 0 to 1.

    Returns:
        Shape (64,), values from 0 to 1.

    Raises:
        UserError: if nothing is drawn.
    """
    inked = marks >= INK
    if inked.sum() < 4:
        raise UserError("There is nothing to see yet. Draw a digit, large and in one stroke or two.")
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    cut = Image.fromarray((inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] * 255).astype(np.uint8))
    factor = 32 / max(cut.size)
    size = (max(1, round(cut.width * factor)), max(1, round(cut.height * factor)))
    page = Image.new("L", (32, 32))
    page.paste(cut.resize(size, Image.Resampling.BOX), ((32 - size[0]) // 2, (32 - size[1]) // 2))
    bitmap = np.asarray(page, float) >= 127
    blocks: Floats = bitmap.reshape(8, 4, 8, 4).mean((1, 3)).ravel()
    return blocks


def as_photograph(picture: Floats, side: int = 32) -> Floats:
    """The middle square of a picture, shrunk to side × side, shape (side × side × 3,), values from 0 to 1."""
    height, width, _ = picture.shape
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = Image.fromarray(np.round(picture[top : top + edge, left : left + edge] * 255).astype(np.uint8))
    small = np.asarray(square.resize((side, side), Image.Resampling.BOX), float) / 255
    return small.ravel()


def prepared(picture: Floats, data: Dataset) -> Floats:
    """A picture as a row of raw features of a data set, shape (D,).

    Raises:
        UserError: if nothing is on it.
    """
    assert data.picture is not None
    if data.picture[2] == 1:
        return as_digit(ink(picture))
    return as_photograph(picture, data.picture[0])
