"""Which encoding a text is in: certain where the bytes show it, else a guess by chardet among the usual encodings."""

import codecs
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal, get_args

import chardet

Encoding = Literal[
    "auto",
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp1258",
    "cp874",
    "shift-jis",
    "euc-jp",
    "iso-2022-jp",
    "gb18030",
    "big5",
    "euc-kr",
    "iso-2022-kr",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "iso-8859-13",
    "iso-8859-15",
    "koi8-r",
    "koi8-u",
    "mac-roman",
    "mac-latin2",
    "mac-cyrillic",
    "mac-greek",
    "mac-turkish",
    "cp437",
    "cp737",
    "cp850",
    "cp852",
    "cp857",
    "cp862",
    "cp866",
    "johab",
    "hz",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-10",
    "iso-8859-14",
    "iso-8859-16",
    "cp720",
    "cp775",
    "cp855",
    "cp861",
    "cp869",
    "cp1125",
    "mac-iceland",
    "kz1048",
    "ptcp154",
    "koi8-t",
    "cp037",
    "cp273",
    "cp500",
]
"""Names of encodings; auto means that it is detected."""

GUESSED: tuple[Encoding, ...] = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874"),
    *("shift-jis", "euc-jp", "gb18030", "big5", "euc-kr"),
    *("iso-8859-15", "iso-8859-2", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9", "iso-8859-13"),
    *("koi8-r", "koi8-u", "mac-roman", "mac-latin2", "mac-cyrillic", "mac-greek", "mac-turkish"),
    *("cp437", "cp850", "cp852", "cp866", "cp737", "cp857", "cp862"),
    *("iso-8859-16", "iso-8859-4", "iso-8859-3", "iso-8859-10", "iso-8859-14", "mac-iceland", "johab"),
    *("cp855", "cp869", "cp775", "cp720", "cp861", "cp1125", "kz1048", "ptcp154", "koi8-t", "cp037", "cp500", "cp273"),
)
"""Encodings that no bytes show for certain; of equally plausible ones, the first is preferred."""

_FREQUENT = GUESSED[:15]
_RARE = GUESSED[GUESSED.index("iso-8859-16") :]
_SUPERSETS = {
    "shift-jis": "cp932",
    "euc-jp": "euc_jis_2004",
    "iso-2022-jp": "iso2022_jp_ext",
    "big5": "big5hkscs",
    "euc-kr": "cp949",
}
_SUBSETS: dict[str, Encoding] = {"ascii": "utf-8", "iso8859-1": "cp1252", "gbk": "gb18030", "gb2312": "gb18030"}
_SUBSETS |= {"shift_jis": "shift-jis", "euc_jp": "euc-jp", "iso2022_jp": "iso-2022-jp", "cp950": "big5"}
_SUBSETS |= {"big5": "big5", "euc_kr": "euc-kr", "utf-8-sig": "utf-8"}

