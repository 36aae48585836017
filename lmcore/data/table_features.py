"""The columns of a table as features and classes: numbers as they are, words of few kinds as one-hot features.

What cannot be used is left out: columns that number the rows, are constant, are mostly missing or contain running text;
then rows with missing cells. The result says what became of each column.

Dimensions: N examples, D features.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.cache import cached
from lmcore.data import tables
from lmcore.data.table_cells import MIN_NUMERIC_SHARE, MISSING_NUMBERS, DecimalSign, missing, numbers
from lmcore.data.tables import MAX_NAME, MIN_EXAMPLES, Table
from lmcore.errors import UserError

MAX_CLASSES = 10
OTHER = "other"
"""Name of the class that rare classes become where there are more than `MAX_CLASSES`."""

MAX_FEATURES = 500
MAX_VALUES = 20
"""Different values of a text column that becomes one-hot; on average, each must occur at least twice."""

MIN_COMPLETE_SHARE = 0.5
"""Columns with missing cells are left out until at least this share of the rows is complete."""

_LABEL_NAMES = ("class", "label", "target", "cls", "y")
"""Names of columns with classes, in lower case, by precedence."""

_ROW_NUMBER_NAMES = re.compile(
    r"column \d+|unnamed: ?\d+|#|(.*[ _.-])?(id|index|idx|nr\.?|no\.?|row|row[ _.-]?(names?|num(ber)?)|number)|"
    r"s\.?no\.?|serial|obs\.?|observation|case|record",
    re.IGNORECASE,
)

_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ]\d{1,2}:\d\d.*)?|\d{1,2}:\d\d(:\d\d.*)?( ?[AP]M)?", re.IGNORECASE
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnUse:
    """What became of a column of a table."""

    name: str
    use: str  # as in "number", or "left out: constant"


@dataclass(frozen=True)
class LabeledExamples:
    """What a classifier can learn from a table."""

    X: Floats  # (N, D)
    y: NDArray[np.int64]  # (N,), indices of classes
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    remarks: tuple[str, ...]  # sentences on the rows
    columns: tuple[ColumnUse, ...]  # in the order of the table


@dataclass(frozen=True, eq=False)
class _Column:
    """A column that may become features: its numbers, or the indices of its categories."""

    name: str
    array: Floats  # (rows,), nan where a cell is missing
    categories: tuple[str, ...] = ()  # of a text column
    note: str = ""  # on cells that could not be read
    left_out: str = ""  # why it cannot be used


def labeled_examples(table: Table, label: str, row_numbers: bool = False) -> LabeledExamples:
    """The features and the classes of a table.

    Args:
        table: the cells.
        label: name of the column with the classes.
        row_numbers: use columns that only number the rows, too.

    Raises:
        UserError: if too little is left, or the label column has too few or too many distinct values.
    """
    labels = table.column(label)
    labels = labels[~missing(labels)]
    labels, on_classes = _with_rare_ones_grouped(labels)
    _check_classes(len(_classes(labels)[1]), table, label)  # most often the label column is the wrong one
    cells = table.cells.loc[labels.index]
    columns = [_read_column(cells[name], table.decimal_sign) for name in table.header if name != label]
    if not row_numbers:
        columns = _leave_out_row_numbers(columns, labels, table)
    columns = _leave_out_sparse(columns, labels)
    complete = ~_any_missing(columns, len(labels))  # (rows,)
    columns = _leave_out_constant([replace(column, array=column.array[complete]) for column in columns])
    columns = _leave_out_beyond_limit(columns)
    uses = {column.name: _describe(column) for column in columns} | {label: "class"}
    remarks = table.remarks + on_classes + _row_remark(len(table.cells) - int(complete.sum()), len(table.cells))
    labels = labels[complete]
    features = {name: values for column in columns for name, values in _expand(column).items()}
    if not features or len(labels) < MIN_EXAMPLES:
        raise UserError(_too_little(len(labels), len(features), uses, remarks))
    y, class_names = _classes(labels)
    _check_classes(len(class_names), table, label)
    X = np.stack(list(features.values()), axis=1)  # (N, D)
    listed = tuple(ColumnUse(name, uses[name]) for name in table.header)
    return LabeledExamples(X, y, tuple(features), class_names, remarks, listed)


# ---------------------------------------------------------------- classes


@cached(max_bytes=1_000_000)
def default_label(table: Table) -> str:
    """The column that most likely has the classes.

    That is a column named like one; else the last column, if it has words or few different values; else the first or
    the last one that can have the classes.
    """
    named = [name for wanted in _LABEL_NAMES for name in table.header if name.lower() == wanted]
    if named:
        return named[0]
    last, possible = table.header[-1], possible_labels(table)
    cells = table.cells[last][~missing(table.cells[last])]
    n_distinct = cells.nunique()
    if n_distinct <= MAX_CLASSES or (n_distinct <= len(cells) / 2 and np.isnan(numbers(cells.unique().tolist())).all()):
        return last
    return table.header[0] if table.header[0] in possible else [last, *possible][-1]


def label_columns(source: str) -> tuple[tuple[str, ...], str]:
    """The columns of a table, and the one that most likely has the classes. Errors as for `tables.read`."""
    table = tables.read(source)
    return table.header, default_label(table)


def possible_labels(table: Table) -> list[str]:
    """The columns with 2 to `MAX_CLASSES` different values."""
    distinct = {name: table.cells[name][~missing(table.cells[name])].nunique() for name in table.header}
    return [name for name, n in distinct.items() if 2 <= n <= min(MAX_CLASSES, len(table.cells) - 1)]


def _classes(labels: "pd.Series[str]") -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Index of each label, and the names of the classes: numbers by size, 1 and 1.0 being the same, words by letter."""
    distinct = sorted(labels.unique())
    values = numbers(distinct)
    keys: dict[str, Any] = dict(zip(distinct, distinct if np.isnan(values).any() else values.tolist(), strict=True))
    index = {key: i for i, key in enumerate(sorted(set(keys.values())))}
    names = {index[keys[text]]: text for text in reversed(distinct)}
    y: NDArray[np.int64] = np.array([index[keys[text]] for text in labels], np.int64)
    return y, tuple(_short(names[i]) for i in range(len(index)))


