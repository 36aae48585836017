"""Imported once, by the process that workers are forked from: what they need is loaded then."""

import lmcore.runs.worker  # noqa: F401
