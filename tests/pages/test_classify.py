"""The pages Linear classifier and Image classifier."""

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.training.classifiers import ClassifierRunConfig
from pages.classifiers.images import draw
from tests.pages.conftest import ROOT, charts, until, visit

CSV = b"size,name,kind\n" + b"".join(b"%d,n%d,%s\n" % (i, i, b"small" if i < 20 else b"large") for i in range(40))


@pytest.fixture
def linear(app: AppTest) -> AppTest:
    visit(app, "classifiers/linear")
    app.number_input(key="linear_steps").set_value(300)
    return app.run()


@pytest.fixture
def images(app: AppTest) -> AppTest:
    visit(app, "classifiers/images")
    app.number_input(key="images_steps").set_value(600)
    app.number_input(key="images_learning_rate").set_value(0.3)
    return app.run()


def finish(page: AppTest, engine: Engine, name: str) -> AppTest:
    page.button(key=f"{name}.go").click().run()
    until(lambda: engine.view(page.session_state[f"{name}.run"]).status == Status.FINISHED)
    page.run()
    assert not page.exception
    return page


def opened(page: AppTest, name: str, tab: str) -> AppTest:
    page.session_state[f"{name}_tab"] = tab
    page.run()
    assert not page.exception
    return page


def alts(page: AppTest) -> list[str]:
    return [chart["alt"] for chart in charts(page)]


def test_regions_are_shown_before_the_first_click_and_follow_the_training(linear: AppTest, engine: Engine) -> None:
    before = charts(linear)[0]
    assert before["alt"].startswith("Regions of the classes")
    after = charts(finish(linear, engine, "linear"))[0]
    assert before["data"][0]["z"] != after["data"][0]["z"]
    linear.select_slider(key="linear.at").set_value(0).run()
    assert charts(linear)[0]["data"][0]["z"] == before["data"][0]["z"]  # the slider goes back to the start


def test_three_features_are_shown_in_space_and_more_as_components(linear: AppTest) -> None:
    linear.number_input(key="linear_data_features").set_value(3).run()
    chart = charts(linear)[0]
    assert {trace["type"] for trace in chart["data"]} == {"surface", "scatter3d"}
    linear.number_input(key="linear_data_features").set_value(6).run()
    assert "principal component" in charts(linear)[0]["layout"]["xaxis"]["title"]["text"]
    assert not linear.exception


def test_what_the_data_do_not_allow_is_told_in_words(linear: AppTest) -> None:
    linear.number_input(key="linear_data_classes").set_value(6).run()
    assert "room for 4 classes, not 6" in linear.error[0].value
    linear.number_input(key="linear_data_classes").set_value(3).run()
    linear.selectbox(key="linear_family").select("logistic-regression").run()
    assert "two classes apart, and here are 3" in linear.error[0].value
    linear.selectbox(key="linear_data_source").select("moons").run()
    assert not linear.error
    assert not linear.exception


def test_points_are_given_by_hand(linear: AppTest, engine: Engine) -> None:
    linear.selectbox(key="linear_data_source").select("points").run()
    assert "Add points" in linear.info[0].value
    assert alts(linear)[0].startswith("An empty sheet")
    linear.session_state["linear_data_points"] = ((0.0, 0.0, 0), (1.0, 1.0, 1), (2.0, 2.0, 1))
    linear.run()
    assert alts(linear)[0].startswith("Regions")
    finish(linear, engine, "linear")
    config = engine.view(linear.session_state["linear.run"]).config
    assert isinstance(config, ClassifierRunConfig)
    assert len(config.data.points) == 3


def test_a_table_is_uploaded_and_its_oddities_are_told(linear: AppTest, engine: Engine) -> None:
    linear.file_uploader(key="linear.upload").upload("my things.csv", CSV, "text/csv").run()
    assert linear.selectbox(key="linear_data_source").value.startswith("text:")
    assert linear.selectbox(key="linear_data_label").value == "kind"
    assert not linear.exception


def test_what_is_no_table_is_refused_in_words(linear: AppTest) -> None:
    linear.file_uploader(key="linear.upload").upload("noise.csv", bytes(range(256)) * 9, "text/csv").run()
    assert linear.error
    assert not linear.exception


@pytest.mark.parametrize("tab", ["Right and wrong", "The formula", "Three descents", "Loss surface"])
def test_every_tab_of_the_linear_page_shows_a_picture(linear: AppTest, tab: str) -> None:
    assert charts(opened(linear, "linear", tab))


def test_right_and_wrong_class_by_class(linear: AppTest, engine: Engine) -> None:
    finish(opened(linear, "linear", "Right and wrong"), engine, "linear")
    table = linear.dataframe[0].value
    assert list(table.columns) == ["class", "examples", "precision", "recall"]
    assert table["examples"].sum() == 40
    assert "Confusion matrix" in alts(linear)[0]


