"""The Dataset page."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.data import given_names
from tests.pages.app_testing import visit


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return visit(app, "data/dataset")


def paste(page: AppTest, text: str) -> None:
    page.text_area(key="paste").set_value(text)
    page.button(key="use_paste").click().run()
    assert not page.exception


def test_the_table_has_the_windows_that_a_model_learns_from(page: AppTest) -> None:
    table = page.dataframe[0].value
    assert list(table["context"] + table["next"])[:2] == ["...e", "..em"]
    page.slider(key="context").set_value(5).run()
    assert page.dataframe[0].value["context"][0] == "....."
    page.text_input(key="piece.given-names").set_value("émile").run()
    assert "é" in page.error[0].value


def test_pasted_text_is_used_and_never_read_as_markup(page: AppTest) -> None:
    paste(page, "<script>alert(1)</script> $x^2$ **bold** {{7*7}} 😀 שלום\n" * 30)
    assert not page.error
    assert page.selectbox(key="text").value.startswith("text:")
    assert "Pasted text" in page.text[0].value
    assert "utf-8" in page.text[0].value
    assert "<script>" in page.code[0].value
    assert not any("<script>" in markdown.value for markdown in page.markdown)


@pytest.mark.slow
@pytest.mark.parametrize(("text", "reason"), [("", "empty"), ("aaaa", "one distinct"), ("\0\0", "binary")])
def test_an_unusable_text_is_refused_with_a_reason(page: AppTest, text: str, reason: str) -> None:
    paste(page, text)
    assert reason in page.error[0].value


def test_a_text_that_is_not_here_can_be_downloaded(page: AppTest) -> None:
    page.selectbox(key="text").select("names").run()
    assert page.button(key="download").label == "Download"
    assert "MIT" in page.info[0].value


@pytest.mark.slow
@pytest.mark.parametrize("source", ["python-reference", "python-source"])
def test_the_chosen_text_is_kept_on_other_pages(page: AppTest, source: str) -> None:
    page.selectbox(key="text").select(source).run()
    assert not page.exception
    assert page.metric[0].value == "running text"
    visit(page, "mlp/mlp")
    assert page.selectbox(key="text").value == source
    assert not page.error


def test_given_names_can_be_chosen_by_country_and_alphabet(page: AppTest) -> None:
    everything = page.metric[0].value
    page.multiselect(key="locales").set_value(["fr_FR"]).run()
    page.selectbox(key="alphabet").select("latin").run()
    assert page.metric[0].value == f"{len(given_names.given_names(('fr_FR',), 'latin')):,}" != everything
