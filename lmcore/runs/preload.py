"""Imported once, by the process that workers are forked from: torch is loaded there, at the lowest priority."""

from lmcore.runs.executors import lower_priority

lower_priority()  # before torch is loaded, which takes seconds that the first visitor's page wants

import lmcore.runs.worker  # noqa: E402, F401
