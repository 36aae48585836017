"""The Dataset page."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.data import downloads, given_names
from lmcore.errors import UserError
from tests.pages.app_testing import parts, plain, visit


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
    page.text_input(key="piece.Given names").set_value("émile").run()
    assert "é" in plain(page.error[0].value)


def test_pasted_text_is_used_and_never_read_as_markup(page: AppTest) -> None:
    paste(page, "<script>alert(1)</script> $x^2$ **bold** {{7*7}} 😀 שלום\n" * 30)
    assert not page.error
    assert page.selectbox(key="text").value.startswith("text:")
    assert "Pasted text" in page.text[0].value
    assert "utf-8" in page.text[0].value
    assert "<script>" in parts(page, "text")[0]["text"]
    assert not any("<script>" in markdown.value for markdown in page.markdown)


@pytest.mark.parametrize(("text", "reason"), [("", "empty"), ("aaaa", "one distinct"), ("\0\0", "empty")])
def test_an_unusable_text_is_refused_with_a_reason(page: AppTest, text: str, reason: str) -> None:
    paste(page, text)
    assert reason in plain(page.error[0].value)


def test_a_text_that_is_not_here_can_be_downloaded(page: AppTest) -> None:
    page.selectbox(key="text").select("names").run()
    assert page.button(key="download").label == "Download"
    assert "MIT" in plain(page.info[0].value)


def test_a_download_that_fails_says_so_at_its_button(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UserError("There is no connection.")

    monkeypatch.setattr(downloads, "download", fail)
    page.selectbox(key="text").select("names").run()
    page.button(key="download").click().run()
    assert [plain(error.value) for error in page.error] == ["There is no connection."]
    assert not page.get("progress")


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


def upload(page: AppTest, content: bytes, name: str) -> None:
    page.file_uploader(key="upload").set_value((name, content, "text/plain")).run()
    assert not page.exception


def test_another_encoding_of_an_uploaded_text_can_be_chosen(page: AppTest) -> None:
    upload(page, "Łukasz\nŻaneta\nMałgorzata\n".encode("cp1250") * 20, "names.txt")
    assert "Łukasz" in parts(page, "text")[0]["text"]
    assert any("**cp1250**" in markdown.value for markdown in page.markdown)
    assert page.dataframe[0].value["encoding"][0] == "cp1250"
    page.selectbox(key="encoding").select("cp1252").run()
    assert "£ukasz" in parts(page, "text")[0]["text"]
    upload(page, "Zoë\nJosé\n".encode() * 20, "other.txt")
    assert page.selectbox(key="encoding").value == "auto"
    assert "Zoë" in parts(page, "text")[0]["text"]
    assert not any("encodings fit" in markdown.value for markdown in page.markdown)


def test_the_page_says_what_was_changed_in_a_text(page: AppTest) -> None:
    upload(page, "Zoë\nJosé\n".encode() * 500 + b"caf\xe9\x01\x0b\n", "names.txt")
    said = " ".join(info.value for info in page.info)
    assert "the first in line 1" in said
    assert r"U\+000B" in said
    assert r"U\+0001" in said


def test_a_document_that_is_no_plain_text_is_refused_with_a_reason(page: AppTest) -> None:
    upload(page, rb"{\rtf1\ansi Emma\par Olivia}", "names.txt")
    assert "rich text" in plain(page.error[0].value)


def test_two_uploads_of_one_name_can_be_told_apart_and_share_no_state(page: AppTest) -> None:
    upload(page, b"emma\nolivia\nava\n" * 20, "input.txt")
    upload(page, "анна\nмария\nиван\n".encode() * 20, "input.txt")
    options = page.selectbox(key="text").options
    assert "input.txt" in options
    assert "input.txt (2)" in options
    assert next(field.value for field in page.text_input if field.label == "Text") == "иван"
    page.selectbox(key="text").select_index(options.index("input.txt")).run()
    assert next(field.value for field in page.text_input if field.label == "Text") == "emma"


def test_repeated_documents_are_said_and_can_be_dropped(page: AppTest) -> None:
    paste(page, "\n".join(["emma", "olivia", "ava", "mia", "zoe"] * 200))
    assert any("1,000 documents, 5 different; every dev" in caption.value for caption in page.caption)
    page.toggle(key="drop_duplicates").set_value(True).run()
    assert not any("different" in caption.value for caption in page.caption)
    assert page.metric[0].value == "5"


def test_long_lines_and_many_characters_are_cut_on_the_page(page: AppTest) -> None:
    upload(page, ("emma\nolivia\n" * 40_000 + "x" * 2_000_000).encode(), "long.txt")
    page.selectbox(key="units").select("lines").run()
    assert len(parts(page, "text")[0]["text"]) < 50_000
    assert "…" in parts(page, "text")[0]["text"]
    upload(page, "".join(map(chr, range(0x4E00, 0x4E00 + 5000))).encode(), "many.txt")
    assert max(len(table.value) for table in page.dataframe) <= 1000
    assert any("The first 1,000 of 5,001 characters" in caption.value for caption in page.caption)
