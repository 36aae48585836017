"""What a file is, by how it starts, so that the message for a file that is no plain text can say what to do."""

import re

from lmcore.errors import UserError

N_CHECKED = 4000
"""Bytes or characters, from the first, that are looked at."""

_CONVERT = "Open it in the program that made it, and save it as plain text (UTF-8)."
_UNPACK = "Unpack it, and give the text file that is in it."
_COPY = "Open it, and copy its text into a plain text file (.txt)."
_OTHER = "Give a plain text file (.txt)."

_BINARY = (
    (rb"%PDF-|%!PS", "a PDF or PostScript document", _COPY),
    (rb"PK\x03\x04.{,2000}?word/", "a Word document", _CONVERT),
    (rb"PK\x03\x04.{,2000}?xl/", "an Excel workbook", "Open it, and save it as CSV (UTF-8)."),
    (rb"PK\x03\x04.{,2000}?ppt/", "a PowerPoint presentation", _CONVERT),
    (rb"PK\x03\x04.{26}mimetypeapplication/epub", "an e-book (EPUB)", _COPY),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", "an OpenDocument file", _CONVERT),
    (rb"PK(\x03\x04|\x05\x06)", "a zip archive or an office document", _UNPACK),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1", "an old office document (.doc, .xls)", _CONVERT),
    (rb"\x1f\x8b\x08|BZh[1-9]1AY|\xfd7zXZ\0|\x28\xb5\x2f\xfd", "a compressed file", _UNPACK),
    (rb"7z\xbc\xaf|Rar!\x1a\x07|.{257}ustar", "an archive", _UNPACK),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP|II\*\0|MM\0\*|BM.{4}\0{4}", "a picture", _OTHER),
    (rb".{4}ftyp(heic|heix|avif|mif1)", "a picture", _OTHER),
    (rb"ID3[\x02-\x04]|OggS\0|fLaC|RIFF.{4}(WAVE|AVI )|.{4}ftyp|\x1aE\xdf\xa3", "a sound or a video", _OTHER),
    (rb"SQLite format 3\0", "an SQLite database", "Export the column with the text to a plain text file (.txt)."),
    (rb"MZ.\0.\0|\x7fELF|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe|\0asm", "a program", _OTHER),
    (rb"PAR1.*\0|ARROW1\0|\x93NUMPY|\x89HDF\r\n|bplist00|wOF[F2]\0|\x80[\x02-\x05]", "binary data", _OTHER),
)
_MARKUP = (
    (r"\s*\{\\rtf", "a rich text document (RTF)", _CONVERT),
    (r"\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", "a web page (HTML)", _COPY),
)
_STRUCTURED = (
    (r"\s*(<\?xml|<svg|<\w+[^<>]*>\s*<\w)", "XML: its tags are"),
    (r'\s*(\{\s*"|\[\s*[\[{"]|\[\s*-?[\d.]+\s*,)', "JSON: its brackets and quotation marks are"),
)
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def refuse_binary(data: bytes) -> None:
    """Refuse a document, archive, picture, or other file that is no text.

    Raises:
        UserError: says what the file is, and what to do.
    """
    for pattern, kind, advice in _BINARY:
        if re.match(pattern, data[:N_CHECKED], re.DOTALL):
            raise _refusal(kind, advice)


def refuse_markup(text: str) -> None:
    """Refuse text that only makes sense to a word processor or a browser.

    Raises:
        UserError: says what the file is, and what to do.
    """
    for pattern, kind, advice in _MARKUP:
        if re.match(pattern, text[:N_CHECKED], re.DOTALL | re.IGNORECASE):
            raise _refusal(kind, advice)


def _refusal(kind: str, advice: str) -> UserError:
    return UserError(f"The file is {kind}, not plain text. {advice}")


def structure_remark(text: str) -> str:
    """A sentence on text that is structured data; empty for other text."""
    for pattern, kind in _STRUCTURED:
        if re.match(pattern, text[:N_CHECKED]):
            return f"The text looks like {kind} part of the text."
    lines = text[:N_CHECKED].split("\n")[:10]
    for separator, name in _SEPARATORS.items():
        counts = {line.count(separator) for line in lines[:-1]}
        if len(lines) > 3 and len(counts) == 1 and counts != {0}:
            return f"The text looks like a table: its {name} are part of the text."
    return ""
