"""What a visitor names, types or uploads is shown as text on every page, never read as Markdown or HTML."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Node

from lmcore.runs.engine import Engine
from tests.pages.app_testing import charts, finish, open_tab, visit

MARKUP = ["**x**", "<img src=x>", "$x$", "[a](b)", "![](http://x/y.png)", ":material/home:"]
NAME = " ".join(MARKUP)
PLAIN = {  # fields that Streamlit shows as they are, by kind of element
    "text": {"body"},
    "code": {"code_text"},
    "selectbox": {"options", "raw_value", "set_value", "default"},
    "multiselect": {"options", "default", "raw_values"},
    "text_input": {"value", "default", "placeholder", "set_value"},
    "text_area": {"value", "default", "placeholder", "set_value"},
    "bidi_component": {"json"},
    "page_link": {"query_string"},
}
TABS = {
    "counting/bigram": ("bigram", ["Pairs", "Smoothing", "Score words", "Sampling", "n-grams", "Broadcasting"]),
    "counting/neural_bigram": ("nb", ["Step by step", "Smoothing = weight decay", "A common mistake"]),
    "lab/sample": ("sample", ["Generate", "Score a text", "Guessing game"]),
}


def elements(node: Node) -> Iterator[tuple[str, Message]]:
    """Every element and block of a page with its kind."""
    proto = getattr(node, "proto", None)
    if isinstance(proto, Message):
        yield node.type, proto
    for child in node.children.values() if isinstance(node, Block) else ():
        yield from elements(child)


def strings(message: Message) -> Iterator[tuple[str, str]]:
    """Every string of a message, and the name of its field."""
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, str):
                yield field.name, item
            elif isinstance(item, Message):
                yield from strings(item)


def texts_of(figure: Any) -> Iterator[str]:
    if isinstance(figure, str):
        yield figure
    elif isinstance(figure, dict | list):
        for item in figure.values() if isinstance(figure, dict) else figure:
            yield from texts_of(item)


def read_as_markup(app: AppTest) -> list[tuple[str, str, str]]:
    """What of the page the browser would read as markup: kind, field and text."""
    found = [
        (kind, field, text)
        for kind, proto in elements(app._tree)
        for field, text in strings(proto)
        if field not in PLAIN.get(kind, set()) | {"id", "element_id", "user_key"}
    ]
    found = [one for one in found if any(markup in one[2] for markup in MARKUP)]
    drawn = [text for chart in charts(app) for text in texts_of({**chart, "alt": ""}) if "<img" in text]
    return found + [("chart", "", text) for text in drawn]


def shows(app: AppTest, text: str) -> bool:
    """Whether the page shows a text anywhere, escaped or not."""
    everything = [string for _, proto in elements(app._tree) for _, string in strings(proto)]
    return any(text in one.replace("\\", "") for one in everything)


def test_the_check_finds_what_is_read_as_markup() -> None:
    def page() -> None:
        import streamlit as st

        st.text("**x**")
        st.selectbox("a", ["$x$"])
        st.caption("**x**")
        st.button(r"\*\*x\*\*", help="[a](b)")
        st.pills("b", ["<img src=x>"])

    app = AppTest.from_function(page).run(timeout=60)
    assert [kind for kind, _, _ in read_as_markup(app)] == ["caption", "button", "button_group"]


def table() -> bytes:
    rows = [f"{i * i % 7},{i % 5},{NAME if i % 3 else 'other'},{i}%,{NAME + 'yz'[i % 2]}" for i in range(40)]
    return "\n".join([f"{NAME},{NAME},kind {NAME},share,y {NAME}", *rows]).encode()


@pytest.fixture
def linear(app: AppTest) -> AppTest:
    visit(app, "classifiers/linear")
    app.file_uploader(key="linear.upload").upload(f"{NAME}.csv", table(), "text/csv")
    app.number_input(key="linear_steps").set_value(300).run()
    assert not app.error
    assert shows(app, NAME)
    return app


def test_names_of_a_table_its_columns_and_classes(linear: AppTest, engine: Engine) -> None:
    assert read_as_markup(linear) == []
    finish(linear, engine, "linear")
    for tab in ("Training", "Confusion matrix", "Formulas", "Loss surface", "Batch vs. stochastic"):
        open_tab(linear, "linear", tab)
        assert read_as_markup(linear) == []
    linear.button(key="linear.reset").click().run()
    linear.selectbox(key="linear_data_label").select_index(3).run()
    assert read_as_markup(linear) == []


@pytest.mark.parametrize(
    "content", [b"{\\rtf1", b"a,b\n1,2\n", table() + b"\n1,2,3,4,5,**x** <img src=x>,7", table() + b'\n1,"**x**,3']
)
def test_a_table_that_is_refused(app: AppTest, content: bytes) -> None:
    visit(app, "classifiers/linear")
    app.file_uploader(key="linear.upload").upload(f"{NAME}.csv", content, "text/csv").run()
    assert app.error
    assert shows(app, "**x**")
    assert read_as_markup(app) == []


def upload(app: AppTest, content: bytes, name: str) -> AppTest:
    visit(app, "data/dataset")
    app.file_uploader(key="upload").set_value((name, content, "text/plain")).run()
    return app


TEXT = "\n".join([NAME, f"emma {NAME}", "[a](b)", "**x**", "$x$"] * 30).encode()


def test_a_text_and_its_name(app: AppTest) -> None:
    upload(app, TEXT, f"{NAME}.txt")
    assert not app.error
    assert shows(app, NAME)
    assert read_as_markup(app) == []
    for page, (prefix, tabs) in TABS.items():
        visit(app, page)
        for tab in tabs:
            open_tab(app, prefix, tab)
            for box in app.text_input:
                if box.label in ("Word", "Text"):
                    box.set_value(f"{NAME} ü")  # ü does not occur in the text
            app.run()
            assert read_as_markup(app) == [], f"{page}, {tab}"
    for page in ("mlp/mlp", "mlp/embeddings", "mlp/wavenet", "rnn/numpy_rnn", "inside/activations", "lab/runs"):
        visit(app, page)
        assert read_as_markup(app) == [], page


@pytest.mark.parametrize("content", [b"{\\rtf1", b"", b"\0\1\2" * 99, b"a" * 20_000_001])
def test_a_text_that_is_refused(app: AppTest, content: bytes) -> None:
    upload(app, content, f"{NAME}.txt")
    assert app.error
    assert read_as_markup(app) == []


def test_names_and_notes_of_runs(linear: AppTest, engine: Engine) -> None:
    app = linear
    ids = []
    for _ in range(2):
        finish(app, engine, "linear")
        ids.append(app.session_state["linear.run"])
        app.button(key="linear.reset").click().run()
    app.session_state["runs.selected"] = ids
    app.session_state["runs.table_version"] = 1
    for run_id in ids:
        engine.store.annotate(run_id, engine.store.annotations(run_id).updated(name=NAME[:60], note=NAME))
    visit(app, "lab/runs")
    shown = set()
    for tab in ("Curves", "Settings", "Samples", "Histograms", "Fork", "Leaderboard", "Disk"):
        open_tab(app, "runs", tab)
        assert read_as_markup(app) == [], tab
        shown |= {tab} if shows(app, "**x**") else set()
    assert {"Curves", "Fork"} <= shown


@pytest.mark.parametrize("page", ["mlp/mlp", "data/dataset", "classifiers/linear", "lab/runs", "lab/recipes"])
def test_values_of_a_link(app: AppTest, page: str) -> None:
    app.query_params = {
        NAME: NAME, "text": NAME, "run": NAME, "runs": NAME, "race": NAME, "recipe": NAME, "encoding": NAME,
        "linear_data_source": NAME, "linear_data_label": NAME, "mlp_optimizer": NAME, "locales": NAME,
    }  # fmt: skip
    visit(app, page)
    assert read_as_markup(app) == []
