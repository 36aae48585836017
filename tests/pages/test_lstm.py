"""The page of gated networks."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.conftest import charts, until, visit


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "rnn/gru_lstm")
    app.number_input(key="lstm_hidden").set_value(12)
    app.number_input(key="lstm_sequence").set_value(10)
    app.number_input(key="lstm_steps").set_value(60)
    return app.run()


def finish(page: AppTest, engine: Engine) -> None:
    page.button(key="lstm.go").click().run()
    until(lambda: engine.view(page.session_state["lstm.run"]).status == Status.FINISHED)
    page.run()


def test_it_trains_with_adam_and_can_be_looked_into(page: AppTest, engine: Engine) -> None:
    finish(page, engine)
    assert not page.exception
    view = engine.view(page.session_state["lstm.run"])
    assert (view.config.model.cell, view.config.train.optimizer, view.step) == ("lstm", "adam", 60)
    assert "bits per character" in " ".join(text.value for text in page.text)


def test_the_tabs_follow_the_slider(page: AppTest, engine: Engine) -> None:
    page.session_state["lstm_tab"] = "A passage"
    finish(page, engine)
    newest = charts(page)[0]["data"][1]["text"]
    page.select_slider(key="lstm.at").set_value(0).run()
    assert "after step 0" in charts(page)[0]["alt"]
    assert charts(page)[0]["data"][1]["text"] != newest
    page.slider(key="lstm.top_p").set_value(0.5).run()
    assert not page.exception
    page.session_state["lstm_tab"] = "Hidden units"
    page.run()
    assert page.select_slider(key="lstm.at").value == 0
    assert not page.exception


def test_cells_race_with_equally_many_parameters_by_steps_and_by_time(page: AppTest, engine: Engine) -> None:
    page.session_state["lstm_tab"] = "The race"
    page.number_input(key="lstm_hidden").set_value(16)
    page.run()
    page.button(key="lstm.race_go").click().run()
    ids = page.session_state["lstm.race"].split(".")
    assert [engine.view(run_id).config.model.cell for run_id in ids] == ["rnn", "gru", "lstm"]
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    page.run()
    assert "LSTM with 16 units" in page.success[0].value
    assert charts(page)[0]["layout"]["xaxis"]["title"]["text"] == "step"
    page.toggle(key="lstm.race_time").set_value(True).run()
    assert charts(page)[0]["layout"]["xaxis"]["title"]["text"] == "seconds of training"
    page.segmented_control(key="lstm.race_same").set_value("time").run()
    assert not page.exception
    assert "stays constant" in next(text.value for text in page.text if "Parameters" in text.value)
