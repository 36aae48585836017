"""A recipe is run, its run exported and imported again."""

import re
import shutil
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.server import Server
from tests.browser.visitor import Visitor


def test_a_run_is_exported_and_imported_again(
    visitor: Visitor, server: Server, names_path: Path, tmp_path: Path
) -> None:
    data = server.folder / "data"
    data.mkdir(exist_ok=True)
    shutil.copy(names_path, data / "names.txt")
    page = visitor.page
    visitor.open("/recipes?recipe=deep-batchnorm")
    visitor.wait_for_text("2 of 9 published numbers reproduced")
    visitor.button("recipes.go").click()
    visitor.wait_for_text("9 of 9 published numbers reproduced")
    exported = page.url
    page.get_by_text("Export or import a run").click()
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").first.click()
    download.value.save_as(tmp_path / "run.zip")
    visitor.widget("recipes.import").locator("input").set_input_files(tmp_path / "run.zip")
    visitor.wait_for_text("The run was imported.")
    page.get_by_text("Open the imported run").click()
    expect(page).not_to_have_url(exported)
    expect(page).to_have_url(re.compile(r"run=[0-9a-f]{20}"))
    visitor.wait_for_text("finished", exact=True)
