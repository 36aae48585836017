import numpy as np
import pytest

from lmcore.training.clipping import Clip, clip_gradient


@pytest.mark.parametrize(
    ("clip", "threshold", "expected"),
    [
        ("value", 5.0, [3.0, -5.0, 5.0, 0.0]),
        ("value", 7.0, [3.0, -6.0, 6.0, 0.0]),
        ("norm", 4.5, [1.5, -3.0, 3.0, 0.0]),
        ("norm", 9.5, [3.0, -6.0, 6.0, 0.0]),
        ("none", 1.0, [3.0, -6.0, 6.0, 0.0]),
    ],
)
def test_a_gradient_of_norm_9_is_clipped_in_place(clip: Clip, threshold: float, expected: list[float]) -> None:
    gradient = np.array([3.0, -6.0, 6.0, 0.0])
    assert clip_gradient(gradient, clip, threshold) == (expected != [3.0, -6.0, 6.0, 0.0])
    assert gradient == pytest.approx(expected)
