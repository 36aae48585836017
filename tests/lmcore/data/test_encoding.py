"""Bytes to text."""

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.encoding import MAX_BYTES, decode
from lmcore.errors import UserError

SENTENCES = {
    "utf-8": "Zoë, naïve café — 東京 😀 שלום",
    "utf-8-sig": "Zoë, naïve café — 東京 😀 שלום",
    "utf-16": "Zoë, naïve café — 東京 😀 שלום",
    "utf-16-le": "A longer piece of Western text, with an é in it.",
    "utf-16-be": "A longer piece of Western text, with an é in it.",
    "utf-32": "Zoë, naïve café",
    "latin-1": "Señor Müller aß ein Café crème à la carte; façade naïve élève, and more.",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_encodings_are_recognized(encoding: str) -> None:
    assert decode(SENTENCES[encoding].encode(encoding)).text == SENTENCES[encoding]


def test_line_ends_and_accents_become_one_form() -> None:
    assert decode("a\r\nb\rc\te\u0301".encode()).text == "a\nb\nc\té"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (bytes(range(256)) * 20, "binary|encoding"),
        (random.Random(1).randbytes(3000), "binary"),
        (b"\x01abc" * 50, "binary"),
        (bytes(300), "empty|binary"),
        (b"a" * (MAX_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_text_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        decode(data)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_user_error(data: bytes) -> None:
    try:
        text = decode(data).text
    except UserError:
        return
    assert text.strip()
    assert not set(text) & set("\r\v\f\0\ufeff\udcff")


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200).filter(str.strip))
def test_utf8_text_is_read_as_it_is(text: str) -> None:
    assert decode(text.encode()).text == unicodedata.normalize("NFC", text)


def remarks(data: bytes) -> str:
    return " ".join(decode(data).remarks)


def test_a_few_damaged_bytes_are_replaced_counted_and_located() -> None:
    read = decode("Zoë\nJosé\nMüller\n".encode() * 500 + b"caf\xe9\n")
    assert (read.encoding, read.is_guess) == ("utf-8", False)
    assert read.text.endswith("Müller\ncaf\ufffd\n")
    assert read.text.count("\ufffd") == 1
    assert read.remarks == ("1 byte was not valid utf-8 and replaced by \ufffd, the first in line 1,501.",)
    assert "2 bytes were" in remarks("日本語\nのテキスト".encode()[:-1])
    assert decode("日本語\nのテキスト".encode()[:-1]).text.endswith("のテキス\ufffd")


@pytest.mark.parametrize("end", ["\v", "\f", "\x85", "\u2028", "\u2029", "\x1e"])
def test_every_unicode_line_end_ends_a_line_and_unusual_ones_are_said(end: str) -> None:
    data = end.join(["emma", "olivia", "ava", "mia"]).encode()
    assert decode(data).text == "emma\nolivia\nava\nmia"
    assert f"3 control characters (U+{ord(end):04X}) were read as line ends." in remarks(data)
    assert remarks(b"a\nb\rc\r\nd") == ""


@pytest.mark.parametrize("stray", ["\x01", "\x07", "\x7f", "\ufeff", "\u200e", "\u202e", "\u2066", "\ufffe", "\0"])
def test_stray_control_characters_are_dropped_and_it_is_said(stray: str) -> None:
    data = f"emma\noli{stray}via\nava\n".encode()
    assert decode(data).text == "emma\nolivia\nava\n"
    assert f"U+{ord(stray):04X}" in remarks(data)


def test_what_belongs_to_letters_and_pictures_is_kept() -> None:
    text = "नी\u200cर क्\u200dष 👩\u200d👩\u200d👧 ❤\ufe0f co\u00adop"
    assert decode(text.encode()).text == unicodedata.normalize("NFC", text)
    assert decode(text.encode()).remarks == ()


def test_colors_of_a_terminal_and_overstrikes_leave_the_text() -> None:
    assert decode(b"\x1b[1;31mred\x1b[0m and \x1b]0;title\x07blue\n").text == "red and blue\n"
    assert decode(b"N\bNA\bAM\bME\bE\n").text == "NAME\n"


def test_windows_characters_that_were_read_as_latin_1_are_repaired() -> None:
    assert decode("It\x92s \x93fine\x94".encode()).text == "It’s “fine”"
    assert "windows-1252" in remarks("It\x92s".encode())


def test_byte_order_marks_are_no_characters_and_nul_may_separate_lines() -> None:
    assert decode(b"\xef\xbb\xbf" * 2 + b"emma\nolivia").text == "emma\nolivia"
    assert decode(b"emma\0olivia\0ava\0").text == "emma\nolivia\nava\n"


def test_a_chosen_encoding_is_used_or_refused_in_words() -> None:
    data = "Łukasz\nŻaneta\n".encode("cp1250")
    assert decode(data, "cp1252").text == "£ukasz\n¯aneta\n"
    assert decode(data, "utf-8").text == "\ufffdukasz\n\ufffdaneta\n"
    with pytest.raises(UserError, match="not text in the encoding utf-16-le"):
        decode(b"abc", "utf-16-le")


@pytest.mark.parametrize("text", ["x", "emma", "emma\n", "\nemma\n\n"])
def test_the_smallest_texts_are_read(text: str) -> None:
    assert decode(text.encode()).text == text
