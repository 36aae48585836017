"""Tables: what comes out is right, and what cannot be used is refused in words."""

import io
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.data import tables
from lmcore.data.table_features import default_label, labeled_examples, possible_labels
from lmcore.data.tables import Table
from lmcore.errors import UserError


def saved(text: str) -> Table:
    return tables.read(tables.save(text.encode(), "my table.csv"))


def test_a_table_is_found_again_under_the_hash_of_its_content() -> None:
    text = "height;kind\n" + "\n".join(f"1,{i};{'cat' if i % 3 else 'dog'}" for i in range(30))
    name = tables.save(text.encode(), "my animals.csv")
    assert name.startswith("text:")
    assert name == tables.save(text.encode(), "my animals.csv")
    tables.read.cache_clear()  # as another process finds it
    assert tables.read(name).header == ("height", "kind")
    assert tables.read(name).title == "my-animals"


# ---------------------------------------------------------------- separators and quotation marks

ROWS = [("x", "note", "kind")] + [(f"{i}.5", ("Ann Lee", "Bo")[i % 2], ("cat", "dog")[i % 3 > 0]) for i in range(12)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", ", " ; "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(separator: str, end: str) -> None:
    lines = [separator.join(row) for row in ROWS]
    table = saved(end.join(lines))  # the final line end is missing
    assert table.header == ROWS[0]
    assert [tuple(row) for row in table.cells.to_numpy()] == ROWS[1:]


def test_columns_aligned_by_spaces() -> None:
    aligned = saved("\n".join(f"{a:>6}  {b:<10} {c:>5}  " for a, b, c in ROWS))
    assert aligned.header == ROWS[0]
    assert aligned.cells["note"].tolist()[:2] == ["Ann Lee", "Bo"]
    single = saved("\n".join(f" {a}  {b.partition(' ')[0]} {c}" for a, b, c in ROWS))
    assert single.cells["note"].tolist()[:2] == ["Ann", "Bo"]


def test_quoted_cells_have_separators_doubled_quotes_and_line_ends() -> None:
    lines = [f'{i},{i % 3},"Name, Mr. {i}",{20 + i % 40}' for i in range(200)]
    lines[160] = '160,1,"Smith, ""Bob, Jr"" x",30'
    lines[161] = '161,1,"two\nlines; and a\ttab",31'
    table = saved("id,cls,name,age\n" + "\n".join(lines))
    assert table.cells["name"][160] == 'Smith, "Bob, Jr" x'
    assert table.cells["name"][161] == "two\nlines; and a\ttab"
    assert len(table.cells) == 200


def test_a_line_may_name_the_separator() -> None:
    rows = "\n".join(f"{i};{i * i % 7};{'ab'[i % 2]}" for i in range(30))
    assert saved("sep=;\na;b;y\n" + rows).header == ("a", "b", "y")
    assert saved('"sep=^"\r\na^b,c^y\n' + rows.replace(";", "^")).header == ("a", "b,c", "y")


def test_a_decimal_comma_is_no_separator() -> None:
    found = labeled_examples(saved("a;b;y\n" + "\n".join(f"{i},5;1{i},25;{'ab'[i % 2]}" for i in range(30))), "y")
    assert found.X[2].tolist() == [2.5, 12.25]
    bare = saved("\n".join(f"{i},5;1{i},25;{'ab'[i % 2]}" for i in range(30)))
    assert bare.cells.shape == (30, 3)
    assert saved("a;y\n" + "\n".join(f"{i + 1},123;{'ab'[i % 2]}" for i in range(30))).decimal_sign == ","


def test_short_lines_are_filled_and_a_line_that_is_too_long_is_named() -> None:
    table = saved("a,b,c\n" + "1,2,3\n" * 20 + "1,2\n")
    assert table.cells["c"].tolist()[-2:] == ["3", ""]
    with pytest.raises(UserError, match=r"Line 22 of .* has 4 cells, but the header has 3; .* 'extra'"):
        saved("a,b,c\n" + "1,2,3\n" * 20 + "1,2,3,extra\n" + "1,2,3\n" * 90)
    with pytest.raises(
        UserError, match=r"Line 24 of "
    ):  # a quoted cell has two lines, and one line names the separator
        saved('sep=,\na,b,c\n1,"x\ny",3\n' + "1,2,3\n" * 19 + "1,2,3,extra\n" + "1,2,3\n" * 90)


def test_a_quotation_mark_that_is_never_closed_is_refused() -> None:
    with pytest.raises(UserError, match="never closed"):
        saved("a,b\n" + "1,2\n" * 20 + '1,"2\n' + "1,2\n" * 20)


def test_an_inch_mark_within_a_cell_is_a_character() -> None:
    assert saved("size,y\n" + "\n".join(f'{i}",{i % 2}' for i in range(20))).cells["size"][3] == '3"'


# ---------------------------------------------------------------- headers


def test_without_a_header_every_row_counts() -> None:
    rows = [f"{4 + i % 7 / 10},{2 + i % 5 / 10},{i % 3}.2,Iris-{['setosa', 'other'][i % 2]}" for i in range(150)]
    table = saved("\n".join(rows))
    assert table.header == ("x1", "x2", "x3", "x4")
    assert len(table.cells) == 150
    assert table.remarks == ("The table has no header; its columns are called x1 to x4.",)
    words = saved("\n".join(f"{'px'[i % 2]},{'abc'[i % 3]},{'yn'[i % 2]}" for i in range(30)))
    assert (words.header, len(words.cells)) == (("x1", "x2", "x3"), 30)
    gap = saved("\n".join(f"{'?' if i == 0 else i},{i % 7},{'yn'[i % 2]}" for i in range(30)))
    assert len(gap.cells) == 30


@pytest.mark.parametrize(
    "header",
    ["age,sex,y", "age,2019,y", ",sex,y", "x,,y", "1990,1991,1992", "0,1,2"],
)
def test_a_header_is_recognized(header: str) -> None:
    table = saved(header + "\n" + "\n".join(f"{i},{i % 5 / 4},{i * i % 7}" for i in range(20)))
    assert len(table.cells) == 20
    assert not table.remarks


def test_column_names_are_distinct_and_short() -> None:
    table = saved("a,a,,b,a," + "n" * 1000 + ',"two\nlines"\n' + "1,2,3,4,5,6,7\n" * 20)
    assert table.header == ("a", "a (2)", "column 3", "b", "a (3)", "n" * 80, "two lines")


def test_what_other_programs_add_is_left_out() -> None:
    rows = "\n".join(f"{i},{i % 3},{'ab'[i % 2]}," for i in range(20))
    table = saved(f"Sales of 2020,,,\n\na,b,y,\n{rows}\n,,,\n")  # title, blank lines, a comma at each end
    assert (table.header, len(table.cells)) == (("a", "b", "y"), 20)
    lines = "\n".join(f"| {i} | {i % 3} | {'ab'[i % 2]} |" for i in range(20))
    table = saved(f"| a | b | y |\n|---|:--|---|\n{lines}\n")  # a table in Markdown
    assert (table.header, len(table.cells)) == (("a", "b", "y"), 20)
    table = saved(
        "# Made on Monday, 3 pm\n# by us\nsep=;\n#;b;y\n" + "\n".join(f"{i};{i % 3};{i % 2}" for i in range(20))
    )
    assert (table.header, len(table.cells)) == (("#", "b", "y"), 20)
    rows = "\n".join(f'"{i + 1}" {i % 3} "{"ab"[i % 2]}"' for i in range(20))
    table = saved(f'"b" "y"\n{rows}\n')  # R does not name the column with the names of the rows
    assert (table.header, len(table.cells)) == (("column 1", "b", "y"), 20)


# ---------------------------------------------------------------- other files, sizes


def workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (workbook(), r"spreadsheet workbook.*save it as CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(500), r"old Excel workbook"),
        (b"PAR1" + bytes(500), "Parquet"),
        (b"\x1f\x8b" + bytes(500), "gzip"),
        (b"%PDF-1.7 " + b"1,2\n" * 20, "PDF"),
        (b"{\\rtf1 a,b\n" + b"1,2\n" * 20, "RTF"),
        (b"\xef\xbb\xbf<html><table><tr><td>1</td></tr></table>" * 20, "web page"),
        (b'[{"a": 1, "y": 2},\n' * 20, "JSON"),
        (b'{"a": [1, 2, 3],\n' * 20, "JSON"),
        (b"% comment\n@RELATION iris\n" + b"1,2\n" * 20, "ARFF"),
        (b"a,b\n1,2\n", "too small: it has 1 rows"),
        (b"a\n" + b"1\n" * 30, "it has one column"),
        (b"", "empty"),
        (b"\0\1\2" * 100, "binary|encoding"),
    ],
)
def test_what_is_no_table_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        tables.save(data, "my table.csv")


