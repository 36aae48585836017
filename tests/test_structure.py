"""Holds the house together: imports go pages -> ui -> lmcore, and each library has its place."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path.relative_to(ROOT) for folder in ("lmcore", "ui", "pages") for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_one_way(path: Path) -> None:
    used = {top(name) for name in imports(path)}
    place = path.parts[0]
    if place == "lmcore":
        assert not used & {"streamlit", "ui", "pages", "app"}
    if place == "ui":
        assert "pages" not in used
    if place == "pages":
        assert used <= {"streamlit", "lmcore", "ui"}
    if "plotly" in used:
        assert path.parts[:2] == ("lmcore", "figures") or place == "ui"


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] == "pages"], ids=str)
def test_pages_are_short(path: Path) -> None:
    assert sum(1 for line in (ROOT / path).read_text().splitlines() if line.strip()) <= 80


LAYERS = [
    "errors",
    "config",
    "files",
    "texts",
    "cifar",
    "tables",
    "datasets",
    "pictures",
    "corpora",
    "layers",
    "scratch",
    "models",
    "sampling",
    "history",
    "training",
    "classifiers",
    "trainers",
    "passages",
    "writing",
    "bigrams",
    "one_layer",
    "expressions",
    "backprop",
    "inspection",
    "gradients",
    "initialization",
    "batch_norm",
    "advice",
    "embeddings",
    "decisions",
    "lr_finder",
    "recipes",
    "runs",
    "comparison",
    "scripts",
    "exchange",
]


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] == "lmcore"], ids=str)
def test_inside_lmcore_nothing_imports_what_stands_above_it(path: Path) -> None:
    place = path.parts[1].removesuffix(".py")
    if place not in LAYERS:
        return
    above = set(LAYERS[LAYERS.index(place) + 1 :]) | {"figures", "__main__"}
    used = {name.split(".")[1] for name in imports(path) if name.startswith("lmcore.")}
    assert not used & above


def test_nothing_unpickles_or_renders_markup() -> None:
    for path in FILES:
        text = (ROOT / path).read_text(encoding="utf-8")
        for forbidden in ("unsafe_allow_html", "pickle.load", "torch.load(", "eval(", "st.html("):
            assert forbidden not in text, f"{path}: {forbidden}"
