"""The WaveNet page."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.app_testing import charts, finish, plain, visit
from tests.waiting import until


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "mlp/wavenet")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="wave_hidden").set_value(10)
    app.number_input(key="wave_steps").set_value(30)
    return app.run()


def levels_of_tree(page: AppTest) -> list[Any]:
    (tree,) = (chart for chart in charts(page) if chart["alt"].startswith("Tree"))
    return list(tree["layout"]["yaxis"]["tickvals"])


def test_the_tree_has_one_level_per_doubling_of_the_context(page: AppTest) -> None:
    assert len(levels_of_tree(page)) == 4
    page.selectbox(key="wave_context").select(16).run()
    assert len(levels_of_tree(page)) == 5
    page.text_input(key="wave.text").set_value("<i>").run()
    assert not page.exception
    assert "<" in plain(page.error[0].value)


def test_a_finished_run_continues_after_more_steps_are_allowed(page: AppTest, engine: Engine) -> None:
    finish(page, engine, "wave")
    run_id = page.session_state["wave.run"]
    assert engine.view(run_id).config.family == "wavenet"
    page.number_input(key="wave_steps").set_value(60).run()
    page.button(key="wave.go").click().run()
    until(lambda: engine.view(run_id).step == 60)
    visit(page, "inside/activations")
    assert page.session_state["act.run"] == run_id


def test_the_racers_have_about_as_many_parameters(page: AppTest, engine: Engine) -> None:
    page.button(key="wave.race_go").click().run()
    ids = page.session_state["wave.race"].split(".")
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    sizes = [engine.view(run_id).n_parameters for run_id in ids]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
    page.run()
    assert "hierarchical" in plain(page.success[0].value)
