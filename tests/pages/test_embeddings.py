"""The Embeddings page."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.families import run_config_from_settings
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.app_testing import charts, finish, plain, trace_names, visit
from tests.waiting import until


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "mlp/embeddings")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="emb_steps").set_value(200)
    return app.run()


def embedding_map(page: AppTest) -> dict[str, Any]:
    (found,) = (chart for chart in charts(page) if chart["alt"].startswith("Scatter"))
    return found


def test_one_slider_moves_the_map_the_neighbors_and_the_similarities(page: AppTest, engine: Engine) -> None:
    assert trace_names(embedding_map(page)) == ["vowel", "consonant", "other"]
    untrained = embedding_map(page)
    finish(page, engine, "emb")
    last = embedding_map(page)
    neighbors = page.dataframe[0].value
    page.select_slider(key="emb.at").set_value(0).run()
    first = embedding_map(page)
    assert first["data"][0]["x"] == untrained["data"][0]["x"] != last["data"][0]["x"]
    assert first["layout"]["xaxis"]["range"] == last["layout"]["xaxis"]["range"]
    assert not page.dataframe[0].value.equals(neighbors)


def test_the_projection_can_be_chosen(page: AppTest) -> None:
    for method in ("t-SNE", "PCA"):
        page.segmented_control(key="emb.method").set_value(method).run()
        assert not page.exception
        assert not page.info
    page.segmented_control(key="emb.dimensions").set_value(3).run()
    assert "cannot be drawn in 3" in plain(page.error[0].value)


def test_embeddings_that_are_all_equal_are_a_sentence(app: AppTest, engine: Engine) -> None:
    model = {"embedding_scheme": "zeros"}
    run_id = engine.start(run_config_from_settings({"locales": ("de_DE",), **model}), step_once=True)
    until(lambda: engine.view(run_id).status == Status.PAUSED)
    app.query_params = {"run": run_id}
    visit(app, "mlp/embeddings")
    app.segmented_control(key="emb.method").set_value("t-SNE")
    app.select_slider(key="emb.at").set_value(0).run()
    assert [plain(message.value) for message in app.error] == [
        "All characters lie on one point, so there is nothing to draw. Train the model first."
    ]


def test_the_page_first_shows_the_run_of_the_mlp_page(app: AppTest, engine: Engine) -> None:
    visit(app, "mlp/mlp")
    app.multiselect(key="locales").set_value(["de_DE"]).run()
    app.button(key="mlp.step").click().run()
    run_id = app.session_state["mlp.run"]
    until(lambda: not engine.view(run_id).status.is_active)
    visit(app, "mlp/embeddings")
    assert app.session_state["emb.run"] == run_id
    assert app.number_input(key="emb_embedding").value == 10
    for _ in range(2):  # after a reset, the page starts runs of its own
        app.button(key="emb.reset").click().run()
        assert app.button(key="emb.go").label == "Start"
        app.button(key="emb.step").click().run()
        assert app.session_state["emb.run"] != run_id
