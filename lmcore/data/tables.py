"""A user's own table: delimited text with a header, one example per line, one column with the classes.

It is stored like an uploaded text. What cannot be used is left out, and remarks say what that is.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.cache import cached
from lmcore.data import uploads
from lmcore.data.encoding import decode
from lmcore.errors import UserError

MAX_ROWS, MAX_COLUMNS, MAX_CLASSES = 20_000, 200, 10
MIN_EXAMPLES, MIN_COLUMNS = 10, 2
MAX_NUMBER = 1e30
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}
"""Cells that count as missing values, in lower case."""


@dataclass(frozen=True)
class Table:
    """The cells of a table, as strings."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """The cells of a column.

        Raises:
            UserError: if there is no such column.
        """
        if name not in self.header:
            raise UserError(f"The table has no column {name!r}. Choose from: {', '.join(self.header)}.")
        column = self.header.index(name)
        return [row[column] for row in self.rows]


@dataclass(frozen=True)
class LabeledExamples:
    """What a classifier can learn from a table."""

    X: NDArray[np.float64]  # (N, D)
    y: NDArray[np.int64]  # (N,), indices of classes
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    remarks: tuple[str, ...]  # sentences on what was left out


def save(data: bytes, title: str) -> str:
    """Store a table that a user uploads, and return its name.

    Raises:
        UserError: if it is not a table.
    """
    decoded = decode(data)
    parse(decoded.text, title)
    return uploads.save(decoded, title)


@cached(max_bytes=300_000_000)
def read(name: str) -> Table:
    """The table of the name that `save` returned.

    Raises:
        UserError: if the table is not on this computer.
    """
    if not name.startswith(uploads.PREFIX):
        raise UserError(f"There is no data set {name!r}. Choose another one, or upload a table.")
    try:
        text = uploads.read(name)
    except UserError:
        raise UserError("This table is not on this computer. Upload it again.") from None
    return parse(text, uploads.title_of(name))


# ---------------------------------------------------------------- parsing


def parse(text: str, title: str) -> Table:
    """The table in a text, separated by commas, semicolons, tabs or vertical bars.

    Raises:
        UserError: if it is not a table, or too small or too large.
    """
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        lines = [[cell.strip() for cell in line] for line in csv.reader(text.splitlines(), dialect) if any(line)]
    except csv.Error as error:
        raise UserError(f"{title} cannot be read as a table ({error}). Save it as comma-separated values.") from None
    if dialect.delimiter == ";":  # where semicolons separate the columns, a comma is often the decimal sign
        lines = [[_with_decimal_point(cell) for cell in line] for line in lines]
    _check_shape(lines, title)
    header = _make_distinct([name or f"column {i + 1}" for i, name in enumerate(lines[0])])
    return Table(title, tuple(header), tuple(tuple(line) for line in lines[1:]))


def _with_decimal_point(cell: str) -> str:
    return cell.replace(",", ".") if cell.replace(",", "", 1).lstrip("+-").isdigit() else cell


def _make_distinct(names: Sequence[str]) -> list[str]:
    """The same names, where repeated ones get a number: a, a (2), a (3)."""
    distinct: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in distinct:
            number += 1
            candidate = f"{name} ({number})"
        distinct.append(candidate)
    return distinct


def _check_shape(lines: Sequence[Sequence[str]], title: str) -> None:
    if len(lines) < 1 + MIN_EXAMPLES or len(lines[0]) < MIN_COLUMNS:
        raise UserError(
            f"{title} is too small. It needs a header, at least {MIN_COLUMNS} columns and at least {MIN_EXAMPLES} "
            "lines of examples."
        )
    if len(lines) - 1 > MAX_ROWS or len(lines[0]) > MAX_COLUMNS:
        raise UserError(
            f"{title} has {len(lines) - 1:,} lines and {len(lines[0])} columns; at most {MAX_ROWS:,} lines and "
            f"{MAX_COLUMNS} columns are allowed. Use a part of it."
        )
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]):
            raise UserError(
                f"Line {number} of {title} has {len(line)} cells, but the header has {len(lines[0])}. Correct the line."
            )


# ---------------------------------------------------------------- features


def labeled_examples(table: Table, label: str) -> LabeledExamples:
    """The numeric features and the classes of a table.

    Text columns, constant columns and lines with missing values are left out.

    Args:
        table: the cells.
        label: name of the column with the classes.

    Raises:
        UserError: if too little is left, or the label column has too few or too many distinct values.
    """
    labels = table.column(label)
    # numeric columns, and the lines without missing values
    columns = {name: table.column(name) for name in table.header if name != label}
    text = [name for name, cells in columns.items() if not _is_numeric(cells)]
    numbers = {name: np.array([_number(cell) for cell in cells]) for name, cells in columns.items() if name not in text}
    missing = np.array([_is_missing(cell) for cell in labels])  # (rows,)
    for values in numbers.values():
        missing |= np.isnan(values)
    # columns that vary over these lines
    constant = [name for name, values in numbers.items() if len(set(values[~missing])) < 2]
    feature_names = tuple(name for name in numbers if name not in constant)
    remarks = _remarks(text, constant, int(missing.sum()))
    kept = [cell for cell, is_missing in zip(labels, missing, strict=True) if not is_missing]
    if not feature_names or len(kept) < MIN_EXAMPLES:
        raise UserError(
            f"Too little of the table can be used: {len(kept)} lines with {len(feature_names)} numeric columns. "
            + " ".join(remarks)
        )
    class_names = _class_names(kept, label)
    X = np.stack([numbers[name][~missing] for name in feature_names], 1)  # (N, D)
    y = np.array([class_names.index(cell) for cell in kept], np.int64)
    return LabeledExamples(X, y, feature_names, class_names, remarks)


def _class_names(labels: Sequence[str], label: str) -> tuple[str, ...]:
    classes = sorted(set(labels))
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise UserError(
            f"The column {label!r} has {len(classes):,} distinct values, but there can be only 2 to {MAX_CLASSES} "
            "classes. Choose another label column."
        )
    return tuple(classes)


def _remarks(text: Sequence[str], constant: Sequence[str], n_missing: int) -> tuple[str, ...]:
    remarks = []
    if text:
        remarks.append(f"Left out because they contain text: {', '.join(text)}.")
    if constant:
        remarks.append(f"Left out because they are constant: {', '.join(constant)}.")
    if n_missing:
        remarks.append(f"Left out because of missing values: {n_missing:,} {'line' if n_missing == 1 else 'lines'}.")
    return tuple(remarks)


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def _is_numeric(cells: Sequence[str]) -> bool:
    given = [cell for cell in cells if not _is_missing(cell)]
    return bool(given) and not any(math.isnan(_number(cell)) for cell in given)


def _number(cell: str) -> float:
    """The number in a cell; nan if there is none, or it is too large to compute with."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if abs(value) < MAX_NUMBER else math.nan
