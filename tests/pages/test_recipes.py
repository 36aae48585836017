"""The Recipes page, and export and import on it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.recipes.published import RECIPES
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from lmcore.runs.export import EXPORTERS
from lmcore.runs.run import Status
from lmcore.runs.store import Store
from pages.lab import shared
from tests.pages.app_testing import charts, visit
from tests.waiting import until


@pytest.fixture
def workers() -> Iterator[Workers]:
    """A thread, which reads the texts of the test; the processes of other tests keep the folder they began with."""
    with ThreadPoolExecutor(1) as pool:
        yield Workers(pool, 1)


def numbers(app: AppTest) -> dict[str, str]:
    """Mark by published number."""
    table = app.dataframe[0].value
    return dict(zip(table["number"], table[""], strict=True))


def choose(app: AppTest, name: str) -> AppTest:
    app.selectbox(key="recipe").select(name).run()
    assert not app.exception
    return app


def test_without_the_names_it_offers_them_and_shows_what_is_to_come(app: AppTest) -> None:
    visit(app, "lab/recipes")
    assert app.button(key="download").label == "Download"
    assert set(numbers(app).values()) == {"… pending"}
    assert len(charts(app)) == 1


@pytest.mark.usefixtures("names_here")
def test_what_shows_at_once_is_ticked_before_the_first_click(app: AppTest) -> None:
    visit(app, "lab/recipes")
    assert numbers(app) == {
        "parameters": "✓ reproduced",
        "first loss": "✓ reproduced",
        "initial saturation": "✓ reproduced",
        "final train loss": "… pending",
        "final dev loss": "… pending",
    }
    curve, board = charts(app)
    assert "3 of 5 published numbers reproduced" in board["alt"]
    assert "Press Start" in curve["layout"]["annotations"][0]["text"]


@pytest.mark.usefixtures("names_here")
def test_a_recipe_runs_to_its_published_numbers(app: AppTest, engine: Engine) -> None:
    choose(visit(app, "lab/recipes"), "deep-batchnorm")
    app.button(key="recipes.go").click().run()
    run_id = app.session_state["recipes.run"]
    until(lambda: engine.view(run_id).status == Status.FINISHED)
    app.run()
    assert not app.exception
    assert set(numbers(app).values()) == {"✓ reproduced"}
    assert len(numbers(app)) == 9
    choose(app, "counting")
    assert set(numbers(app).values()) == {"✓ reproduced"}
    assert "recipes.go" not in {button.key for button in app.button}
    choose(app, "deep-batchnorm")  # its run is still there
    assert app.session_state["recipes.run"] == run_id
    assert set(numbers(app).values()) == {"✓ reproduced"}


@pytest.mark.usefixtures("names_here")
@pytest.mark.parametrize("name", [name for name in RECIPES if name != "char-rnn"])
def test_every_recipe_opens(app: AppTest, name: str) -> None:
    app.query_params["recipe"] = name
    visit(app, "lab/recipes")
    assert app.selectbox(key="recipe").value == name
    assert app.query_params["recipe"] == name
    assert len(numbers(app)) == len(RECIPES[name].numbers)


@pytest.mark.usefixtures("names_here")
def test_a_link_to_a_run_opens_its_recipe(app: AppTest, engine: Engine) -> None:
    run_id = engine.start(RECIPES["wavenet"].config, step_once=True)
    until(lambda: engine.view(run_id).status == Status.PAUSED)
    app.query_params["run"] = run_id
    visit(app, "lab/recipes")
    assert app.selectbox(key="recipe").value == "wavenet"
    other = engine.start(RECIPES["wavenet"].config.updated(train={"steps": 1, "seed": 3}))
    app.query_params["run"] = other
    app.run()
    assert "belongs to the page WaveNet" in app.warning[0].value


def test_an_unknown_recipe_in_the_address_is_the_default(app: AppTest) -> None:
    app.query_params["recipe"] = "<b>cake</b>"
    visit(app, "lab/recipes")
    assert app.selectbox(key="recipe").value == "mlp-kaiming"


# ---------------------------------------------------------------- export and import


@pytest.mark.usefixtures("names_here")
def test_a_run_can_be_exported_and_imported(app: AppTest, engine: Engine) -> None:
    choose(visit(app, "lab/recipes"), "deep-batchnorm")
    app.button(key="recipes.step").click().run()
    run_id = app.session_state["recipes.run"]
    until(lambda: engine.view(run_id).status == Status.PAUSED)
    app.run()
    assert len(app.get("download_button")) == len(shared.EXPORTS)
    contents = {suffix: shared.export(run_id, suffix) for suffix in shared.EXPORTS}
    assert b"STEPS = 1\n" in contents[".py"]
    assert json.loads(contents[".ipynb"])["nbformat"] == 4
    assert contents[".csv"].startswith(b"step,")
    app.get("file_uploader")[0].upload("run.zip", contents[".zip"], "application/zip").run()
    assert not app.exception
    assert "imported" in app.success[0].value
    headers = engine.headers()
    assert len(headers) == 2
    app.run()  # it is imported only once
    assert len(engine.headers()) == 2
    (again,) = (header for header in headers if header.id != run_id)
    assert engine.view(again.id).step == 1


@pytest.mark.usefixtures("names_here")
def test_a_file_that_is_no_run_is_refused_in_plain_text(app: AppTest) -> None:
    visit(app, "lab/recipes")
    app.get("file_uploader")[0].upload("run.zip", b"PK nothing", "application/zip").run()
    assert not app.exception
    assert app.error[0].value == "The run was not imported."
    assert any("cannot be imported" in text.value for text in app.text)
    assert Store().headers() == []


def test_every_export_format_has_a_button() -> None:
    assert shared.EXPORTS.keys() == EXPORTERS.keys()
