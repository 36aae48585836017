"""The WaveNet page."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.conftest import charts, until, visit


def tree(app: AppTest) -> dict:
    (found,) = (chart for chart in charts(app) if chart["alt"].startswith("Tree"))
    return found


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "mlp/wavenet")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="wave_hidden").set_value(10)
    app.number_input(key="wave_steps").set_value(30)
    return app.run()


def test_the_tree_has_a_level_for_each_fusion(page: AppTest) -> None:
    assert len(tree(page)["layout"]["yaxis"]["tickvals"]) == 4
    page.selectbox(key="wave_context").select(16).run()
    assert len(tree(page)["layout"]["yaxis"]["tickvals"]) == 5
    page.text_input(key="wave.text").set_value("<i>").run()
    assert not page.exception
    assert "<" in page.error[0].value


def test_it_trains_and_rests_like_any_run(page: AppTest, engine: Engine) -> None:
    page.button(key="wave.go").click().run()
    until(lambda: engine.view(page.session_state["wave.run"]).status == Status.FINISHED)
    page.run()
    assert not page.exception
    assert engine.view(page.session_state["wave.run"]).config.model.family == "wavenet"
    page.number_input(key="wave_steps").set_value(60).run()
    page.button(key="wave.go").click().run()
    until(lambda: engine.view(page.session_state["wave.run"]).step == 60)
    visit(page, "inside/activations")
    assert page.session_state["act.run"] == page.session_state["wave.run"]


def test_the_race_is_between_models_of_equal_size(page: AppTest, engine: Engine) -> None:
    page.button(key="wave.race_go").click().run()
    ids = page.session_state["wave.race"].split(".")
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    sizes = [engine.view(run_id).parameters for run_id in ids]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
    page.run()
    assert "hierarchy" in page.success[0].value
