"""Tables: what comes out is right, and what cannot be used is refused in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.data import tables
from lmcore.errors import UserError

TABLE = "height;weight;kind\n" + "\n".join(f"1,{i};{50 + i % 7};{'cat' if i % 3 else 'dog'}" for i in range(30))


def kept(text: str) -> str:
    return tables.save(text.encode(), "my animals.csv")


def test_a_table_is_found_again_under_the_hash_of_its_content() -> None:
    name = kept(TABLE)
    assert name.startswith("text:")
    assert name == kept(TABLE)
    tables.read.cache_clear()  # as another process finds it
    found = tables.labeled_examples(tables.read(name), "kind")
    assert found.feature_names == ("height", "weight")
    assert found.class_names == ("cat", "dog")
    assert found.X.shape == (30, 2)
    assert 1.2 in found.X[:, 0]  # the comma was the decimal sign


def test_text_constant_and_missing_cells_are_left_out_in_words() -> None:
    lines = [f"{i},{i * i % 11},x{i},7,{'ab'[i % 2]}" for i in range(20)]
    lines[3] = "NA,4,x3,7,a"
    lines[8] = "8,9,x8,7,?"
    found = tables.labeled_examples(tables.read(kept("a,b,name,same,kind\n" + "\n".join(lines))), "kind")
    assert found.feature_names == ("a", "b")
    assert len(found.X) == 18
    assert np.isfinite(found.X).all()
    assert found.remarks == (
        "Left out because they contain text: name.",
        "Left out because they are constant: same.",
        "Left out because of missing values: 2 lines.",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "too small"),
        ("a,b\n" + "1,2\n" * 20 + "1,2,3\n", "Line 22 .* has 3 cells, but the header has 2"),
        ("a\n" + "1\n" * 30, "too small"),
        ("a,b\n" + "1,2\n" * 20_001, "20,001 lines"),
        ("", "empty"),
        ("\0\1\2" * 100, "binary|encoding"),
    ],
)
def test_what_is_no_table_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        kept(text)


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("a,b\n" + "\n".join(f"{i},{i}" for i in range(30)), "b", "30 distinct values"),
        ("a,b\n" + "\n".join(f"{i},1" for i in range(30)), "b", "1 distinct values"),
        ("a,b\n" + "\n".join(f"x,{i % 2}" for i in range(30)), "b", "Too little of the table.*contain text: a"),
        ("a,b\n" + "\n".join(f"{i},1" for i in range(30)), "c", "no column 'c'. Choose from: a, b"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused_in_words(text: str, label: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        tables.labeled_examples(tables.read(kept(text)), label)


def test_columns_of_one_name_are_told_apart() -> None:
    table = tables.read(kept("a,a,,b\n" + "1,2,3,4\n" * 20))
    assert table.header == ("a", "a (2)", "column 3", "b")


@pytest.mark.parametrize("name", ["nonsense", "text:../../etc/passwd", "text:" + "0" * 24 + "-x", ""])
def test_a_table_that_does_not_exist_is_refused_in_words(name: str) -> None:
    with pytest.raises(UserError):
        tables.read(name)


@given(st.text(max_size=300))
@settings(max_examples=150)
def test_no_table_raises_anything_but_a_user_error(text: str) -> None:
    try:
        table = tables.parse(text, "t")
        for label in table.header:
            tables.labeled_examples(table, label)
    except UserError:
        pass