def _with_rare_ones_grouped(labels: "pd.Series[str]") -> tuple["pd.Series[str]", tuple[str, ...]]:
    """Labels of at most `MAX_CLASSES` kinds, and a remark if there were more words, of which few are frequent."""
    counts = labels.value_counts()
    rare = counts.index[MAX_CLASSES - 1 :]
    is_word = np.isnan(numbers(counts.index.tolist())).all()
    if len(counts) <= MAX_CLASSES or not is_word or counts[rare].sum() > len(labels) / 2:
        return labels, ()
    what = f"The column {labels.name!r} has {len(counts):,} different values"
    grouped = labels.mask(labels.isin(rare), OTHER)
    return grouped, (f"{what}; the {len(rare):,} rarest are one class, {OTHER!r}.",)


def _check_classes(n: int, table: Table, label: str) -> None:
    """Refuse a label column that has too few or too many classes, and name better ones."""
    if 2 <= n <= MAX_CLASSES:
        return
    what = "one class" if n == 1 else f"{n:,} different values"
    others = [repr(name) for name in possible_labels(table) if name != label][:5]
    raise UserError(
        f"The column {label!r} has {what}; it needs 2 to {MAX_CLASSES} classes. "
        + (f"Choose another label column, such as {' or '.join(others)}." if others else "No other column has that.")
    )


