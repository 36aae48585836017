"""A server that is killed in mid-run and started again."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.server import Server
from tests.browser.visitor import Visitor
from tests.waiting import until


def test_a_killed_server_leaves_a_run_that_the_page_resumes(own_server: Server, new_visitor: NewVisitor) -> None:
    visitor = new_visitor(own_server.url)
    visitor.open("/mlp?locales=de_DE")
    visitor.button("mlp.go").click()
    visitor.wait_for_step(2000)
    run_id = re.search("run=([0-9a-f]{20})", visitor.page.url)
    assert run_id
    wait_for_next_checkpoint(own_server, run_id[1])
    tab = visitor.page.context.new_page()  # of the same browser
    visitor.page.close()
    own_server.stop(kill=True)

    own_server.start()
    somebody = new_visitor(own_server.url)
    somebody.open("/mlp")
    expect(somebody.page.get_by_text("interrupted run")).to_have_count(0)
    visitor = Visitor(tab, own_server.url)
    visitor.open("/mlp")
    visitor.page.get_by_text("1 interrupted run").click()
    visitor.page.get_by_role("link", name="MLP: interrupted at step").click()
    visitor.wait_for_text("interrupted", exact=True)
    visitor.wait_for_step(1000)
    stopped = visitor.step
    visitor.button("mlp.go").click()
    visitor.wait_for_step(stopped + 500)


def wait_for_next_checkpoint(server: Server, run_id: str) -> None:
    """A run is saved every few seconds while it trains."""
    checkpoint = server.folder / "runs" / run_id / "checkpoint.safetensors"
    first = checkpoint.stat().st_mtime_ns
    until(lambda: checkpoint.stat().st_mtime_ns != first)
