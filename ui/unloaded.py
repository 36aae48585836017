"""A module that this process imports, but loads only when it uses it."""

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

_replacing = threading.Lock()


class _Unloaded(ModuleType):
    """Stands for a module, also where it has been imported, until one of its attributes is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system, Streamlit and pytest look at in every module
            raise AttributeError(name)
        with _replacing:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def import_unloaded(name: str) -> None:
    """Let ``import name`` succeed without loading the module, unless it is loaded already.

    Its submodules cannot be imported before it is loaded.

    Args:
        name: of a module at the top level.
    """
    sys.modules.setdefault(name, _Unloaded(name))
