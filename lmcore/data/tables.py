"""A user's own table: delimited text with one example per line, as spreadsheets and statistics programs write it.

The separator is found from the first lines; pandas then reads the cells, all of them as strings. `table_features` makes
examples for a classifier of them. A table is stored like an uploaded text.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from lmcore.cache import cached
from lmcore.data import uploads
from lmcore.data.encoding import decode
from lmcore.data.table_cells import MIN_NUMERIC_SHARE, DecimalSign, decimal_sign, is_number, missing
from lmcore.errors import UserError

MAX_COLUMNS = 500
MIN_EXAMPLES, MIN_COLUMNS = 10, 2
MAX_SAMPLE = 20_000  # characters, from the first, by which the separator is found
MAX_SAMPLE_LINES = 100
MAX_NAME = 80  # characters of a column's name

SPACES, ALIGNED = " ", "  "
SEPARATORS = ("\t", ";", "|", ",", ALIGNED, SPACES)
"""What may separate the columns; `ALIGNED` stands for two or more spaces, `SPACES` for one or more."""

UNUSUAL_SEPARATORS = ("^", "~", ":", "，")
"""What is tried where nothing usual separates columns."""

_CONTROL_SEPARATORS = (b"\x1f", b"\x01")  # of databases; as characters of a text, they would be dropped

_FORMATS = {
    b"PK\x03\x04": "a spreadsheet workbook (such as .xlsx or .ods) or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
    b"\x1f\x8b": "a file compressed with gzip",
    b"%PDF": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"\x89HDF": "an HDF5 file",
}
_TEXT_FORMATS = {
    "a web page or XML": re.compile(rb"\s*(<!doctype html|<html|<table|<\?xml)", re.IGNORECASE),
    "JSON": re.compile(rb"\s*[\[{]\s*[\[{\"]"),
    "LIBSVM data": re.compile(rb"([^\s,;:]+( +\d+:[^\s,;:]+)+ *\r?\n){3}"),
    "an ARFF file": re.compile(rb"(\s*%.*\n)*\s*@relation\b", re.IGNORECASE),
}
_SINGLE_QUOTED = re.compile(r"(?m)(^|[,;\t|])( *)'([^'\"\n]*)'(?= *(?:[,;\t|]|$))")
_ESCAPED_QUOTE = re.compile(r"\\\"(?![,;\t|]|\s*$)", re.MULTILINE)
_TEXT_FORMULA = re.compile(r"(?m)(^|[,;\t|])=(\"[^\"\n]*\")(?=[,;\t|]|$)")
_COMMENTS = re.compile(r"(?:\s*# .*\n)+")


@dataclass(frozen=True, eq=False)
class Table:
    """The cells of a table, as strings without surrounding spaces."""

    title: str
    cells: pd.DataFrame  # one row per example, one column per column; the index counts the rows from 0
    decimal_sign: DecimalSign  # in columns that do not show it
    remarks: tuple[str, ...] = ()  # sentences on how the table was read

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.cells.columns)

    def column(self, name: str) -> "pd.Series[str]":
        """The cells of a column.

        Raises:
            UserError: if there is no such column.
        """
        if name not in self.header:
            raise UserError(f"The table has no column {name[:MAX_NAME]!r}. Choose from: {', '.join(self.header)}.")
        return self.cells[name]

    def sample(self, n: int, seed: int) -> "Table":
        """The table with at most ``n`` of its rows, drawn at random, in their order."""
        if n >= len(self.cells):
            return self
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.cells))[:n])
        remark = f"{n:,} of {len(self.cells):,} rows, drawn with seed {seed}."
        return replace(self, cells=self.cells.iloc[rows], remarks=(*self.remarks, remark))


def save(data: bytes, title: str) -> str:
    """Store a table that a user uploads, and return its name.

    Raises:
        UserError: if it is not a table.
    """
    _refuse_other_formats(data, title)
    parse(_decode(data), title)
    return uploads.save(data, title)


def is_table(source: str) -> bool:
    """Whether a data set is an uploaded table, by its name."""
    return source.startswith(uploads.PREFIX)


@cached(max_bytes=300_000_000, is_data=True)
def read(name: str) -> Table:
    """The table of the name that `save` returned.

    Raises:
        UserError: if the table is not on this computer.
    """
    if not is_table(name):
        raise UserError(f"There is no data set {name!r}. Choose another one, or upload a table.")
    try:
        text = _decode(uploads.read(name))
    except UserError:
        raise UserError("This table is not on this computer. Upload it again.") from None
    return parse(text, uploads.title_of(name))


def _decode(data: bytes) -> str:
    """The text of a table, in which tabs stand for separators that are control characters."""
    for separator in _CONTROL_SEPARATORS:
        if b"\0" not in data and data.count(separator) >= max(1, data.count(b"\n")):
            data = data.replace(separator, b"\t")
    return decode(data).text


def _refuse_other_formats(data: bytes, title: str) -> None:
    text = data[:MAX_SAMPLE].removeprefix(b"\xef\xbb\xbf")
    binary = [what for start, what in _FORMATS.items() if data.startswith(start)]
    for what in binary + [what for what, pattern in _TEXT_FORMATS.items() if pattern.match(text)]:
        raise UserError(
            f"{title} is {what}, not a table of plain text. Open it in the program that it comes from, save it as CSV "
            "(comma-separated values) there, and use that file."
        )


# ---------------------------------------------------------------- parsing


def parse(text: str, title: str) -> Table:
    """The table in a text, whose columns are separated by commas, semicolons, tabs, vertical bars or spaces.

    Without a header the columns are called x1, x2, and so on.

    Raises:
        UserError: if it is not a table, or too small or too large.
    """
    separator, body, n_above = _find_separator(_with_plain_quotes(text))
    sample = _split(body, separator)
    width = max(len(sample[0]), Counter(map(len, sample)).most_common(1)[0][0])
    if width < MIN_COLUMNS:
        raise _too_small(title, "one column")
    cells = _read_cells(body, separator, width, title, n_above)
    cells = _tidy(cells, is_shifted=_header_lacks_a_name(sample))
    has_header = len(cells) > 0 and _has_header(cells)
    names = cells.iloc[0].tolist() if has_header else [f"x{i + 1}" for i in range(cells.shape[1])]
    cells.columns = pd.Index(_column_names(names))
    cells = cells[1:] if has_header else cells
    if len(cells) < MIN_EXAMPLES or cells.shape[1] < MIN_COLUMNS:
        raise _too_small(title, f"{len(cells):,} rows and {cells.shape[1]} columns")
    remarks = []
    if not has_header:
        remarks.append(f"The table has no header; its columns are called x1 to x{cells.shape[1]}.")
    if width > MAX_COLUMNS:
        remarks.append(f"{MAX_COLUMNS} of {width:,} columns, the first {MAX_COLUMNS - 1} and the last, are read.")
    return Table(title, cells.reset_index(drop=True), _usual_decimal_sign(cells, separator), tuple(remarks))


def _with_plain_quotes(text: str) -> str:
    """The text with cells quoted as CSV has it, where they are quoted by apostrophes, ``\\"`` or ``="…"``."""
    sample = text[:MAX_SAMPLE]
    if '"' not in sample and len(_SINGLE_QUOTED.findall(sample)) >= max(1, sample.count("\n") // 2):
        text = _SINGLE_QUOTED.sub(r'\1\2"\3"', text)
    if '""' not in sample and _ESCAPED_QUOTE.search(sample):
        text = _ESCAPED_QUOTE.sub('""', text)
    return _TEXT_FORMULA.sub(r"\1\2", text) if _TEXT_FORMULA.search(sample) else text


def _too_small(title: str, size: str) -> UserError:
    return UserError(
        f"{title} is too small: it has {size}, but at least {MIN_EXAMPLES} rows and {MIN_COLUMNS} columns are needed. "
        "Separate the columns by commas, semicolons, tabs or spaces."
    )


def _find_separator(text: str) -> tuple[str, str, int]:
    """The separator, the text of the table, and the number of lines above it: comments, or one with the separator."""
    if match := _COMMENTS.match(text):
        separator, body, n_above = _find_separator(text[match.end() :])
        return separator, body, n_above + match[0].count("\n")
    if match := re.match(r"\s*\"?sep=(.)\"?[^\S\t\n]*\n", text, re.IGNORECASE):
        return match[1], text[match.end() :], match[0].count("\n")
    plausibility = {separator: _plausibility(_split(text, separator)) for separator in SEPARATORS}
    if not any(plausibility.values()):
        plausibility = {separator: _plausibility(_split(text, separator)) for separator in UNUSUAL_SEPARATORS}
    return max(plausibility, key=lambda separator: plausibility[separator]), text, 0


def _split(text: str, separator: str) -> list[list[str]]:
    """The cells of the first lines."""
    sample = text[:MAX_SAMPLE]
    lines = [line for line in _records(sample, separator, MAX_SAMPLE_LINES + 1) if any(line)]
    is_cut = len(sample) < len(text) or len(lines) > MAX_SAMPLE_LINES
    return (lines[:-1] if is_cut and len(lines) > 1 else lines) or [[]]


def _records(text: str, separator: str, limit: int) -> Iterator[list[str]]:
    """The cells of up to ``limit`` lines; of fewer if a cell is too long."""
    text, separator = _with_tabs(text, separator)
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    try:
        for _, line in zip(range(limit), reader, strict=False):
            yield [cell.strip() for cell in line]
    except csv.Error:
        return


def _with_tabs(text: str, separator: str) -> tuple[str, str]:
    """The same table, with tabs instead of separators of several spaces or of more than one byte."""
    if not separator.isascii():
        return text.replace(separator, "\t"), "\t"
    return (re.sub(r"(?<=\S) {2,}(?=\S)", "\t", text), "\t") if separator == ALIGNED else (text, separator)


def _plausibility(lines: Sequence[Sequence[str]]) -> float:
    """How well a separator fits, from 0 to 1.

    All lines should have the same number of cells, at least two. A cell should be a number, or a word, or several
    words without another separator between them.
    """
    width, count = Counter(map(len, lines)).most_common(1)[0]
    if width < MIN_COLUMNS:
        return 0.0
    cells = Counter(cell for line in lines for cell in line)
    fits = sum(n * _fitness(cell) for cell, n in cells.items())
    return count / len(lines) * fits / cells.total()


def _fitness(cell: str) -> float:
    if not cell or is_number(cell):
        return 1.0
    if any(separator in cell for separator in SEPARATORS[:-1]):
        return 0.0
    return 0.8 if SPACES in cell else 0.9


def _read_cells(text: str, separator: str, width: int, title: str, n_above: int) -> pd.DataFrame:
    """The cells of up to `MAX_COLUMNS` columns; lines that are too short are filled up with empty ones."""
    text_, separator_ = _with_tabs(text, separator)
    first = separator_.join(["-"] * width)  # pandas takes the number of columns from the first line
    try:
        cells: pd.DataFrame = pd.read_csv(
            io.StringIO(f"{first}\n{text_}"),
            sep=r"\s+" if separator_ == SPACES else separator_,
            header=None,
            dtype=str,
            usecols=[*range(MAX_COLUMNS - 1), width - 1] if width > MAX_COLUMNS else None,
            na_filter=False,
            skipinitialspace=True,
        )
    except pd.errors.ParserError as error:
        raise UserError(_describe_fault(str(error), text, separator, width, title, n_above)) from None
    cells = cells[1:].copy()
    for name in cells.columns:
        cells[name] = cells[name].str.strip()
    return cells


def _describe_fault(error: str, text: str, separator: str, width: int, title: str, n_above: int) -> str:
    """Which line cannot be read, and why."""
    text, separator = _with_tabs(text, separator)
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    line, cells = n_above + 1, []
    try:
        for cells in reader:
            if len(cells) > width:
                break
            line = n_above + reader.line_num + 1
    except csv.Error:
        pass
    if "EOF inside string" in error or len(cells) <= width:
        return f"A quotation mark in {title} opens a cell and is never closed. Close or remove it."
    return (
        f"Line {line} of {title} has {len(cells)} cells, but the header has {width}; the first one too many is "
        f"{cells[width][:40]!r}. Correct the line, or put cells that contain the separator in quotation marks."
    )


# ---------------------------------------------------------------- rows and columns


def _header_lacks_a_name(sample: Sequence[Sequence[str]]) -> bool:
    """Whether every line has one cell more than the first: R leaves out the name of the column with the row names."""
    return len(sample) > 1 and {len(line) - len(sample[0]) for line in sample[1:]} == {1} and all(sample[0])


def _tidy(cells: pd.DataFrame, is_shifted: bool) -> pd.DataFrame:
    """The cells without empty rows and columns, lines of dashes, and a title above the header."""
    if is_shifted:
        cells.iloc[0] = ["", *cells.iloc[0].tolist()[:-1]]
    is_empty = cells == ""
    is_rule = cells.apply(lambda column: column.str.fullmatch(r"[-=+:]*")).all(axis=1)
    is_title = ~is_empty.iloc[:, 0] & is_empty.iloc[:, 1:].all(axis=1)
    first = int((~is_title & ~is_empty.all(axis=1)).to_numpy().argmax())
    kept = ~is_rule
    kept.iloc[:first] = False
    return cells.loc[kept, ~is_empty.all(axis=0)]


def _has_header(cells: pd.DataFrame) -> bool:
    """Whether the first row names the columns: it is no number above numbers, and no value that occurs again."""
    heads, recurring = [], []
    if not cells.iloc[0, 0] and not missing(cells.iloc[1:, 0]).any():  # the names of the rows have no name
        return True
    for name in cells.columns:
        head, below = cells[name].iloc[0], cells[name].iloc[1:]
        given = below[~missing(below)][:MAX_SAMPLE_LINES]
        if not head or given.empty:
            continue
        if given.map(is_number).mean() < MIN_NUMERIC_SHARE:
            recurring.append(bool(below.eq(head).any()))
        elif is_number(head):
            heads.append(head)
        elif not missing(pd.Series([head])).all():
            return True
    if heads:
        return _counts(heads)
    return 2 * sum(recurring) < max(len(recurring), 1)


def _counts(heads: Sequence[str]) -> bool:
    """Whether at least three numbers name columns: years, or a count from 0."""
    if len(heads) < 3 or not all(head.isdecimal() for head in heads):
        return False
    values = [int(head) for head in heads]
    steps = {after - before for before, after in pairwise(values)}
    is_count = steps == {1} and values[0] in (0, 1)
    return is_count or (min(steps) > 0 and 1800 <= values[0] < values[-1] <= 2100)


def _column_names(names: Sequence[str]) -> list[str]:
    """The names on one line and not too long; missing ones by position; repeated ones with a number: a, a (2)."""
    distinct: list[str] = []
    for i, name in enumerate(names):
        name = " ".join(name.split())[:MAX_NAME] or f"column {i + 1}"
        number, candidate = 1, name
        while candidate in distinct:
            number += 1
            candidate = f"{name} ({number})"
        distinct.append(candidate)
    return distinct


def _usual_decimal_sign(cells: pd.DataFrame, separator: str) -> DecimalSign:
    """The decimal sign of most columns; where none shows it, a comma if semicolons separate the columns."""
    default: DecimalSign = "," if separator == ";" else "."
    signs = [decimal_sign(column.iloc[:MAX_SAMPLE_LINES]) for _, column in cells.items()]
    return decimal_sign([f"0{sign}0" for sign in signs if sign], default) or default
