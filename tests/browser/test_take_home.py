"""A recipe in the browser; its run leaves as a file and comes in again."""

import re
import shutil
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, idle, visit


def test_a_run_is_exported_and_comes_in_again(page: Page, server: Server, names_path: Path, tmp_path: Path) -> None:
    data = server.folder / "data"
    data.mkdir(exist_ok=True)
    shutil.copy(names_path, data / "names.txt")
    visit(page, f"{server.url}/recipes?recipe=deep-batchnorm")
    expect(page.get_by_text("2 of 9 published numbers are reached")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("9 of 9 published numbers are reached")).to_be_visible()
    first = page.url
    page.get_by_text("Take the run home").click()
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").first.click()
    download.value.save_as(tmp_path / "run.zip")
    page.set_input_files("input[type=file]", tmp_path / "run.zip")
    expect(page.get_by_text("The run was imported.")).to_be_visible()
    page.get_by_text("Open it").click()
    expect(page).to_have_url(re.compile(r"run=[0-9a-f]{20}"))
    idle(page)
    assert page.url != first
    expect(page.get_by_text("finished")).to_be_visible()
