"""The Linear page."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.data.corpora import SPLITS
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.training.config import ClassifierRunConfig
from tests.pages.app_testing import ROOT, alts, charts, finish, open_tab, panels, plain, visit
from tests.waiting import until

CSV = b"size,name,kind\n" + b"".join(b"%d,n%d,%s\n" % (i, i, b"small" if i < 20 else b"large") for i in range(40))


@pytest.fixture
def linear(app: AppTest) -> AppTest:
    visit(app, "classifiers/linear")
    app.number_input(key="linear_steps").set_value(300)
    return app.run()


def test_regions_are_shown_before_the_first_click_and_follow_the_training(linear: AppTest, engine: Engine) -> None:
    before = charts(linear)[0]
    assert before["alt"].startswith("Decision regions")
    after = charts(finish(linear, engine, "linear"))[0]
    assert before["data"][0]["z"] != after["data"][0]["z"]
    linear.select_slider(key="linear.at").set_value(0).run()
    assert charts(linear)[0]["data"][0]["z"] == before["data"][0]["z"]  # the slider goes back to the start


def test_three_features_are_shown_in_space_and_more_as_components(linear: AppTest) -> None:
    linear.number_input(key="linear_data_features").set_value(3).run()
    chart = charts(linear)[0]
    assert {trace["type"] for trace in chart["data"]} == {"surface", "scatter3d"}
    linear.number_input(key="linear_data_features").set_value(6).run()
    assert "Principal component" in charts(linear)[0]["layout"]["xaxis"]["title"]["text"]
    assert not linear.exception


def test_impossible_data_are_refused(linear: AppTest) -> None:
    linear.number_input(key="linear_data_classes").set_value(6).run()
    assert "at most 4 classes, not 6" in plain(linear.error[0].value)
    linear.number_input(key="linear_data_classes").set_value(3).run()
    linear.selectbox(key="linear_family").select("logistic-regression").run()
    assert "separates 2 classes, but the data have 3" in plain(linear.error[0].value)
    linear.selectbox(key="linear_data_source").select("moons").run()
    assert not linear.error
    assert not linear.exception


def test_points_are_added_by_hand(linear: AppTest, engine: Engine) -> None:
    linear.selectbox(key="linear_data_source").select("points").run()
    assert "Add points" in plain(linear.info[0].value)
    assert alts(linear)[0].startswith("An empty sheet")
    linear.session_state["linear_data_points"] = ((0.0, 0.0, 0), (1.0, 1.0, 1), (2.0, 2.0, 1))
    linear.run()
    assert alts(linear)[0].startswith("Decision regions")
    finish(linear, engine, "linear")
    config = engine.view(linear.session_state["linear.run"]).config
    assert isinstance(config, ClassifierRunConfig)
    assert len(config.data.points) == 3


def test_points_are_in_the_address_before_a_run_and_after_reset(linear: AppTest, engine: Engine) -> None:
    points = ((0.5, -1.25, 0), (1.0, 1.0, 1), (2.0, 2.0, 1))
    linear.session_state["linear_data_points"] = points
    linear.selectbox(key="linear_data_source").select("points").run()
    written = ["0.5 -1.25 0", "1.0 1.0 1", "2.0 2.0 1"]
    assert linear.query_params["linear_data_points"] == written
    finish(linear, engine, "linear")
    assert list(linear.query_params) == ["run"]
    linear.button(key="linear.reset").click().run()
    assert linear.query_params["linear_data_points"] == written
    linear.button(key="linear.remove_points").click().run()
    assert "linear_data_points" not in linear.query_params


def test_a_link_brings_points_and_names_those_that_are_none(app: AppTest) -> None:
    app.query_params["linear_data_source"] = "points"
    app.query_params["linear_data_points"] = ["0.5 -1.25 0", "1.0 1.0 1", "9e999 1 0", "1 1 9", "<b>", "1.2.3 0 0"]
    visit(app, "classifiers/linear")
    assert app.session_state["linear_data_points"] == ((0.5, -1.25, 0), (1.0, 1.0, 1))
    assert "linear_data_points" in plain(app.warning[0].value)
    assert not app.error


def test_a_table_can_be_uploaded(linear: AppTest, engine: Engine) -> None:
    linear.file_uploader(key="linear.upload").upload("my things.csv", CSV, "text/csv").run()
    assert linear.selectbox(key="linear_data_source").value.startswith("text:")
    assert linear.selectbox(key="linear_data_label").value == "kind"
    assert not linear.exception
    columns = next(frame.value for frame in linear.dataframe if "Column" in frame.value.columns)
    assert columns["What became of it"].tolist() == ["number", "left out: text with 40 different values", "class"]


def test_a_table_is_normalized_and_sampled_as_its_settings_say(linear: AppTest) -> None:
    linear.toggle(key="linear_data_normalize").set_value(True).run()
    linear.toggle(key="linear_data_normalize").set_value(False).run()
    linear.number_input(key="linear_data_examples").set_value(100).run()
    rows = b"".join(b"%d,%d,%s\n" % (i * i % 97, i * 7 % 31, b"ab"[i % 2 : i % 2 + 1]) for i in range(3000))
    linear.file_uploader(key="linear.upload").upload("many.csv", b"a,b,y\n" + rows, "text/csv").run()
    assert linear.toggle(key="linear_data_normalize").value  # whatever was chosen for other data
    assert linear.number_input(key="linear_data_examples").value == 20_000
    linear.number_input(key="linear_data_examples").set_value(2000)
    linear.number_input(key="linear_data_seed").set_value(42).run()
    assert "2,000 of 3,000 rows, drawn with seed 42." in {text.value for text in linear.text}
    assert not any("The picture shows" in caption.value for caption in linear.caption)
    linear.number_input(key="linear_data_examples").set_value(20_000).run()
    assert any("The picture shows at most 2,000 examples" in caption.value for caption in linear.caption)
    assert not linear.exception


def test_names_in_a_table_are_not_read_as_markdown(linear: AppTest) -> None:
    rows = b"".join(b"x%d,%d\n" % (i, i % 2) for i in range(30))
    file = b"![x](https://example.org/x.png),y\n" + rows
    linear.file_uploader(key="linear.upload").upload("markdown.csv", file, "text/csv").run()
    message = linear.error[0].value
    assert "![x](https://example.org/x.png): left out: text" in plain(message)
    assert "![x](" not in message


def test_row_numbers_are_left_out_unless_asked_for(linear: AppTest) -> None:
    rows = b"".join(b"%d,%d,%d,%s\n" % (i, i * i % 97, i * 7 % 31, b"abc"[i // 50 : i // 50 + 1]) for i in range(150))
    linear.file_uploader(key="linear.upload").upload("numbered.csv", b",a,b,y\n" + rows, "text/csv").run()

    def use() -> str:
        return next(frame.value for frame in linear.dataframe if "Column" in frame.value.columns).iloc[0, 1]

    assert use() == "left out: numbers the rows"
    linear.toggle(key="linear_data_row_numbers").set_value(True).run()
    assert use() == "number"


def test_a_file_that_is_no_table_is_refused(linear: AppTest) -> None:
    linear.file_uploader(key="linear.upload").upload("noise.csv", bytes(range(256)) * 9, "text/csv").run()
    assert linear.error
    assert not linear.exception


@pytest.mark.parametrize("tab", ["Confusion matrix", "Formulas", "Batch vs. stochastic", "Loss surface"])
def test_every_tab_of_the_linear_page_shows_a_picture(linear: AppTest, tab: str) -> None:
    assert charts(open_tab(linear, "linear", tab))


def test_the_confusion_matrix_counts_the_dev_split(linear: AppTest, engine: Engine) -> None:
    finish(open_tab(linear, "linear", "Confusion matrix"), engine, "linear")
    table = linear.dataframe[0].value
    assert list(table.columns) == ["class", "examples", "precision", "recall"]
    assert table["examples"].sum() == 20  # a tenth of 200 examples
    assert "Confusion matrix" in alts(linear)[0]


def test_the_test_split_is_shown_only_after_it_was_evaluated_on_request(linear: AppTest, engine: Engine) -> None:
    def splits() -> list[str]:
        open_tab(linear, "linear", "Confusion matrix")
        return list(linear.button_group(key="linear.part").options)

    def drawn() -> set[str]:
        open_tab(linear, "linear", "Training")
        return {word for trace in charts(linear)[0]["data"] for word in trace.get("name", "").split() if word in SPLITS}

    finish(linear, engine, "linear")
    assert splits() == ["train", "dev"]
    assert drawn() == {"train", "dev"}
    linear.session_state["linear.splits"] = True
    linear.run()
    linear.button(key="linear.test").click().run()
    assert any("Evaluations so far: 1" in text.value for text in linear.text)
    assert splits() == ["train", "dev", "test"]
    assert drawn() == set(SPLITS)


def test_without_a_dev_split_the_page_says_what_early_stopping_watches(linear: AppTest) -> None:
    note = "No dev split: early stopping and plateaus watch the training loss."
    assert note not in {caption.value for caption in linear.caption}
    linear.number_input(key="linear_data_dev_share").set_value(0.0).run()
    assert note in {caption.value for caption in linear.caption}
    assert "–" in dict(panels(linear)[0][0]["items"])["Dev loss (nats)"]


def test_the_product_shows_its_shapes(linear: AppTest) -> None:
    chart = charts(open_tab(linear, "linear", "Formulas"))[0]
    titles = [note["text"] for note in chart["layout"]["annotations"]]
    assert titles[:3] == ["X augmented (140 × 3)", "theta augmented (3 × 3)", "scores (140 × 3)"]
    assert len(linear.latex) == 6


def test_three_descents_are_drawn_over_epochs_and_time(linear: AppTest, engine: Engine) -> None:
    open_tab(linear, "linear", "Batch vs. stochastic")
    linear.number_input(key="linear_epochs").set_value(5).run()
    linear.button(key="linear.race_go").click().run()
    ids = linear.session_state["linear.race"].split(".")
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    linear.run()
    assert [engine.view(run_id).step for run_id in ids] == [5, 25, 700]
    by_epoch, by_second = charts(linear)
    assert "Epoch" in by_epoch["layout"]["xaxis"]["title"]["text"]
    assert "seconds" in by_second["layout"]["xaxis"]["title"]["text"]
    starts = {engine.view(run_id).snapshots[0].loss("train") for run_id in ids}
    assert len(starts) == 1
    assert "batch" in plain(linear.success[0].value)


def test_a_link_to_a_run_fills_in_its_settings_on_its_own_page_only(
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
    assert "belongs to the page Linear" in plain(stranger.warning[0].value)


def test_a_new_learning_rate_is_marked_on_the_curve(linear: AppTest, engine: Engine) -> None:
    linear.button(key="linear.step").click().run()
    until(lambda: engine.view(linear.session_state["linear.run"]).status == Status.PAUSED)
    linear.run()
    linear.number_input(key="linear_learning_rate").set_value(0.1).run()
    finish(linear, engine, "linear")
    notes = [note["text"] for note in charts(linear)[1]["layout"]["annotations"]]
    assert "learning rate 0.1" in notes