_BOMS: tuple[tuple[bytes, Encoding], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE: tuple[Encoding, ...] = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_ESCAPES: tuple[tuple[bytes, Encoding], ...] = (
    (rb"\x1b\$\)C", "iso-2022-kr"),
    (rb"\x1b\$[@B]|\x1b\(J", "iso-2022-jp"),
    (rb"~\{(?:[!-w][!-~])+~\}", "hz"),
)

_HIGH = re.compile(rb"[\x80-\xff]")

MARK = "\udcff"
"""Stands for a byte that could not be decoded; no text contains it."""

N_SAMPLED = 60_000  # bytes that a guess is based on
N_WORDS = 400  # words with other characters than ASCII whose plausibility is examined


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return MARK * (error.end - error.start), error.end


codecs.register_error("lmcore.mark", _mark)


@dataclass(frozen=True)
class Reading:
    """One way to read a text."""

    encoding: Encoding
    sample: str  # a line with other characters than ASCII


def codec(encoding: str) -> str:
    """Python's name of an encoding; where one extends another, that of the larger one."""
    return _SUPERSETS.get(encoding, encoding)


def find_encoding(name: Any) -> Any:
    """The encoding that a name means, for example cp1252 for windows-1252; the name itself if it is unknown."""
    try:
        known = codecs.lookup(name).name
    except (LookupError, TypeError, ValueError):
        return name
    ours = {codecs.lookup(codec(encoding)).name: encoding for encoding in get_args(Encoding)[1:]}
    return ours.get(known) or _SUBSETS.get(known, name)


def decode_marked(data: bytes, encoding: str) -> str:
    """The text in some bytes, with a `MARK` for each byte that could not be decoded."""
    return data.decode(codec(encoding), "lmcore.mark")


def certain(data: bytes) -> Encoding | None:
    """The encoding that the bytes show for certain; None if they are in one of the `GUESSED` ones, or binary."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding
    for escape, encoding in _ESCAPES:
        if re.search(escape, data) and MARK not in decode_marked(data[:N_SAMPLED], encoding):
            return encoding
    sample = _sample(data)
    is_utf8 = _is_utf8(data, sample)
    n_control = len(re.findall(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]", sample))
    if n_control > 0.4 * len(sample) or (not is_utf8 and (b"\0" in sample or n_control > len(sample) // 10)):
        return _wide(data[:N_SAMPLED])
    return "utf-8" if is_utf8 else None


def _is_utf8(data: bytes, sample: bytes) -> bool:
    """Whether bytes are UTF-8, possibly with a few damaged ones: valid sequences are no accident."""
    try:
        data.decode()
    except UnicodeDecodeError:
        text = decode_marked(sample, "utf-8")
        n_valid = len(text.replace(MARK, "").encode()) - len(text.replace(MARK, ""))
        return n_valid >= text.count(MARK) and n_valid >= 4 * text.strip(MARK).count(MARK)
    return True


def _wide(sample: bytes) -> Encoding | None:
    """UTF-16 or UTF-32 without a byte order mark: the order of bytes that gives assigned characters of few scripts."""
    parities = {
        position % 2
        for position in (match.start() for match in re.finditer(rb"[^\0N\xd8-\xdf]\0[^\0N\xd8-\xdf]", sample))
    }
    if len(parities) > 1:  # in UTF-16, all zeros are high bytes, but for U+4E00 and halves of emoji
        return None
    whole = sample[: len(sample) // 4 * 4] or sample
    scores = {encoding: _disorder(decode_marked(whole, encoding)) for encoding in _WIDE}
    best = min(_WIDE, key=lambda encoding: scores[encoding])
    return best if scores[best] < 0.5 else None


def _disorder(text: str) -> float:
    """How little a text looks like one: the share of characters it should not have, and of different blocks."""
    text = text[:2000]
    n_bad = sum(unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in "\t\n\v\f\r" for c in text)
    n_bad += sum(
        ord(c) % 256 == 0 and c < "\U00010000" and c not in "\u0100\u3000\u4e00" for c in text
    )  # ASCII in the other order of bytes
    blocks = {"Han" if "\u3400" <= c <= "\u9fff" else "Hangul" if "가" <= c <= "힣" else ord(c) >> 7 for c in text}
    return (10 * n_bad + max(0, len(blocks) - 2)) / max(1, len(text))


def guess(data: bytes) -> list[Reading]:
    """Ways to read a text in one of the `GUESSED` encodings, the most plausible first, each with another sample."""
    sample = _sample(data)
    confidence = _confidence(sample)
    n_other = sum(byte > 127 for byte in sample)
    words = list(dict.fromkeys(word for word in sample.split() if not word.isascii()))
    scores: dict[Encoding, float] = {}
    for encoding in GUESSED:
        plausible = 1 - _implausible(decode_marked(b"\n".join(words[:N_WORDS]), encoding), n_other <= len(sample) / 10)
        prior = 1.3 if encoding == "cp1252" else 1.0 if encoding in _FREQUENT else 0.9 if encoding in _RARE else 0.97
        # a few characters among ASCII say too little for statistics
        scores[encoding] = prior * plausible**2 * (1 if n_other < len(sample) / 100 else confidence[encoding])
    return _distinct(data, sorted(GUESSED, key=lambda encoding: -scores[encoding]))


def _confidence(sample: bytes) -> dict[Encoding, float]:
    """The confidence of chardet's statistics in each of the `GUESSED` encodings, from 0 to 1."""
    found = chardet.detect_all(
        sample,
        ignore_threshold=True,
        compat_names=False,
        max_bytes=len(sample),
        include_encodings=[codec(encoding) for encoding in GUESSED],
        no_match_encoding="cp1252",
        empty_input_encoding="cp1252",
    )
    confidence = {codecs.lookup(entry["encoding"]).name: entry["confidence"] for entry in found if entry["encoding"]}
    return {encoding: confidence.get(codecs.lookup(codec(encoding)).name, 0.0) for encoding in GUESSED}


def _sample(data: bytes) -> bytes:
    """The first bytes, and later lines with other characters than ASCII; at most `N_SAMPLED` in all."""
    sample, end = data[: N_SAMPLED // 2], N_SAMPLED // 2
    while len(sample) < N_SAMPLED and (match := _HIGH.search(data, end)):
        start = data.rfind(b"\n", max(end, match.start() - 500), match.start()) + 1 or match.start()
        end = data.find(b"\n", start, start + 1000) + 1 or start + 1000
        sample += data[start:end]
    return sample[:N_SAMPLED]


def _implausible(words: str, is_latin: bool) -> float:
    """The share of characters that are improbable beside their neighbors, of those outside ASCII."""
    n_other = n_bad = 0
    for before, c in zip("\n" + words, words, strict=False):
        if c.isascii() and before.isascii():
            continue
        n_other += not c.isascii()
        n_bad += _is_implausible(before, c, is_latin)
    return min(1.0, n_bad / max(1, n_other))


def _is_implausible(before: str, c: str, is_latin: bool) -> bool:
    kind, kind_before = unicodedata.category(c), unicodedata.category(before)
    if c == MARK or (kind in ("Cc", "Cn", "Co") and c not in "\r\n\t"):
        return True
    if kind[0] == "L" and kind_before[0] == "L":  # inside a word
        is_mixed = c.isascii() != before.isascii() and "LATIN" not in unicodedata.name(max(c, before), "")
        return is_mixed or (kind == "Lu" and kind_before == "Ll")
    if kind[0] == "L":  # a letter after a symbol, or of another script than the rest of the text
        is_foreign = is_latin and not c.isascii() and "LATIN" not in unicodedata.name(c, "")
        return is_foreign or kind_before in ("Sk", "So", "Sm", "Sc", "No")
    opens = kind in ("Pi", "Ps") or kind in ("Sk", "So", "Sm", "No")
    return kind_before[0] == "L" and not c.isascii() and opens


def _distinct(data: bytes, encodings: list[Encoding]) -> list[Reading]:
    """Readings whose samples differ."""
    match = _HIGH.search(data)
    at = match.start() if match else 0
    line = re.split(rb"[\r\n]", data[max(0, at - 60) : at])[-1] + re.split(rb"[\r\n]", data[at : at + 60])[0]
    found: dict[str, Encoding] = {}
    for encoding in encodings:
        sample = decode_marked(line, encoding).replace(MARK, "\ufffd").strip()
        found.setdefault("".join(c for c in sample if c.isprintable()), encoding)
    return [Reading(encoding, sample) for sample, encoding in found.items()]
