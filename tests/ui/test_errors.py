"""Errors that a visitor can correct."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    file for folder in ("ui", "pages") for file in (ROOT / folder).rglob("*.py") if "st.fragment(" in file.read_text()
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_fragment_shows_the_sentence_of_an_error(file: Path) -> None:
    """Streamlit shows an exception box for whatever leaves a fragment; the frame around the page never sees it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.fragment"]
    drawn = {ast.unparse(call.args[0]) for call in calls}
    told = {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and "errors.told()" in map(ast.unparse, function.decorator_list)
    }
    assert drawn <= told


def test_fragments_are_found() -> None:
    assert len(FILES) >= 7
