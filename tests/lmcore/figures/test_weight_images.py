import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.weight_images import WeightImages


@pytest.mark.parametrize(("channels", "kind"), [(1, "heatmap"), (3, "image")])
def test_weights_are_drawn_as_images_with_their_names(channels: int, kind: str) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, channels))
    figure = figures.weight_images(WeightImages(images, ("a", "<b>", "c")))
    assert figure.data[0].type == kind
    assert [note.text for note in figure.layout.annotations] == ["a", "&lt;b&gt;", "c"]