def test_a_table_of_many_rows_is_sampled() -> None:
    table = saved("a,y\n" + "\n".join(f"{i},{'ab'[i % 2]}" for i in range(30_000)))
    sample = table.sample(2000, 42)
    assert sample.remarks == ("2,000 of 30,000 rows, drawn with seed 42.",)
    assert sample.cells.index.is_monotonic_increasing
    assert sample.cells.equals(table.sample(2000, 42).cells)
    assert not sample.cells.equals(table.sample(2000, 43).cells)
    assert table.sample(30_000, 42) is table


def guess(header: str, *columns: str) -> str:
    """The label column of a table whose columns are expressions of the row."""
    return default_label(
        saved("\n".join([header, *(",".join(column.split()[i % 99] for column in columns) for i in range(99))]))
    )


COUNT, THREE, TWO, ONE = (" ".join(str(i % n) for i in range(99)) for n in (99, 3, 2, 1))
WORDS, NAMES = (" ".join(f"w{i % n}" for i in range(99)) for n in (30, 99))


@pytest.mark.parametrize(
    ("header", "columns", "label"),
    [
        ("a,b,c", (COUNT, THREE, TWO), "c"),
        ("a,label,c", (COUNT, THREE, TWO), "label"),
        ("a,b,Class", (THREE, TWO, COUNT), "Class"),
        ("a,b,c", (THREE, TWO, ONE), "c"),  # which is then refused, as is the next one
        ("a,b,c", (THREE, TWO, WORDS), "c"),
        ("a,b,c", (COUNT, THREE, NAMES), "b"),
        ("a,b,c", (COUNT, THREE, COUNT), "b"),
        ("a,b,c", (THREE, TWO, COUNT), "a"),  # as in many files without a header
        ("a,b", (COUNT, COUNT), "b"),
    ],
)
def test_the_label_column_is_guessed(header: str, columns: tuple[str, ...], label: str) -> None:
    assert guess(header, *columns) == label


