"""The cells of a table: which of them are missing, and which are numbers, however a spreadsheet writes them.

A decimal sign is a point or a comma. Thousands are grouped by the other one, by spaces or by apostrophes. Percent and
currency signs are understood, as are negative numbers in parentheses.
"""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DecimalSign = Literal[".", ","]

MAX_NUMBER = 1e30
"""Numbers from here on cannot be computed with; they count as missing."""

MISSING = {"", "na", "n/a", "n.a.", "<na>", "nan", "-nan", "nat", "nil", "null", "?", "-", "--", "–", "—"} | {
    "#n/a", "#na", "#n/a n/a", "#null!", "#div/0!", "#value!", "#ref!", "#num!", "#name?",
}  # fmt: skip
"""Cells that count as missing, in lower case. A minus is a value in columns that also have a plus."""

MISSING_NUMBERS = {"none", "unknown", "missing", ".", "*", "inf", "-inf", "+inf", "infinity", "-infinity"}
"""Cells that count as missing in a column of numbers, in lower case."""

MIN_NUMERIC_SHARE = 0.9
"""A column is numeric if at least this share of its cells are numbers; the others then count as missing."""

MAX_LENGTH = 60
"""Characters of a number at most."""

MAX_EVIDENCE = 300
"""Different cells of a column by which its decimal sign is decided."""

_CURRENCY = r"(?:[A-Za-z]{0,2}[$€£¥₹₩₽₺₴₫₪₦₱฿¢]|EUR|USD|GBP|CHF|JPY|CNY|INR|kr\.?|zł|Kč|Ft)"
_UNITS = re.compile(rf"([(+\-−]?)\s*{_CURRENCY}?\s*([+\-−]?[\d.,][^%‰)]*?)\s*([%‰]?)\s*{_CURRENCY}?\s*(\)?)")
_SPACE = " \u00a0\u2009\u202f"
_PLAIN = {
    sign: re.compile(rf"[+-]?(?:\d{{1,3}}(?:[{group}{_SPACE}'’]\d{{2,3}})*[{group}{_SPACE}'’]\d{{3}}|\d+)?"
                     rf"(?:{re.escape(sign)}\d*)?(?:[eE][+-]?\d+)?")
    for sign, group in ((".", ","), (",", "."))
}  # fmt: skip


def missing(cells: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether each cell of a column is missing."""
    markers = MISSING - {"-"} if cells.eq("+").any() else MISSING
    return cells.str.lower().isin(markers)


def is_number(cell: str) -> bool:
    """Whether a cell is a number by itself."""
    return any(not math.isnan(parse_number(cell, sign)) for sign in _PLAIN)


def parse_number(cell: str, decimal_sign: str) -> float:
    """The number in a cell; nan if there is none."""
    match = _UNITS.fullmatch(cell) if len(cell) <= MAX_LENGTH else None
    if match is None:
        return math.nan
    before, digits, unit, after = match.groups()
    digits = digits.replace("−", "-")
    if (before == "(") != (after == ")") or not _PLAIN[decimal_sign].fullmatch(digits):
        return math.nan
    try:
        value = float(re.sub(rf"[^\d+\-eE{decimal_sign}]", "", digits).replace(",", "."))
    except ValueError:  # there is no digit
        return math.nan
    value = -value if before in ("(", "-", "−") else value
    return value / {"": 1, "%": 100, "‰": 1000}[unit]


# ---------------------------------------------------------------- the decimal sign


def decimal_sign(cells: Iterable[str], default: DecimalSign | None = None) -> DecimalSign | None:
    """The decimal sign that most cells show; the default if they show none, as 1,234 does."""
    shown = [_shown_sign(cell) for cell in cells]
    points, commas = shown.count("."), shown.count(",")
    if points == commas:
        return default
    return "." if points > commas else ","


def _shown_sign(cell: str) -> str | None:
    """The decimal sign of a number, where it can be nothing else."""
    match = _UNITS.fullmatch(cell) if len(cell) <= MAX_LENGTH else None
    digits = match[2].lstrip("+-−") if match else ""
    if "." in digits and "," in digits:
        return max(".,", key=digits.rindex)
    sign = "." if "." in digits else ","
    whole, _, fraction = digits.partition(sign)
    if not fraction.isdigit():
        return None if sign not in fraction or not _is_grouped(digits, sign) else "," if sign == "." else "."
    is_group = len(fraction) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return None if is_group else sign


def _is_grouped(digits: str, sign: str) -> bool:
    """Whether a sign occurs several times, as between thousands."""
    return all(len(group) == 3 and group.isdigit() for group in digits.split(sign)[1:])


# ---------------------------------------------------------------- numeric columns


def numbers(cells: Sequence[str], default: DecimalSign = ".") -> NDArray[np.float64]:
    """The numbers in some cells, shape (N,); nan where there is none.

    Args:
        cells: of one column.
        default: the decimal sign where the cells do not show it.
    """
    with_sign = islice((cell for cell in cells if "," in cell or "." in cell), MAX_EVIDENCE)
    sign = decimal_sign(with_sign, default) or default
    # most numbers are plain ones, which pandas reads much faster
    plain = [cell if sign == "." else "" if "." in cell else cell.replace(",", ".") for cell in cells]
    values: NDArray[Any] = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce").to_numpy(float, copy=True)
    for i in np.flatnonzero(np.isnan(values)).tolist():
        values[i] = parse_number(cells[i], sign)
    values[~(np.abs(values) < MAX_NUMBER)] = math.nan
    return values
