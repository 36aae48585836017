"""What becomes of the columns of a table: features, classes, or nothing, and in which words."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from lmcore.data import tables
from lmcore.data.table_features import MAX_FEATURES, LabeledExamples, labeled_examples
from lmcore.errors import UserError


def examples(header: str, rows: Sequence[str], label: str = "y", row_numbers: bool = False) -> LabeledExamples:
    return labeled_examples(tables.parse("\n".join([header, *rows]), "t"), label, row_numbers)


def uses(found: LabeledExamples) -> dict[str, str]:
    return {column.name: column.use for column in found.columns}


# ---------------------------------------------------------------- columns


def test_words_of_few_kinds_are_one_hot_and_each_column_is_accounted_for() -> None:
    rows = [f"{i * i % 11},{'MF'[i % 2]},{'NSEW'[i % 4]},note {i},7,,{'ab'[i % 3 > 0]}" for i in range(40)]
    found = examples("a,sex,region,text,same,none,y", rows)
    assert found.feature_names == ("a", "sex = M", "region = E", "region = N", "region = S", "region = W")
    assert found.X[1].tolist() == [1, 0, 0, 0, 1, 0]
    assert uses(found) == {
        "a": "number",
        "sex": "1 for M, else 0",
        "region": "one-hot: E, N, S, W",
        "text": "left out: text with 40 different values",
        "same": "left out: constant",
        "none": "left out: empty",
        "y": "class",
    }
    assert found.remarks == ()


def test_mostly_missing_columns_are_left_out_before_rows() -> None:
    random.seed(0)
    rows = [
        ",".join([*(f"{random.random()}" for _ in range(4)), *(("", "NA") if i < 95 else ("1", "2")), "xy"[i % 2]])
        for i in range(100)
    ]
    found = examples("a,b,c,d,e,f,y", rows)
    assert len(found.X) == 100
    assert found.feature_names == ("a", "b", "c", "d")
    assert uses(found)["e"] == uses(found)["f"] == "left out: missing in 95 of 100 rows"


def test_rows_with_missing_cells_are_counted() -> None:
    rows = [f"{i * i % 11},{'#N/A' if i == 3 else i % 5},{'?' if i in (3, 8) else 'ab'[i % 2]}" for i in range(20)]
    found = examples("a,b,y", rows)
    assert len(found.X) == 18
    assert np.isfinite(found.X).all()
    assert found.remarks == ("Left out because of missing cells: 2 of 20 rows.",)


def test_columns_are_left_out_rather_than_all_rows_of_a_class() -> None:
    rows = [f"{i % 7},{i % 5 if i < 20 else ''},{'ab'[i >= 20]}" for i in range(30)]
    found = examples("a,b,y", rows)
    assert found.feature_names == ("a",)
    assert found.class_names == ("a", "b")


def test_a_few_cells_that_are_no_numbers_are_named() -> None:
    rows = [f"{'12o' if i == 6 else i % 7},{i % 5},{'ab'[i % 2]}" for i in range(30)]
    found = examples("a,b,y", rows)
    assert len(found.X) == 29
    assert (
        uses(found)["a"] == "number; 1 of the cells are not numbers and count as missing (the first is '12o' in row 7)"
    )


def test_none_is_a_value_among_words_and_missing_among_numbers() -> None:
    rows = [f"{'none' if i < 5 else i % 7},{('none', 'some')[i % 2]},{'ab'[i % 3 > 0]}" for i in range(30)]
    found = examples("a,b,y", rows)
    assert found.feature_names == ("a", "b = some")
    assert len(found.X) == 25


NOISE = random.Random(0)
SORTED = [f"{NOISE.random()},{'abc'[i // 50]}" for i in range(150)]


@pytest.mark.parametrize("name", ["", "id", "Nr.", "index", "Unnamed: 0", "patient_id", "row", "nothing special"])
def test_columns_that_number_the_rows_are_left_out_unless_asked_for(name: str) -> None:
    rows = [f"{i + 1},{row}" for i, row in enumerate(SORTED)]
    found = examples(f"{name},a,y", rows)
    assert found.feature_names == ("a",)
    assert found.columns[0].use.startswith("left out: numbers the rows")
    assert examples(f"{name},a,y", rows, row_numbers=True).feature_names == (name or "column 1", "a")


def test_shuffled_row_numbers_are_recognized_by_their_name() -> None:
    numbers = NOISE.sample(range(1000), 150)
    rows = [f"{number},{row}" for number, row in zip(numbers, SORTED, strict=True)]
    assert examples("id,a,y", rows).feature_names == ("a",)
    assert examples("dose,a,y", rows).feature_names == ("dose", "a")


def test_row_numbers_are_recognized_in_a_sample() -> None:
    text = "\n".join(["n,a,y", *(f"{i},{row}" for i, row in enumerate(SORTED))])
    assert labeled_examples(tables.parse(text, "t").sample(60, 1), "y").feature_names == ("a",)


def test_a_count_is_a_feature_where_it_does_not_follow_the_classes_or_there_is_no_other() -> None:
    assert examples("a,b,y", [f"{i},{i * i % 7},{'ab'[i % 2]}" for i in range(30)]).feature_names == ("a", "b")
    assert examples("size,y", [f"{i},{'ab'[i > 20]}" for i in range(30)]).feature_names == ("size",)


@pytest.mark.slow
def test_features_are_limited() -> None:
    rows = [",".join(["abcdefgh"[(i * j) % 8] for j in range(1, 200)] + ["xy"[i % 2]]) for i in range(40)]
    found = examples(",".join(f"c{j}" for j in range(199)) + ",y", rows)
    assert MAX_FEATURES - 20 < found.X.shape[1] <= MAX_FEATURES
    assert uses(found)["c198"] == "left out: there would be more than 500 features"


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["yes", "no"], ("no", "yes")),
        (["TRUE", "FALSE"], ("FALSE", "TRUE")),
        (["10", "9", "2"], ("2", "9", "10")),
        (["1.5", "-2.0"], ("-2.0", "1.5")),
        (["1", "1.0", "2"], ("1", "2")),
        (["2020-02-01", "2019-12-31"], ("2019-12-31", "2020-02-01")),
        (["+", "-"], ("+", "-")),
        (["none", "some"], ("none", "some")),
        (["a  b", "c" * 100], ("a b", "c" * 79 + "…")),
    ],
)
def test_labels_of_every_kind_are_classes(labels: list[str], classes: tuple[str, ...]) -> None:
    rows = [f"{i * i % 7},{i % 5},{labels[i % len(labels)]}" for i in range(30)]
    found = examples("a,b,y", rows)
    assert found.class_names == classes
    assert len(np.unique(found.y)) == len(classes)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([f"{i},{i}" for i in range(30)], "'y' has 30 different values; it needs 2 to 10 classes"),
        ([f"{i},1" for i in range(30)], "'y' has one class.*No other column"),
        ([f"{i % 3},1" for i in range(30)], "'y' has one class.*such as 'a'"),
        ([f"{i},{'?' if i else 1}" for i in range(30)], "'y' has one class"),
        ([f"{i},?" for i in range(30)], "'y' has 0 different values"),
        ([f"x{i},{i % 2}" for i in range(30)], "Too little.*30 rows with 0 features.*a: left out: text with 30"),
        ([f"{i},{i % 2 if i < 9 else '?'}" for i in range(30)], "9 rows"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused_in_words(rows: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        examples("a,y", rows)


@pytest.mark.parametrize(
    "date",
    [
        "2024-{m:02d}-{d:02d}",
        "{m}/{d}/2024",
        "{d:02d}.{m:02d}.2024",
        "2024-{m:02d}-{d:02d}T10:{d:02d}:00Z",
        "{m}:{d:02d}",
    ],
)
def test_a_column_of_dates_is_left_out_and_called_so(date: str) -> None:
    rows = [f"{i % 7},{date.format(m=1 + i % 12, d=10 + i % 13)},{'ab'[i % 2]}" for i in range(40)]
    assert uses(examples("a,b,y", rows))["b"].startswith("left out: dates or times with ")


def test_rare_classes_become_one_where_there_are_too_many() -> None:
    rows = [f"{i % 7},{i % 5},{f'rare {i}' if i % 5 == 0 else 'abc'[i % 3]}" for i in range(100)]
    found = examples("a,b,y", rows)
    assert found.class_names[:3] == ("a", "b", "c")
    assert len(found.class_names) == 10
    assert (found.y == found.class_names.index("other")).sum() == 14
    assert found.remarks == ("The column 'y' has 23 different values; the 14 rarest are one class, 'other'.",)


@pytest.mark.parametrize("label", ["{i}", "name {i}"])
def test_classes_are_not_grouped_where_most_are_rare_or_numbers(label: str) -> None:
    with pytest.raises(UserError, match="'y' has 40 different values; it needs 2 to 10 classes"):
        examples("a,b,y", [f"{i % 70},{i * i % 50},{label.format(i=i)}" for i in range(40)])
