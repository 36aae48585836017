""" "Show the code": on a page that trains, the code is the script that the export writes."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs.engine import Engine
from lmcore.runs.export import export_run
from tests.pages.app_testing import finish, visit
from ui.navigation import ALL, Page

TRAINING = [page for page in ALL if page.prefix and page.families]


def open_code(app: AppTest) -> list[str]:
    """Unfolds the code, and returns its pieces."""
    app.session_state["show_code"] = True
    app.run()
    assert not app.exception
    return [code.value for code in app.main.expander[-1].code]


@pytest.mark.parametrize("page", TRAINING, ids=lambda page: page.folder)
def test_a_page_that_trains_shows_its_script_first(app: AppTest, page: Page) -> None:
    written = open_code(visit(app, page.folder))[0]
    assert written.startswith("# %% [markdown]")
    assert written.splitlines()[1].startswith(tuple(f"# # {family}, " for family in page.families))


def test_the_code_of_a_run_is_its_exported_script(app: AppTest, engine: Engine) -> None:
    visit(app, "classifiers/linear")
    app.number_input(key="linear_steps").set_value(40).run()
    finish(app, engine, "linear")
    run_id = app.session_state["linear.run"]
    app.number_input(key="linear_steps").set_value(70).run()
    app.number_input(key="linear_learning_rate").set_value(0.02).run()
    finish(app, engine, "linear")
    written = open_code(app)[0]
    assert "changes = {" in written
    assert written == export_run(engine.copy(run_id), ".py").decode().rstrip()
