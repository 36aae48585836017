"""The Images page."""

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from pages.classifiers.images import draw
from tests.pages.app_testing import alts, charts, finish, open_tab, plain, visit


@pytest.fixture
def images(app: AppTest) -> AppTest:
    visit(app, "classifiers/images")
    app.number_input(key="images_steps").set_value(600)
    app.number_input(key="images_learning_rate").set_value(0.3)
    return app.run()


def test_examples_then_weights_are_shown(images: AppTest, engine: Engine) -> None:
    assert "Some examples" in alts(images)[0]
    finish(images, engine, "images")
    assert "30 weight vectors" in alts(images)[0]
    assert "Loss and accuracy" in alts(images)[1]


@pytest.mark.parametrize("family", ["mlp-classifier", "softmax-regression"])
@pytest.mark.parametrize("tab", ["Examples", "Confusion matrix", "Hidden units"])
def test_every_tab_of_the_images_page_shows_a_picture(images: AppTest, tab: str, family: str) -> None:
    images.selectbox(key="images_family").select(family).run()
    assert charts(open_tab(images, "images", tab))


def test_the_worst_mistakes_are_shown_with_their_pictures(images: AppTest, engine: Engine) -> None:
    finish(open_tab(images, "images", "Confusion matrix"), engine, "images")
    worst = charts(images)[1]
    assert "most confident mistakes" in worst["alt"]
    assert ":" in worst["layout"]["annotations"][0]["text"]


def test_a_drawn_digit_is_prepared_and_predicted(
    images: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(images, engine, "images")
    ink = np.zeros((draw.SIDE, draw.SIDE))
    ink[8:48, 26:32] = 1
    monkeypatch.setattr("pages.classifiers.images.own_image.draw", lambda key: ink)
    open_tab(images, "images", "Draw or upload")
    prediction = next(text.value for text in images.text if "Prediction" in text.value)
    assert prediction.startswith("Prediction: 1 (")
    assert "after preprocessing" in alts(images)[0]


def test_a_file_that_is_no_image_is_refused(images: AppTest) -> None:
    open_tab(images, "images", "Draw or upload")
    images.file_uploader(key="images.file").upload("x.png", b"no picture", "image/png").run()
    assert "not an image" in plain(images.error[0].value)
    assert not images.exception


def test_cifar_is_offered_for_download(images: AppTest) -> None:
    images.selectbox(key="images_data_source").select("cifar-10").run()
    assert "170 MB" in plain(images.info[0].value)
    assert images.button(key="images.download")
    assert not images.exception


@pytest.mark.parametrize("given", [None, 5, "", "x" * 10, "é" * draw.SIDE**2])
def test_a_canvas_that_sends_nonsense_counts_as_empty(given: Any) -> None:
    ink = draw.decode(given)
    assert ink is None or ((ink >= 0) & (ink <= 1)).all()
