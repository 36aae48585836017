"""Imported once, by the process that workers are forked from: torch is loaded there, at a low priority.

Loading takes seconds that the first visitor's page wants. On Linux only the thread that loads has the low priority, so
that workers of normal priority can be forked afterwards.
"""

import importlib
import sys
import threading

from lmcore.runs.worker_pool import lower_priority


def _load() -> None:
    lower_priority(10)
    importlib.import_module("lmcore.runs.worker")


if sys.platform == "linux":
    loading = threading.Thread(target=_load)
    loading.start()
    loading.join()
else:
    _load()
