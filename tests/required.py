"""What tests need besides Python packages: skipped where it is missing, but not in continuous integration."""

import os
from typing import NoReturn

import pytest

REQUIRES_ALL = os.environ.get("GLASSBOX_REQUIRE_ALL") == "1"


def missing(what: str) -> NoReturn:
    """Skips a test for want of something; fails it where the variable ``GLASSBOX_REQUIRE_ALL`` is 1."""
    if REQUIRES_ALL:
        pytest.fail(f"{what} is missing, and GLASSBOX_REQUIRE_ALL=1 forbids to skip this test.", pytrace=False)
    pytest.skip(f"{what} is missing on this machine")
