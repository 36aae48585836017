"""Images that a user draws or uploads."""

import io

import numpy as np
import pytest
from PIL import Image

from lmcore.data import datasets, images
from lmcore.data.datasets import DataConfig
from lmcore.errors import UserError


def stroke(thickness: int = 14, at: tuple[int, int] = (60, 100)) -> np.ndarray:
    """White paper with one upright stroke."""
    paper = np.ones((200, 200, 3))
    paper[20:180, at[0] : at[0] + thickness] = 0
    return paper


def test_a_drawn_digit_is_cut_out_centered_and_counted_in_blocks() -> None:
    digit = images.as_digit(images.ink(stroke(40))).reshape(8, 8)
    np.testing.assert_array_equal(digit[:, 3:5], 1)  # 40 of 160 wide: a quarter of the height, in the middle
    assert digit.sum() == 16
    np.testing.assert_array_equal(digit, images.as_digit(images.ink(stroke(40, (150, 0)))).reshape(8, 8))
    np.testing.assert_array_equal(digit, images.as_digit(images.ink(1 - stroke(40))).reshape(8, 8))  # white on black


def test_an_empty_sheet_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="sheet is empty"):
        images.as_digit(images.ink(np.ones((50, 50, 3))))


def test_an_upload_is_read_or_refused_in_words() -> None:
    buffer = io.BytesIO()
    Image.fromarray((stroke() * 255).astype(np.uint8)).save(buffer, "PNG")
    np.testing.assert_allclose(images.decode(buffer.getvalue()), stroke())
    for data in (b"", b"no picture", buffer.getvalue()[:200], b"\x89PNG\r\n\x1a\n" + b"\0" * 50, bytes(10_000_001)):
        with pytest.raises(UserError):
            images.decode(data)
    buffer = io.BytesIO()
    Image.new("1", (6000, 6000)).save(buffer, "PNG")
    with pytest.raises(UserError, match="6,000 × 6,000"):
        images.decode(buffer.getvalue())


def test_a_photograph_becomes_the_middle_square() -> None:
    wide = np.zeros((64, 128, 3))
    wide[:, 32:96] = [1, 0.5, 0]
    np.testing.assert_allclose(images.as_photograph(wide).reshape(32, 32, 3)[..., 0], 1)


def test_an_image_becomes_an_example_of_its_data_set() -> None:
    digits = datasets.load(DataConfig(source="digits", examples=200))
    assert images.as_example(stroke(), digits).shape == (64,)
    with pytest.raises(UserError, match="sheet is empty"):
        images.as_example(np.ones((50, 50, 3)), digits)