def _short(text: str) -> str:
    """A text of a cell on one line, cut if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…"


# ---------------------------------------------------------------- columns


def _read_column(cells: "pd.Series[str]", sign: DecimalSign) -> _Column:
    """The numbers of a column; the indices of its words if it has few of them."""
    name, is_missing = str(cells.name), missing(cells).to_numpy()
    codes, distinct = pd.factorize(cells.mask(is_missing), use_na_sentinel=True)
    if not len(distinct):
        return _Column(name, np.full(len(cells), math.nan), left_out="empty")
    values = np.append(numbers(distinct.tolist(), sign), math.nan)[codes]
    odd = np.isnan(values) & ~is_missing & ~cells.str.lower().isin(MISSING_NUMBERS).to_numpy()
    n_numbers = int((~np.isnan(values)).sum())
    if n_numbers and odd.sum() <= (1 - MIN_NUMERIC_SHARE) * (n_numbers + odd.sum()):
        return _Column(name, values, note=_describe_odd(cells, odd))
    if len(distinct) > min(MAX_VALUES, (~is_missing).sum() // 2):
        kind = "dates or times" if distinct.str.fullmatch(_DATE).mean() >= MIN_NUMERIC_SHARE else "text"
        return _Column(name, values, left_out=f"{kind} with {len(distinct):,} different values")
    order = np.argsort(distinct.to_numpy(object))
    ranks = np.append(np.argsort(order).astype(float), math.nan)
    return _Column(name, ranks[codes], tuple(_short(distinct[i]) for i in order))


def _describe_odd(cells: "pd.Series[str]", odd: NDArray[np.bool_]) -> str:
    """A note on the cells of a numeric column that are no numbers."""
    if not odd.any():
        return ""
    first = int(odd.argmax())
    where = f"the first is {_short(cells.iloc[first])!r} in row {int(cells.index[first]) + 1:,}"
    return f"; {int(odd.sum()):,} of the cells are not numbers and count as missing ({where})"


def _leave_out_row_numbers(columns: Sequence[_Column], labels: "pd.Series[str]", table: Table) -> list[_Column]:
    """Leave out whole numbers that are named like row numbers, and a first column that counts rows sorted by class."""
    why = "numbers the rows"
    result = [
        replace(column, left_out=why) if _ROW_NUMBER_NAMES.fullmatch(column.name) and _is_distinct(column) else column
        for column in columns
    ]
    first, usable = result[0], [column for column in result if not column.left_out]
    is_sorted = int((labels != labels.shift()).sum()) == labels.nunique()
    if first in usable[:1] and len(usable) > 1 and is_sorted and _is_count(first, labels):
        result[0] = replace(first, left_out=why + ", which are sorted by class")
    return result


def _is_distinct(column: _Column) -> bool:
    """Whether a column has a different whole number in each row."""
    values = column.array
    is_whole = not column.categories and bool((values == np.round(values)).all())
    return is_whole and len(np.unique(values)) == len(values)


def _is_count(column: _Column, labels: "pd.Series[str]") -> bool:
    """Whether a column counts the rows from 0 or 1."""
    offset = column.array - labels.index.to_numpy()
    return not column.categories and bool((offset == offset[0]).all()) and offset[0] in (0, 1)


def _leave_out_sparse(columns: Sequence[_Column], labels: "pd.Series[str]") -> list[_Column]:
    """Leave out the columns with the most missing cells until enough rows are complete, and not all of one class."""
    result = list(columns)
    is_missing = {i: np.isnan(column.array) for i, column in enumerate(columns) if not column.left_out}
    per_row = np.sum(list(is_missing.values()) or [np.zeros(1)], axis=0)  # (rows,), missing cells
    while is_missing and ((per_row == 0).mean() < MIN_COMPLETE_SHARE or labels[per_row == 0].nunique() < 2):
        worst = max(is_missing, key=lambda i: is_missing[i].sum())
        cells = is_missing.pop(worst)
        per_row = per_row - cells
        why = f"missing in {int(cells.sum()):,} of {len(cells):,} rows{result[worst].note}"
        result[worst] = replace(result[worst], left_out=why)
    return result


def _any_missing(columns: Sequence[_Column], n_rows: int) -> NDArray[np.bool_]:
    result = np.zeros(n_rows, bool)
    for column in columns:
        if not column.left_out:
            result |= np.isnan(column.array)
    return result


def _leave_out_constant(columns: Sequence[_Column]) -> list[_Column]:
    return [
        replace(column, left_out="constant") if not column.left_out and len(np.unique(column.array)) < 2 else column
        for column in columns
    ]


def _leave_out_beyond_limit(columns: Sequence[_Column]) -> list[_Column]:
    """Leave out the columns with which there would be more than `MAX_FEATURES` features."""
    result, n_features = [], 0
    for column in columns:
        n = len(np.unique(column.array)) if column.categories else 1
        if not column.left_out and n_features + n > MAX_FEATURES:
            column = replace(column, left_out=f"there would be more than {MAX_FEATURES} features")
        n_features += 0 if column.left_out else n
        result.append(column)
    return result


def _expand(column: _Column) -> dict[str, Floats]:
    """The features of a column by name: itself; one per category, but a single one for two."""
    if column.left_out:
        return {}
    if not column.categories:
        return {column.name: column.array}
    present = np.unique(column.array).astype(int)
    shown = present[1:] if len(present) == 2 else present
    return {f"{column.name} = {column.categories[i]}": (column.array == i).astype(float) for i in shown}


def _describe(column: _Column) -> str:
    """What became of a column, in words."""
    if column.left_out:
        return f"left out: {column.left_out}"
    if not column.categories:
        return f"number{column.note}"
    features = [name.removeprefix(f"{column.name} = ") for name in _expand(column)]
    if len(features) == 1:
        return f"1 for {features[0]}, else 0"
    return f"one-hot: {', '.join(features)}"


# ---------------------------------------------------------------- remarks


def _row_remark(n_left_out: int, n: int) -> tuple[str, ...]:
    if not n_left_out:
        return ()
    return (f"Left out because of missing cells: {n_left_out:,} of {n:,} rows.",)


def _too_little(n_rows: int, n_features: int, uses: dict[str, str], remarks: Sequence[str]) -> str:
    """Why nothing can be learned from a table."""
    columns = "; ".join(f"{name}: {use}" for name, use in list(uses.items())[:MAX_CLASSES])
    return f"Too little of the table can be used: {n_rows:,} rows with {n_features} features. " + " ".join(
        [*remarks, f"Columns: {columns}."]
    )
