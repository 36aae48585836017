"""What a file is."""

import gzip
import io
import sqlite3
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from lmcore.data import file_kinds
from lmcore.data.encoding import decode
from lmcore.errors import UserError


def zipped(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name in names:
            content = "application/vnd.oasis.opendocument.text" if name == "mimetype" else "content"
            file.writestr(zipfile.ZipInfo(name), content)
    return written.getvalue()


def picture(kind: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (3, 3)).save(written, kind)
    return written.getvalue()


def database(path: Path) -> bytes:
    with sqlite3.connect(path) as connection:
        connection.execute("create table names (name text)")
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (rb"{\rtf1\ansi Emma\par Olivia}", "rich text"),
        (b"\xef\xbb\xbf{\\rtf1 Emma}", "rich text"),
        (b"<!DOCTYPE html><html><body>Emma</body></html>", "web page"),
        (b"\n<!-- saved from -->\n<HTML><BODY>Emma", "web page"),
        (b'<?xml version="1.0"?><html xmlns="x">', "web page"),
        ("<html><body>Zoë".encode("utf-16"), "web page"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (zipped("[Content_Types].xml", "word/document.xml"), "Word"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "Excel"),
        (zipped("mimetype", "content.xml"), "OpenDocument"),
        (zipped("names.txt"), "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "office"),
        (gzip.compress(b"emma\nolivia", mtime=0), "compressed"),
        (picture("PNG"), "picture"),
        (picture("JPEG"), "picture"),
        (picture("GIF"), "picture"),
        (picture("BMP"), "picture"),
        (picture("WEBP"), "picture"),
        (b"ID3\x03\0\0", "sound"),
        (b"\x7fELF\x02\x01", "program"),
        (b"\x80\x04\x95\x10", "binary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the same in every process
)
def test_a_file_that_is_no_plain_text_is_named_and_says_what_to_do(data: bytes, kind: str) -> None:
    with pytest.raises(UserError, match=rf"{kind}.*not plain text\. (Open|Unpack|Give|Export)"):
        decode(data)


def test_a_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="SQLite"):
        decode(database(tmp_path / "names.db"))


@pytest.mark.parametrize(
    "text",
    ["BMW and MZ are makes of cars", "PKW", "GIF is a format", "ID3 tags", "<3 you\n<3 me", "{x}\n", "II*", "8BPS"],
)
def test_text_that_only_starts_like_a_file_is_text(text: str) -> None:
    assert decode(text.encode()).text == text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"names": ["emma"]}', "JSON"),
        ('[{"a": 1}]', "JSON"),
        ("[1, 2, 3]", "JSON"),
        ('<?xml version="1.0"?><names><name>emma</name></names>', "XML"),
        ("name,age\nemma,3\nava,4\nmia,5\n", "commas"),
        ("name\tage\nemma\t3\nava\t4\nmia\t5\n", "tabs"),
        ("Emma, who was tall, left.\nOlivia stayed.\nSo did Ava, I think.\nAnd Mia.\n", ""),
        ("emma\nolivia\nava\nmia\n", ""),
        ("[Enter Emma]\nHello", ""),
    ],
)
def test_structured_text_is_read_with_a_remark(text: str, word: str) -> None:
    assert word in file_kinds.structure_remark(text)
    assert bool(file_kinds.structure_remark(text)) == bool(word)
