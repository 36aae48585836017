"""Every page opens, and is in the menu."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import NoReturn

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.errors import UserError
from lmcore.runs.engine import Engine
from tests.pages.app_testing import ROOT, plain, visit
from ui import gate, server
from ui.navigation import HOME, SECTIONS, Page

PAGES = [page for pages in SECTIONS.values() for page in pages]


def test_every_page_folder_is_in_the_menu() -> None:
    folders = {path.parent.relative_to(ROOT / "pages").as_posix() for path in (ROOT / "pages").rglob("page.py")}
    assert {page.folder for page in [HOME, *PAGES]} == folders


def test_the_pages_folder_has_no_script_of_its_own() -> None:
    assert [path.name for path in (ROOT / "pages").glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.folder)
def test_a_page_opens_with_its_menu_name_a_sentence_and_its_code(app: AppTest, page: Page) -> None:
    visit(app, page.folder)
    assert [title.value for title in app.title] == [page.title]
    assert app.markdown[0].value.strip().endswith((".", "?"))
    assert not app.error
    assert app.main.expander[-1].label == "Show the code"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.folder)
def test_a_computation_that_fails_is_a_sentence_on_the_page(
    app: AppTest, page: Page, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> NoReturn:
        raise UserError("The computation crashed.")

    monkeypatch.setattr(engine.computations, "compute", fail)
    app.query_params = {"locales": "is_IS", "alphabet": "any"}  # nothing of it is in a cache yet
    visit(app, page.folder)
    assert [title.value for title in app.title] == [page.title]
    assert {plain(message.value) for message in app.error} <= {"The computation crashed."}


def libraries_after_all_pages() -> set[str]:
    """Top-level packages that a server has imported when every page has been opened."""
    gate.cookie = lambda: ""  # AppTest has no browser that could send one
    for page in [HOME, *PAGES]:
        visit(AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60), page.folder)
    server.engine().close()
    return {name.partition(".")[0] for name in sys.modules}


@pytest.mark.slow
def test_the_server_imports_no_library_that_only_workers_need() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as new_process:
        libraries = new_process.submit(libraries_after_all_pages).result(120)
    assert libraries >= {"lmcore", "torch", "streamlit"}
    assert not libraries & {"faker", "sklearn", "scipy", "nbformat"}
