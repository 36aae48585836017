"""Two hundred random actions break nothing; `monkey` plays for an hour."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.monkey import Monkey
from tests.browser.server import Server

ACTIONS = 200
SEED = 1


@pytest.mark.timeout(1200)
def test_random_actions_break_nothing(new_profile: Callable[[], BrowserContext], own_server: Server) -> None:
    monkey = Monkey(new_profile(), own_server, SEED)
    while monkey.counts.total() < ACTIONS:
        monkey.act()
    assert len(monkey.counts) > 5
