"""A user's table: comma-separated text with a header, one example a line, one column with the classes.

It is kept as texts are, under the hash of its content. Whatever cannot be used is left out and told in words.
"""

import csv
import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.data import sources
from lmcore.errors import UserError

MAX_ROWS, MAX_COLUMNS, MAX_CLASSES = 20_000, 200, 10
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}


@dataclass(frozen=True)
class Table:
    """The cells of a table, as they were written."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """The cells of a column.

        Raises:
            UserError: if there is none of that name.
        """
        if name not in self.header:
            raise UserError(f"The table has no column {name!r}; choose one of: {', '.join(self.header)}.")
        at = self.header.index(name)
        return [row[at] for row in self.rows]


@dataclass(frozen=True)
class Read:
    """What a classifier can learn from a table."""

    X: NDArray[np.float64]  # (N, D)
    y: NDArray[np.int64]  # (N,)
    names: tuple[str, ...]
    classes: tuple[str, ...]
    remarks: tuple[str, ...]  # what was left out, in words


def keep(data: bytes, title: str) -> str:
    """Keeps a table that a user gives, and returns its name.

    Raises:
        UserError: if it is no table.
    """
    decoded = sources.decode(data)
    _parse(decoded.text, title)
    return sources.keep(decoded, title)


@functools.lru_cache(maxsize=8)
def read(name: str) -> Table:
    """The table that `keep` named so.

    Raises:
        UserError: if it is not on this computer.
    """
    if not name.startswith("text:"):
        raise UserError(f"There are no data {name!r}. Choose others, or upload a table.")
    try:
        text = sources.read(name)
    except UserError:
        raise UserError("That table is not on this computer. Upload it again.") from None
    return _parse(text, name.partition("-")[2])


def _parse(text: str, title: str) -> Table:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        lines = [[cell.strip() for cell in line] for line in csv.reader(text.splitlines(), dialect) if any(line)]
    except csv.Error as error:
        raise UserError(f"{title} cannot be read as a table ({error}). Save it as comma-separated values.") from None
    if dialect.delimiter == ";":  # where the semicolon parts columns, the comma is often the decimal sign
        lines = [[_with_point(cell) for cell in line] for line in lines]
    _refuse_odd_shapes(lines, title)
    header = [name or f"column {i + 1}" for i, name in enumerate(lines[0])]
    return Table(title, tuple(_distinct(header)), tuple(tuple(line) for line in lines[1:]))


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if cell.replace(",", "", 1).lstrip("+-").isdigit() else cell


def _distinct(names: list[str]) -> list[str]:
    seen: list[str] = []
    for name in names:
        repeated = next(f"{name} ({i})" if i > 1 else name for i in range(1, 10_000) if _free(name, i, seen))
        seen.append(repeated)
    return seen


def _free(name: str, i: int, seen: list[str]) -> bool:
    return (f"{name} ({i})" if i > 1 else name) not in seen


def _refuse_odd_shapes(lines: list[list[str]], title: str) -> None:
    if len(lines) < 11 or len(lines[0]) < 2:
        raise UserError(f"{title} is too small: a header, two columns and ten lines of examples are the least.")
    if len(lines) - 1 > MAX_ROWS or len(lines[0]) > MAX_COLUMNS:
        raise UserError(
            f"{title} has {len(lines) - 1:,} lines and {len(lines[0])} columns; at most {MAX_ROWS:,} and "
            f"{MAX_COLUMNS} are allowed. Give a part of it."
        )
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]):
            raise UserError(f"Line {number} of {title} has {len(line)} cells, the header {len(lines[0])}. Mend it.")


# ---------------------------------------------------------------- features


def features(table: Table, label: str) -> Read:
    """Numbers and classes of a table.

    Columns of text, constant columns and lines with missing values are left out, and the remarks say so.

    Raises:
        UserError: if too little is left, or the label column has too few or too many values.
    """
    labels = table.column(label)
    columns = {name: table.column(name) for name in table.header if name != label}
    text = [name for name, cells in columns.items() if not _is_numeric(cells)]
    numbers = {name: np.array([_number(cell) for cell in cells]) for name, cells in columns.items() if name not in text}
    missing = np.array([_is_missing(cell) for cell in labels])
    for values in numbers.values():
        missing |= np.isnan(values)
    constant = [name for name, values in numbers.items() if len(set(values[~missing])) < 2]
    names = tuple(name for name in numbers if name not in constant)
    remarks = _remarks(text, constant, int(missing.sum()))
    kept = [cell for cell, gone in zip(labels, missing, strict=True) if not gone]
    if not names or len(kept) < 10:
        raise UserError(
            f"Too little is left of the table: {len(kept)} lines with {len(names)} columns of numbers. "
            + " ".join(remarks)
        )
    classes = _classes(kept, label)
    y = np.array([classes.index(cell) for cell in kept], np.int64)
    return Read(np.stack([numbers[name][~missing] for name in names], 1), y, names, classes, remarks)


def _classes(labels: list[str], label: str) -> tuple[str, ...]:
    classes = sorted(set(labels))
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise UserError(
            f"The column {label!r} has {len(classes):,} different values; "
            f"as classes there may be 2 to {MAX_CLASSES}. Choose another label column."
        )
    return tuple(classes)


def _remarks(text: list[str], constant: list[str], missing: int) -> tuple[str, ...]:
    remarks = []
    if text:
        remarks.append(f"Left out, because they hold text: {', '.join(text)}.")
    if constant:
        remarks.append(f"Left out, because they never change: {', '.join(constant)}.")
    if missing:
        remarks.append(f"Left out: {missing:,} lines with missing values.")
    return tuple(remarks)


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def _is_numeric(cells: list[str]) -> bool:
    given = [cell for cell in cells if not _is_missing(cell)]
    return bool(given) and not any(math.isnan(_number(cell)) for cell in given)


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if abs(value) < 1e30 else math.nan
