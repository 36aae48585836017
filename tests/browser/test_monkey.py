"""Two hundred random actions break nothing; `monkey` plays for an hour."""

import pytest
from playwright.sync_api import Browser

from tests.browser.monkey import Monkey
from tests.browser.server import Server

ACTIONS = 200
SEED = 1


@pytest.mark.timeout(1200)
def test_random_actions_break_nothing(browser: Browser, own_server: Server) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    monkey = Monkey(context, own_server, SEED)
    while monkey.counts.total() < ACTIONS:
        monkey.act()
    context.close()
    assert len(monkey.counts) > 5
