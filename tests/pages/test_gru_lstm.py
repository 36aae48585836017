"""The page GRU & LSTM."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.app_testing import charts, finish, open_tab, plain, visit
from tests.waiting import until


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "rnn/gru_lstm")
    app.number_input(key="lstm_hidden").set_value(12)
    app.number_input(key="lstm_sequence").set_value(10)
    app.number_input(key="lstm_steps").set_value(60)
    return app.run()


def test_an_lstm_is_trained_with_adam(page: AppTest, engine: Engine) -> None:
    finish(page, engine, "lstm")
    view = engine.view(page.session_state["lstm.run"])
    assert (view.config.model.cell, view.config.train.optimizer, view.step) == ("lstm", "adam", 60)
    assert any("bits per character" in text.value for text in page.text)


def test_all_tabs_show_the_snapshot_that_the_slider_chooses(page: AppTest, engine: Engine) -> None:
    finish(page, engine, "lstm")
    open_tab(page, "lstm", "Passage")
    newest = charts(page)[0]["data"][1]["text"]
    page.select_slider(key="lstm.at").set_value(0).run()
    assert "after step 0" in charts(page)[0]["alt"]
    assert charts(page)[0]["data"][1]["text"] != newest
    page.slider(key="lstm.top_p").set_value(0.5).run()
    assert not page.exception
    open_tab(page, "lstm", "Hidden units")
    assert page.select_slider(key="lstm.at").value == 0


def test_cells_race_with_the_same_number_of_parameters(page: AppTest, engine: Engine) -> None:
    page.number_input(key="lstm_hidden").set_value(16)
    open_tab(page, "lstm", "Race")
    page.button(key="lstm.race_go").click().run()
    ids = page.session_state["lstm.race"].split(".")
    assert [engine.view(run_id).config.model.cell for run_id in ids] == ["rnn", "gru", "lstm"]
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    sizes = [engine.view(run_id).n_parameters for run_id in ids]
    assert max(sizes) < 1.1 * min(sizes)
    page.run()
    assert "LSTM with 16 units" in plain(page.success[0].value)
    assert charts(page)[0]["layout"]["xaxis"]["title"]["text"].lower().startswith("step")


def test_cells_can_race_for_the_same_time(page: AppTest, engine: Engine) -> None:
    open_tab(page, "lstm", "Race")
    assert page.number_input(key="lstm.race_minutes").disabled
    page.segmented_control(key="lstm.race_same").set_value("time").run()
    assert any("stays constant" in text.value for text in page.text)
    page.number_input(key="lstm.race_minutes").set_value(0.1).run()
    page.button(key="lstm.race_go").click().run()
    run_ids = page.session_state["lstm.race"].split(".")
    assert {engine.view(run_id).config.train.minutes for run_id in run_ids} == {0.1}
    page.button(key="lstm.race_stop").click().run()
    assert not page.exception