def test_the_formula_tells_the_shapes(linear: AppTest) -> None:
    chart = charts(opened(linear, "linear", "The formula"))[0]
    titles = [note["text"] for note in chart["layout"]["annotations"]]
    assert titles[:3] == ["X augmented (160 × 3)", "theta augmented (3 × 3)", "scores (160 × 3)"]
    assert len(linear.latex) == 6


def test_three_descents_race_against_passes_and_time(linear: AppTest, engine: Engine) -> None:
    opened(linear, "linear", "Three descents")
    linear.number_input(key="linear_passes").set_value(5).run()
    linear.button(key="linear.race_go").click().run()
    ids = linear.session_state["linear.race"].split(".")
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    linear.run()
    assert [engine.view(run_id).step for run_id in ids] == [5, 25, 800]
    by_pass, by_second = charts(linear)
    assert "passes" in by_pass["layout"]["xaxis"]["title"]["text"]
    assert "seconds" in by_second["layout"]["xaxis"]["title"]["text"]
    starts = {engine.view(run_id).snapshots[0].train for run_id in ids}
    assert len(starts) == 1
    assert "batch" in linear.success[0].value


def test_a_run_in_the_address_brings_its_settings_and_only_to_its_pages(
    linear: AppTest, engine: Engine, app: AppTest
) -> None:
    finish(linear, engine, "linear")
    run_id = linear.session_state["linear.run"]
    other = AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)
    other.query_params["run"] = run_id
    visit(other, "classifiers/linear")
    assert other.number_input(key="linear_steps").value == 300
    assert other.number_input(key="linear_data_seed").value == 7
    stranger = AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)
    stranger.query_params["run"] = run_id
    visit(stranger, "mlp/mlp")
    assert "belongs to another page" in stranger.warning[0].value


def test_a_rate_changes_in_mid_run_and_is_noted_on_the_curve(linear: AppTest, engine: Engine) -> None:
    linear.button(key="linear.step").click().run()
    until(lambda: engine.view(linear.session_state["linear.run"]).status == Status.PAUSED)
    linear.run()
    linear.number_input(key="linear_learning_rate").set_value(0.1).run()
    finish(linear, engine, "linear")
    notes = [note["text"] for note in charts(linear)[1]["layout"]["annotations"]]
    assert "learning rate 0.1" in notes


# ---------------------------------------------------------------- pictures


def test_examples_then_weights_are_shown(images: AppTest, engine: Engine) -> None:
    assert "Some examples" in alts(images)[0]
    finish(images, engine, "images")
    assert "30 rows of weights" in alts(images)[0]
    assert "Test loss" in alts(images)[1]


@pytest.mark.parametrize("family", ["mlp-classifier", "softmax-regression"])
@pytest.mark.parametrize("tab", ["Examples", "Right and wrong", "Hidden units"])
def test_every_tab_of_the_images_page_shows_a_picture(images: AppTest, tab: str, family: str) -> None:
    images.selectbox(key="images_family").select(family).run()
    assert charts(opened(images, "images", tab))


def test_the_worst_mistakes_are_shown_with_their_pictures(images: AppTest, engine: Engine) -> None:
    finish(opened(images, "images", "Right and wrong"), engine, "images")
    worst = charts(images)[1]
    assert "worst mistakes" in worst["alt"]
    assert ":" in worst["layout"]["annotations"][0]["text"]


def test_a_drawn_digit_is_prepared_and_predicted(
    images: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(images, engine, "images")
    ink = np.zeros((draw.SIDE, draw.SIDE))
    ink[8:48, 26:32] = 1
    monkeypatch.setattr("pages.classifiers.images.parts.draw", lambda key: ink)
    opened(images, "images", "Draw or upload")
    said = next(text.value for text in images.text if "Prediction" in text.value)
    assert said.startswith("Prediction: 1 (")
    assert "after preprocessing" in alts(images)[0]


def test_what_is_no_picture_is_refused_in_words(images: AppTest) -> None:
    opened(images, "images", "Draw or upload")
    images.file_uploader(key="images.file").upload("x.png", b"no picture", "image/png").run()
    assert "not a picture" in images.error[0].value
    assert not images.exception


def test_cifar_is_offered_for_download(images: AppTest) -> None:
    images.selectbox(key="images_data_source").select("cifar-10").run()
    assert "170 MB" in images.info[0].value
    assert images.button(key="images.download")
    assert not images.exception


@pytest.mark.parametrize("given", [None, 5, "", "x" * 10, "é" * draw.SIDE**2])
def test_a_sheet_that_sends_nonsense_counts_as_empty(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "_component", lambda **_: type("Result", (), {"ink": given}))
    ink = draw.draw("k")
    assert ink is None or ((ink >= 0) & (ink <= 1)).all()
