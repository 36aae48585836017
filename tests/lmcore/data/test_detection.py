"""Which encoding a text is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data import detection
from lmcore.data.encoding import decode

WESTERN = "Zoë\nJosé\nMüller\nFrançois\nAndré\nBjörn\nÁlvaro\nJoão\n"
RUSSIAN = "Анна\nМария\nИван\nДмитрий\nОльга\nСергей\n"
GREEK = "Γιώργος\nΜαρία\nΚώστας\nΕλένη\nΔημήτρης\n"
KOREAN = "김민수\n이영희\n박지훈\n최수진\n"
BALTIC = "Žydrūnas\nĄžuolas\nŠarūnė\nKęstutis\nĢirts\n"
ICELANDIC = "Þórður\nGuðrún\nÆgir\nÞóra\nSigríður\n"
JAPANESE = "田中\n鈴木\n佐藤さくら\nケンタ\nはなこ\n"
NAMES = {
    "cp1252": WESTERN,
    "cp1250": "Łukasz\nŻaneta\nMałgorzata\n",
    "iso-8859-2": "Łukasz\nŻaneta\nMałgorzata\nZdeněk\nŠtěpán\n",
    "cp852": "Łukasz\nŻaneta\nMałgorzata\nZdeněk\nŠtěpán\n",
    "cp1251": RUSSIAN,
    "koi8-r": RUSSIAN,
    "cp866": RUSSIAN,
    "iso-8859-5": RUSSIAN,
    "mac-cyrillic": RUSSIAN,
    "koi8-u": "Олександр\nІванна\nЇжакевич\nЄвген\nҐалаґан\n",
    "cp1253": GREEK,
    "iso-8859-7": GREEK,
    "cp1254": "Ayşe\nÖzgür\nİbrahim\nÇağla\nIşıl\nGökçe\n",
    "cp1255": "דוד\nשרה\nמשה\nרחל\nיעקב\n",
    "cp1256": "محمد\nفاطمة\nأحمد\nعائشة\nزينب\nيوسف\n",
    "cp1257": BALTIC,
    "cp874": "สมชาย\nสมหญิง\nประเสริฐ\nวิชัย\n",
    "cp437": WESTERN.replace("Á", "é").replace("ã", "á"),
    "cp850": WESTERN,
    "mac-roman": WESTERN,
    "shift_jis": JAPANESE,
    "cp932": JAPANESE + "髙橋\n",
    "euc_jp": JAPANESE,
    "iso2022_jp": JAPANESE,
    "gbk": "王伟\n李娜\n张敏\n刘洋\n",
    "gb18030": "王伟\n李娜\n张敏\n刘洋\n",
    "big5": "王偉\n李娜\n張敏\n劉洋\n陳志明\n",
    "euc_kr": KOREAN,
    "johab": KOREAN,
    "iso2022_kr": KOREAN,
    "hz": "王伟\n李娜\n张敏\n刘洋\n",
    "cp855": RUSSIAN,
    "cp869": GREEK,
    "cp720": "محمد\nفاطمة\nأحمد\nعائشة\nزينب\nيوسف\n",
    "cp775": BALTIC,
    "iso-8859-4": BALTIC,
    "iso-8859-13": BALTIC,
    "iso-8859-3": "Ĝordano\nŜtefano\nĈiela\nĴaŭdo\n",
    "mac-iceland": ICELANDIC,
    "cp861": ICELANDIC,
    "ptcp154": "Қазақ\nӘлия\nҒалым\n",
    "kz1048": "Қазақ\nӘлия\nҒалым\n",
    "koi8-t": "Тоҷик\nҶамшед\nҚодир\n",
    "cp037": WESTERN,
    "cp273": WESTERN,
    "cp500": WESTERN,
}
TEXTS = {
    "cp1252": "Über den Fluß führte eine schöne Brücke — „später“, sagte er, „gehen wir.“ C’était déjà l’été.\n",
    "cp1250": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.\n",
    "iso-8859-15": "Tous les êtres humains naissent libres et égaux en dignité. Le cœur coûte 5 €.\n",
    "koi8-r": "Все люди рождаются свободными и равными в своем достоинстве и правах.\n",
    "cp1255": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון\n",
    "cp874": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ\n",
    "mac-roman": "Über den Fluß führte eine schöne alte Brücke — „später“, sagte er. C’était déjà l’été.\n",
    "shift_jis": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。\n",
    "gbk": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。\n",
    "euc_kr": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n",
}


@pytest.mark.parametrize("encoding", NAMES)
@pytest.mark.parametrize("repeated", [1, 20])
def test_short_lists_of_names_are_read_with_the_right_letters(encoding: str, repeated: int) -> None:
    assert decode((NAMES[encoding] * repeated).encode(encoding)).text == NAMES[encoding] * repeated


@pytest.mark.parametrize(("encoding", "text"), [("iso-8859-16", "Ștefan\nIonuț\n"), ("iso-8859-14", "Ŵyn\nTŷ\n")])
def test_the_right_letters_are_offered_where_the_guess_is_wrong(encoding: str, text: str) -> None:
    data = (text * 20).encode(encoding)
    assert decode(data).is_guess
    assert text.split()[0] in [reading.sample for reading in detection.guess(data)]
    assert decode(data, detection.find_encoding(encoding)).text == text * 20


@pytest.mark.parametrize("encoding", TEXTS)
def test_sentences_are_read_with_the_right_letters(encoding: str) -> None:
    assert decode((TEXTS[encoding] * 5).encode(encoding)).text == TEXTS[encoding] * 5


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text", [*dict.fromkeys([*NAMES.values(), *TEXTS.values()]), "emma\nolivia\nava\n", "emma 😀\n"]
)
def test_wide_encodings_are_certain_without_a_byte_order_mark(encoding: str, text: str) -> None:
    read = decode((text * 3).encode(encoding))
    assert (read.text, read.is_guess) == (text * 3, False)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain english text goes here.\n" * 50 + b"It\x92s\n", "It’s"),
        (b"plain english text goes here.\n" * 20_000 + b"It\x92s\n", "It’s"),  # far behind the start
        (b"\x93Hello,\x94 she said \x96 it\x92s fine\x85\n", "“Hello,” she said – it’s fine…"),
        (b"the price is 5 \x80 only\n" * 3, "the price is 5 € only"),
        (b"caf\xe9\nnaive\nplain\n" * 10, "café"),
        (b"It\xd5s a dog\xd5s life and that\xd5s \xd2fine\xd3\n" * 10, "It’s a dog’s life and that’s “fine”"),
        (b"Der Tag in M\x81nchen war sch\x94n\n" * 10, "Der Tag in München war schön"),
    ],
)
def test_a_few_bytes_among_ascii_are_those_of_the_usual_encoding(data: bytes, text: str) -> None:
    assert text in decode(data).text.split("\n")


def test_a_certain_encoding_has_no_other_readings_and_a_guess_has_some() -> None:
    assert detection.certain("Zoë".encode()) == "utf-8"
    assert detection.certain("Zoë".encode("cp1252")) is None
    readings = detection.guess((NAMES["cp1250"]).encode("cp1250"))
    assert (readings[0].encoding, readings[0].sample) == ("cp1250", "Łukasz")
    samples = [reading.sample for reading in readings]
    assert len(samples) == len(set(samples)) > 5


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("windows-1252", "cp1252"), ("latin-1", "cp1252"), ("UTF8", "utf-8"), ("gbk", "gb18030"), ("sjis", "shift-jis")],
)
def test_an_encoding_is_known_by_its_other_names(name: str, encoding: str) -> None:
    assert detection.find_encoding(name) == encoding


def test_every_encoding_has_a_codec() -> None:
    for encoding in detection.GUESSED:
        assert detection.decode_marked("abc".encode(detection.codec(encoding)), encoding) == "abc"
        assert detection.find_encoding(encoding) == encoding


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_have_readings(data: bytes) -> None:
    assert detection.guess(data)
    detection.certain(data)


def test_a_reading_shows_the_line_of_the_first_character_outside_ascii() -> None:
    readings = detection.guess(b"a" * 1_000_000 + b"\nZo\xeb Emma\nJos\xe9\n")
    assert readings[0].sample == "Zoë Emma"
