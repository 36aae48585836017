"""What a visitor gives is never unpickled, evaluated, or rendered as markup. Import contracts are in pyproject.toml."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("lmcore", "ui", "pages") for path in (ROOT / folder).rglob("*.py"))

MODULES = {"pickle", "marshal", "shelve", "joblib", "cloudpickle"}
CALLS = {"eval", "exec", "compile", "torch.load", "pd.read_pickle"}
METHODS = {"html"}  # of streamlit, and of its containers
OPTIONS = {"allow_pickle", "unsafe_allow_html", "unsafe_allow_javascript"}

ALLOWED = {
    "lmcore/runs/worker_pool.py": ["pickle"],
    "pages/home/home/ladder.py": ["st.html"],
    "pages/home/home/page.py": ["st.html"],
    "pages/lab/lessons/presenter.py": ["st.html"],
    "ui/busy.py": ["container.html"],
}
"""The server and the workers that it has started talk in pickles; nothing else gets into that pipe. HTML is style."""


def unsafe(tree: ast.AST) -> list[str]:
    """Every construct of a module that runs or renders what it is given."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module for _ in node.names[:1] if node.module and node.module.partition(".")[0] in MODULES]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            found += [name] * (name in CALLS or name.rpartition(".")[2] in METHODS)
            found += [option.arg for option in node.keywords if option.arg in OPTIONS]
    return found


def test_nothing_is_unpickled_evaluated_or_rendered_as_markup() -> None:
    found = {str(path.relative_to(ROOT)): unsafe(ast.parse(path.read_text(encoding="utf-8"))) for path in FILES}
    assert {path: names for path, names in found.items() if names} == ALLOWED


def test_the_check_finds_what_it_forbids() -> None:
    source = (
        "import pickle\nfrom joblib import load\neval('1')\nst.markdown(text, unsafe_allow_html=True)\ntorch.load(f)\n"
        "place.html(text)"
    )
    assert len(unsafe(ast.parse(source))) == 6
