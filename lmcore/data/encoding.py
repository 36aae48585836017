"""Bytes to text: finds the encoding, and normalizes line ends, accents and characters that nobody sees."""

import re
import unicodedata
from dataclasses import dataclass

from lmcore.data import detection, file_kinds
from lmcore.data.detection import MARK, Encoding
from lmcore.errors import UserError

MAX_BYTES = 20_000_000
"""Maximum size of a text, in bytes."""

_TERMINAL = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\a\x1b]*(?:\a|\x1b\\\\)|[@-Z\\\\^_])|[^\n]\b")
_UNUSUAL_LINE_END = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")
_WINDOWS = re.compile("[\x80-\x84\x86-\x9f]")  # windows-1252 that was read as Latin-1
_CONTROL = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_INVISIBLE = re.compile("[\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # byte order marks, directions


@dataclass(frozen=True)
class Decoded:
    """A text, the encoding it was read with, and sentences on what was changed."""

    text: str
    encoding: str
    is_guess: bool = False  # whether the text could be in another encoding as well
    remarks: tuple[str, ...] = ()


def decode(data: bytes, encoding: Encoding = "auto") -> Decoded:
    """The text in some bytes.

    UTF-8, UTF-16 and UTF-32 are recognized with or without a byte order mark; anything else is read in the most
    plausible legacy encoding. Line ends become ``\\n``, characters are composed (Unicode NFC), so that é is one
    character, and control characters are dropped. Bytes that are not valid become U+FFFD.

    Raises:
        UserError: if the data are empty, too long, binary, or a document that is not plain text.
    """
    check_size(len(data), "The text")
    file_kinds.refuse_binary(data)
    is_guess = False
    if encoding == "auto":
        encoding, is_guess = detect(data)
    _refuse_other_encoding(data, encoding)
    text, remarks = _repair(detection.decode_marked(data, encoding), encoding, is_guess)
    if not text.strip():
        raise UserError("The text is empty. Provide at least a few words.")
    file_kinds.refuse_markup(text)
    remarks.append(file_kinds.structure_remark(text))
    return Decoded(unicodedata.normalize("NFC", text), encoding, is_guess, tuple(filter(None, remarks)))


def detect(data: bytes) -> tuple[Encoding, bool]:
    """The encoding of a text, and whether it is a guess."""
    if (encoding := detection.certain(data)) is not None:
        return encoding, False
    return detection.guess(data)[0].encoding, True


def check_size(n_bytes: int, name: str) -> None:
    """Refuse what is larger than `MAX_BYTES`.

    Raises:
        UserError: names what is too large, its size and the limit.
    """
    if n_bytes > MAX_BYTES:
        raise UserError(f"{name} has {n_bytes:,} bytes; at most {MAX_BYTES:,} are allowed. Use a part of it.")


def _refuse_other_encoding(data: bytes, encoding: Encoding) -> None:
    """Refuse data of which a third cannot be decoded, judged by pieces, because each damaged byte takes time."""
    n = detection.N_SAMPLED
    starts = range(0, max(1, len(data) - n), max(n, len(data) // 20 * 4))
    pieces = [detection.decode_marked(data[start : start + n], encoding) for start in starts]
    if any(piece.count(MARK) > len(piece) / 3 for piece in pieces):
        raise UserError(f"The file is not text in the encoding {encoding}. Choose another encoding, or a text file.")


# ---------------------------------------------------------------- repairs


def _repair(text: str, encoding: str, is_guess: bool) -> tuple[str, list[str]]:
    """A text with ``\\n`` line ends and without control characters, and a sentence on each kind of repair."""
    text = _TERMINAL.sub("", text)
    text, on_lines = _end_lines(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    text, on_bytes = _replace_damaged(text, encoding)
    text, on_windows = _read_as_windows(text)
    text, on_control = _drop_control(text, may_be_binary=is_guess)
    return text, [on_bytes, on_lines, on_windows, on_control]


def _end_lines(text: str) -> tuple[str, str]:
    if "\0" in text and "\n" not in text:  # as `find -print0` ends lines
        text = text.replace("\0", "\n")
    if not (found := _UNUSUAL_LINE_END.findall(text)):
        return text, ""
    return _UNUSUAL_LINE_END.sub(
        "\n", text
    ), f"{_counted(found)} read as {'a line end' if len(found) == 1 else 'line ends'}."


def _replace_damaged(text: str, encoding: str) -> tuple[str, str]:
    if (n_damaged := text.count(MARK)) == 0:
        return text, ""
    line = text.count("\n", 0, text.index(MARK)) + 1
    bytes_were = "1 byte was" if n_damaged == 1 else f"{n_damaged:,} bytes were"
    remark = f"{bytes_were} not valid {encoding} and replaced by \ufffd, the first in line {line:,}."
    return re.sub(f"{MARK}+", "\ufffd", text), remark


def _read_as_windows(text: str) -> tuple[str, str]:
    if not (found := _WINDOWS.findall(text)):
        return text, ""
    table = {ord(c): c.encode("latin-1").decode("cp1252", errors="ignore") for c in set(found)}
    return text.translate(table), f"{_counted(found)} read as characters of windows-1252."


def _drop_control(text: str, may_be_binary: bool) -> tuple[str, str]:
    control = _CONTROL.findall(text)
    if len(control) > (0.02 if may_be_binary else 0.2) * len(text):
        raise UserError("The file contains binary data. Provide a plain text file (.txt).")
    if not (found := control + _INVISIBLE.findall(text)):
        return text, ""
    return _INVISIBLE.sub("", _CONTROL.sub("", text)), f"{_counted(found)} dropped."


def _counted(characters: list[str]) -> str:
    """The subject and verb of a sentence, for example "3 control characters (U+0000, U+200E) were"."""
    different = sorted(set(characters))
    listed = ", ".join(f"U+{ord(c):04X}" for c in different[:5]) + (", …" if len(different) > 5 else "")
    one = len(characters) == 1
    return f"{len(characters):,} control character{'' if one else 's'} ({listed}) {'was' if one else 'were'}"
