"""Bytes to text."""

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
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200), "binary|encoding"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00" * 30, "binary|encoding"),
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
    assert "\r" not in text


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200).filter(str.strip))
def test_utf8_text_is_read_as_it_is(text: str) -> None:
    assert decode(text.encode()).text == unicodedata.normalize("NFC", text)
