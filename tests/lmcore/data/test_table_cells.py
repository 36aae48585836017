"""Cells: numbers as spreadsheets of many countries write them, and missing values."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.table_cells import DecimalSign, decimal_sign, is_number, missing, numbers


@pytest.mark.parametrize(
    ("cells", "default", "values"),
    [
        (["1.5", "-2", "+3e2", "12."], ".", [1.5, -2, 300, 12]),
        (["1,5", "2,25", "3"], ".", [1.5, 2.25, 3]),
        (["1,234", "5,678", "12"], ".", [1234, 5678, 12]),  # nothing shows that it is a decimal comma
        (["1,234", "5,678", "12"], ",", [1.234, 5.678, 12]),
        (["1,234", "0,5"], ".", [1.234, 0.5]),  # the second cell shows it
        (["1.234", "12.345"], ",", [1234, 12345]),
        (["1,234,567", "89"], ".", [1_234_567, 89]),
        (["1.234.567", "89"], ".", [1_234_567, 89]),
        (["1.234,50", "7,00"], ".", [1234.5, 7]),
        (["1,234.50", "7.00"], ",", [1234.5, 7]),
        (["12,34,567.5"], ".", [1_234_567.5]),  # lakhs
        (["1 234,5", "1\u00a0234,5", "1\u202f234,5"], ".", [1234.5] * 3),
        (["1'234.5", "1’234.5"], ".", [1234.5] * 2),
        (["12.5%", "50 %", "1‰"], ".", [0.125, 0.5, 0.001]),
        (["12,5 %", "50%"], ".", [0.125, 0.5]),
        (["$1,200", "-$5", "€ 7", "8 €", "R$9", "10 EUR", "CHF 11", "12 zł"], ".", [1200, -5, 7, 8, 9, 10, 11, 12]),
        (["(1,234.50)", "($5)", "−6"], ".", [-1234.5, -5, -6]),
        (["1e400", "inf", "1e30"], ".", [math.nan] * 3),  # nothing to compute with
        (["", "abc", "1_000", "1,2,3", "1-2", "2020-01-05", "12:30", "0x1F", ".", "%", "$", "1.2.3"], ".",
         [math.nan] * 12),
    ],
)  # fmt: skip
def test_numbers_are_read(cells: list[str], default: DecimalSign, values: list[float]) -> None:
    np.testing.assert_allclose(numbers(cells, default), values)


@given(st.lists(st.floats(-1e12, 1e12).map(lambda value: round(value, 3)), min_size=1, max_size=20))
def test_grouped_numbers_with_two_decimals_are_read_in_both_ways(values: list[float]) -> None:
    english = [f"{value:,.2f}" for value in values]
    german = [cell.replace(",", "_").replace(".", ",").replace("_", ".") for cell in english]
    expected = [float(f"{value:.2f}") for value in values]
    np.testing.assert_allclose(numbers(english), expected)
    np.testing.assert_allclose(numbers(german), expected)


def test_the_decimal_sign_is_the_one_that_most_cells_show() -> None:
    assert decimal_sign(["1,5", "2,5", "3.5"]) == ","
    assert decimal_sign(["1,234", "x", "5"]) is None
    assert decimal_sign(["1.234.567"]) == ","


@pytest.mark.parametrize("cell", ["#N/A", "-", "?", "NA", "NaN", "null", "", "#DIV/0!", "n/a", "–", "<NA>"])
def test_missing_markers(cell: str) -> None:
    assert missing(pd.Series(["a", cell])).tolist() == [False, True]


def test_a_minus_beside_a_plus_is_a_value() -> None:
    assert missing(pd.Series(["+", "-", "?"])).tolist() == [False, False, True]


@given(st.text(max_size=80))
def test_no_cell_raises(cell: str) -> None:
    assert isinstance(is_number(cell), bool)
    numbers([cell])
