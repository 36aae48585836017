"""Bytes to text: detects the encoding, and normalizes line endings and accents."""

import codecs
import unicodedata
from dataclasses import dataclass

import charset_normalizer

from lmcore.errors import UserError

MAX_BYTES = 20_000_000
"""Maximum size of a text, in bytes."""

MAX_CHECKED = 100_000
"""Bytes or characters, from the first, that guesses about a text are based on."""

_EIGHT_BIT = ["latin_1", "cp1252", "cp1251", "koi8_r", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]


@dataclass(frozen=True)
class Decoded:
    """A text and the encoding it was read with."""

    text: str
    encoding: str


def decode(data: bytes) -> Decoded:
    """The text in some bytes.

    UTF-8, UTF-16 and UTF-32 are recognized with or without a byte order mark; anything else is read in the most
    plausible 8-bit encoding. Line endings become ``\\n``, and characters are composed (Unicode NFC), so that é is one
    character.

    Raises:
        UserError: if the data are empty, too long, binary, or in no known encoding.
    """
    check_size(len(data), "The text")
    text, encoding = _decode(data)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise UserError("The text is empty. Provide at least a few words.")
    _refuse_binary(text)
    return Decoded(unicodedata.normalize("NFC", text), encoding)


def check_size(n_bytes: int, name: str) -> None:
    """Refuse what is larger than `MAX_BYTES`.

    Raises:
        UserError: names what is too large, its size and the limit.
    """
    if n_bytes > MAX_BYTES:
        raise UserError(f"{name} has {n_bytes:,} bytes; at most {MAX_BYTES:,} are allowed. Use a part of it.")


def _decode(data: bytes) -> tuple[str, str]:
    for encoding in _candidates(data):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    best = None if b"\0" in data else charset_normalizer.from_bytes(data[:MAX_CHECKED], cp_isolation=_EIGHT_BIT).best()
    if best is None:
        raise UserError("The encoding of the file could not be detected. Save it as UTF-8 text and try again.")
    return data.decode(best.encoding, errors="replace"), best.encoding


def _candidates(data: bytes) -> list[str]:
    """Encodings that are certain if the data decode at all, most certain first."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ["utf-32"]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    head = data[:2000]
    if head.count(0) > len(head) // 4:  # in UTF-16, every other byte of Western text is zero
        return ["utf-16-le"] if head[1::2].count(0) > head[::2].count(0) else ["utf-16-be"]
    return ["utf-8"]


def _refuse_binary(text: str) -> None:
    start = text[:MAX_CHECKED]
    n_control = sum(unicodedata.category(c) in ("Cc", "Cn") and c not in "\n\t\f" for c in start)
    if "\0" in text or n_control > 0.02 * len(start):
        raise UserError("The file contains binary data. Provide a plain text file (.txt).")
