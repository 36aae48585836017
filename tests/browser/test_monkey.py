"""Two hundred random actions break nothing; `monkey` plays for an hour."""

import pytest
from playwright.sync_api import Browser

from tests.browser.monkey import Monkey
from tests.browser.server import Server
from tests.browser.visitor import VIEWPORT

ACTIONS = 200
SEED = 1


@pytest.mark.timeout(1200)
def test_random_actions_break_nothing(browser: Browser, own_server: Server) -> None:
    with browser.new_context(viewport=VIEWPORT) as context:
        monkey = Monkey(context, own_server, SEED)
        while monkey.counts.total() < ACTIONS:
            monkey.act()
    assert len(monkey.counts) > 5
