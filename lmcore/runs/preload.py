"""Imported once, by the process that workers are forked from: torch is loaded there, and at low priority."""

import os

if hasattr(os, "nice"):
    os.nice(10 - os.nice(0))  # before torch is loaded, which takes seconds that the first visitor's page wants

import lmcore.runs.slices  # noqa: F401
