"""The RNN page."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.conftest import charts, until, visit


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "rnn/numpy_rnn")
    app.selectbox(key="text").select("python-reference")
    app.number_input(key="rnn_hidden").set_value(20)
    app.number_input(key="rnn_steps").set_value(200)
    return app.run()


def finish(page: AppTest, engine: Engine) -> None:
    page.button(key="rnn.go").click().run()
    until(lambda: engine.view(page.session_state["rnn.run"]).status == Status.FINISHED)
    page.run()


def test_it_trains_and_tells_smoothed_loss_perplexity_and_bits(page: AppTest, engine: Engine) -> None:
    finish(page, engine)
    assert not page.exception
    said = next(text.value for text in page.text if "Smoothed" in text.value)
    assert "25 characters" in said
    assert "perplexity" in said
    assert engine.view(page.session_state["rnn.run"]).step == 200


def test_a_passage_and_its_rivals(page: AppTest, engine: Engine) -> None:
    page.session_state["rnn_tab"] = "A passage"
    finish(page, engine)
    before = charts(page)
    assert [chart["alt"][:6] for chart in before] == ["A text", "What c"]
    page.slider(key="rnn.temperature").set_value(0.0).run()
    assert "100.0%" in next(text.value for text in page.text if "was drawn" in text.value)
    page.text_input(key="rnn.prompt").set_value("€").run()
    assert "€" in page.error[0].value
    assert not page.exception


def test_hidden_units_are_shown_on_any_known_text(page: AppTest, engine: Engine) -> None:
    page.session_state["rnn_tab"] = "Hidden units"
    finish(page, engine)
    assert {"a vowel", "a space or line's end"} <= set(page.dataframe[0].value["feature"])
    assert len(page.dataframe[1].value) == 6
    page.text_area[0].set_value("for x in range(3):\n    pass\n").run()
    assert len(charts(page)[0]["data"][1]["text"]) == 28
    page.text_area[0].set_value("").run()
    assert "Type or paste" in page.error[0].value


def test_a_step_is_unrolled_and_gradients_fade_by_the_radius(page: AppTest) -> None:
    page.session_state["rnn_tab"] = "Slow motion"
    page.run()
    assert not page.exception
    assert len(charts(page)) == 13
    fading = charts(page)[-1]["data"][0]["y"]
    page.toggle(key="rnn.rescale").set_value(True).run()
    page.slider(key="rnn.radius").set_value(1.5).run()
    assert charts(page)[-1]["data"][0]["y"] != fading
    page.text_input[0].set_value("a").run()
    assert "two characters" in page.error[0].value


def test_the_gradient_check_ticks_every_parameter(page: AppTest) -> None:
    page.session_state["rnn_tab"] = "Gradient check"
    page.run()
    assert not page.exception
    assert len(page.success) == 5
    assert not page.error


def test_words_of_interest_are_looked_for(page: AppTest, engine: Engine) -> None:
    page.session_state["rnn_tab"] = "Words"
    finish(page, engine)
    assert not page.exception
    assert page.dataframe[0].value["word"].iloc[0] == "the"
    assert charts(page)[-1]["layout"]["xaxis"]["title"]["text"] == "step"
    page.text_input[0].set_value("lambda <b> lambda").run()
    assert page.dataframe[0].value["word"].tolist() == ["lambda", "<b>"]
