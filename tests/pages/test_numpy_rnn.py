"""The page RNN from scratch."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from tests.pages.app_testing import alts, chart, charts, finish, open_tab, plain, visit


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "rnn/numpy_rnn")
    app.selectbox(key="text").select("python-reference")
    app.number_input(key="rnn_hidden").set_value(20)
    app.number_input(key="rnn_steps").set_value(200)
    return app.run()


@pytest.fixture
def finished(page: AppTest, engine: Engine) -> AppTest:
    return finish(page, engine, "rnn")


def text_starting_with(page: AppTest, start: str) -> str:
    (found,) = (text.value for text in page.text if text.value.startswith(start))
    return found


def test_a_run_reports_smoothed_loss_perplexity_and_bits(finished: AppTest, engine: Engine) -> None:
    statistics = text_starting_with(finished, "Smoothed loss")
    assert "25 characters" in statistics
    assert "Dev perplexity" in statistics
    assert "bits per character" in statistics
    view = engine.view(finished.session_state["rnn.run"])
    assert view.step == 200
    assert view.config.train.clip == "value"


def test_a_passage_is_sampled_and_its_characters_explained(finished: AppTest) -> None:
    open_tab(finished, "rnn", "Passage")
    assert [alt.split()[0] for alt in alts(finished)] == ["A", "Probabilities"]
    finished.slider(key="rnn.temperature").set_value(0.0).run()
    assert "100.0%" in text_starting_with(finished, "Character 1 is")
    finished.text_input(key="rnn.prompt").set_value("€").run()
    assert "€" in plain(finished.error[0].value)
    assert not finished.exception


def test_hidden_units_are_shown_on_any_text_of_known_characters(finished: AppTest) -> None:
    open_tab(finished, "rnn", "Hidden units")
    assert {"vowel", "white space"} <= set(finished.dataframe[0].value["feature"])
    assert len(finished.dataframe[1].value) == 6
    (text,) = (area for area in finished.text_area if area.key.startswith("rnn.text."))
    text.set_value("for x in range(3):\n    pass\n").run()
    assert len(chart(finished, "The text colored")["data"][1]["text"]) == 28
    finished.text_area(key=text.key).set_value("").run()
    assert "Type" in plain(finished.error[0].value)


def test_words_are_counted_in_a_sample(finished: AppTest) -> None:
    open_tab(finished, "rnn", "Words")
    assert finished.dataframe[0].value["word"].iloc[0] == "the"
    assert chart(finished, "Line chart of the share")["layout"]["xaxis"]["title"]["text"].lower().startswith("step")
    (words,) = (field for field in finished.text_input if field.key.startswith("rnn.words."))
    words.set_value("lambda <b> lambda").run()
    assert finished.dataframe[0].value["word"].tolist() == ["lambda", "<b>"]


FADING = "Line chart of the norm of the gradient"


def test_a_step_is_unrolled_and_gradients_depend_on_the_spectral_radius(page: AppTest) -> None:
    open_tab(page, "rnn", "Step by step")
    assert len(charts(page)) == 13
    norms = chart(page, FADING)["data"][0]["y"]
    page.toggle(key="rnn.rescale").set_value(True).run()
    page.slider(key="rnn.radius").set_value(1.5).run()
    assert chart(page, FADING)["data"][0]["y"] != norms
    (text,) = (field for field in page.text_input if field.key.startswith("rnn.unrolled."))
    text.set_value("a").run()
    assert "two characters" in plain(page.error[0].value)


def test_the_gradient_check_passes_for_every_parameter(page: AppTest) -> None:
    open_tab(page, "rnn", "Gradient check")
    assert len(page.success) == 5
    assert not page.error
