"""Modules that load when they are used, and PyTorch, which the server does not use."""

import importlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from ui.unloaded import import_unloaded

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """What ``import heavy`` gives; the module takes a moment to load, and counts in sys how often it has."""
    code = "import sys, time\nsys.n_heavy = getattr(sys, 'n_heavy', 0) + 1\ntime.sleep(0.05)\nanswer = 42\n"
    (tmp_path / "heavy.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "n_heavy", 0, raising=False)
    import_unloaded("heavy")
    yield importlib.import_module("heavy")
    del sys.modules["heavy"]


def test_an_import_loads_nothing_until_an_attribute_is_used(heavy: ModuleType) -> None:
    assert not hasattr(heavy, "__path__")
    assert sys.n_heavy == 0  # type: ignore[attr-defined]
    assert heavy.answer == 42
    assert importlib.import_module("heavy").answer == 42
    assert heavy.answer == 42
    assert sys.n_heavy == 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="question"):
        heavy.question  # noqa: B018


def test_threads_that_use_it_at_once_get_the_whole_module_loaded_once(heavy: ModuleType) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(lambda _: heavy.answer, range(8))] == [42] * 8
    assert sys.n_heavy == 1  # type: ignore[attr-defined]


def test_a_module_that_is_loaded_stays() -> None:
    import_unloaded("importlib")
    assert sys.modules["importlib"] is importlib


def test_no_module_that_pages_import_uses_torch_while_it_is_imported() -> None:
    """Such a module has its annotations as strings, and no decorator, base class or constant of torch."""
    script = f"""
        import importlib, sys
        from pathlib import Path
        from ui.unloaded import import_unloaded
        import_unloaded("torch")
        stand_in = sys.modules["torch"]
        in_workers = {{"gru", "recurrent_net", "preload", "__main__"}}
        for folder in ("lmcore", "pages", "ui"):
            for path in sorted(Path({str(PROJECT)!r}, folder).rglob("*.py")):
                name = ".".join(path.relative_to({str(PROJECT)!r}).with_suffix("").parts)
                if not (in_workers | {{"page", "frame", "commands"}}) & {{*name.split(".")}}:
                    importlib.import_module(name)
                    assert sys.modules["torch"] is stand_in, name
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
