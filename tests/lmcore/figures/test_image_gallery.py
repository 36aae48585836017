import numpy as np

from lmcore import figures
from lmcore.inspection.image_gallery import ImageGallery

GRAY = np.linspace(0, 1, 3 * 64).reshape(3, 8, 8, 1)


def test_each_image_has_a_caption_with_class_and_prediction() -> None:
    record = ImageGallery(GRAY, ("3", "5", "<b>"), ("8", "6", "x"), np.array([0.9, 0.55, 1.0]))
    figure = figures.image_gallery(record, n_columns=2)
    assert [note.text for note in figure.layout.annotations] == ["3: 8 90%", "5: 6 55%", "&lt;b&gt;: x 100%"]
    assert figure.data[0].type == "heatmap"
    assert np.array_equal(figure.data[0].z[:8, :8], GRAY[0, ..., 0].astype(np.float32))


def test_without_a_classifier_the_caption_is_the_class() -> None:
    figure = figures.image_gallery(ImageGallery(GRAY, ("a", "b", "c")))
    assert [note.text for note in figure.layout.annotations] == ["a", "b", "c"]


def test_without_images_there_is_a_message() -> None:
    figure = figures.image_gallery(ImageGallery(np.zeros((0, 8, 8, 1)), ()))
    assert "no misclassified images" in figure.layout.annotations[0].text


def test_a_color_image_is_drawn_in_color() -> None:
    figure = figures.single_image(np.random.default_rng(0).uniform(size=(32, 32, 3)))
    assert figure.data[0].type == "image"