def test_a_label_column_that_does_not_exist_is_refused() -> None:
    table = saved("a,b,c\n" + "\n".join(f"{i},{i % 3},{i * 7}" for i in range(30)))
    assert possible_labels(table) == ["b"]
    with pytest.raises(UserError, match=r"no column 'q'\. Choose from: a, b, c"):
        labeled_examples(table, "q")


@pytest.mark.parametrize("name", ["nonsense", "text:../../etc/passwd", "text:" + "0" * 24 + "-x", ""])
def test_a_table_that_does_not_exist_is_refused_in_words(name: str) -> None:
    with pytest.raises(UserError):
        tables.read(name)


CELLS = st.one_of(
    st.text(max_size=8), st.sampled_from(["1", "2.5", "1,5", '"', "a", "", "NA", "x y", "-", "%"]), st.floats().map(str)
)


@pytest.mark.slow
@given(
    st.one_of(
        st.text(max_size=300),
        st.builds(
            lambda rows, separator: "\n".join(separator.join(row) for row in rows),
            st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=10, max_size=15),
            st.sampled_from(list(",;\t| ")),
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_no_table_raises_anything_but_a_user_error(text: str) -> None:
    try:
        table = tables.parse(text, "t")
    except UserError:
        return
    for label in table.header:
        try:
            labeled_examples(table, label)
        except UserError:
            continue


@pytest.mark.slow
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=3, max_size=3), min_size=12))
@settings(max_examples=100, deadline=None)
def test_what_pandas_writes_is_read_again(rows: list[list[str]]) -> None:
    frame = pd.DataFrame([[f"word {i}", str(i), *row] for i, row in enumerate(rows)], columns=list("abcde"))
    table = tables.parse(frame.to_csv(index=False), "t")
    assert table.cells["b"].tolist() == frame["b"].tolist()
    for name in "cde":
        if name in table.header:
            assert table.cells[name].tolist() == frame[name].str.strip().tolist()


NUMBERED = [(i * 0.5, i % 7, "ab"[i % 2]) for i in range(30)]


@pytest.mark.parametrize("separator", ["^", "~", ":", "，", "\x01", "\x1f"])
def test_unusual_separators_are_tried_where_no_usual_one_fits(separator: str) -> None:
    text = "\n".join(separator.join(map(str, row)) for row in [("a", "b", "y"), *NUMBERED])
    table = tables.read(tables.save(text.encode(), "t.csv"))
    assert table.header == ("a", "b", "y")
    assert table.cells.iloc[3].tolist() == ["1.5", "3", "b"]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("'x, {}'", "x, {}"),
        ("'it is {}'", "it is {}"),
        (r'"say \"hi\" {}"', 'say "hi" {}'),
        ('"say ""hi"" {}"', 'say "hi" {}'),
        ('="00{}"', "00{}"),
        (r'"C:\dir{}\"', r"C:\dir{}\\"[:-1]),
        (r"C:\new\{}", r"C:\new\{}"),
        ("it's {}", "it's {}"),
        ('"two\nlines {}"', "two\nlines {}"),
    ],
)
def test_quotation_marks_of_every_kind_are_no_part_of_a_cell(cell: str, read: str) -> None:
    text = "\n".join(["a,b,y", *(f"{a},{cell.format(b)},{y}" for a, b, y in NUMBERED)])
    table = tables.parse(text, "t")
    assert table.column("b").tolist() == [read.format(b) for _, b, _ in NUMBERED]
    assert table.column("y").tolist() == [y for *_, y in NUMBERED]


def test_the_first_columns_and_the_last_one_of_a_wide_table_are_read() -> None:
    text = "\n".join(
        [",".join([*(f"c{i}" for i in range(600)), "y"]), *(",".join(["1"] * 600 + [y]) for *_, y in NUMBERED)]
    )
    table = tables.parse(text, "t")
    assert len(table.header) == tables.MAX_COLUMNS
    assert table.header[-2:] == ("c498", "y")
    assert table.column("y").tolist() == [y for *_, y in NUMBERED]
    assert table.remarks == ("500 of 601 columns, the first 499 and the last, are read.",)
