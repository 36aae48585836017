"""Lesson files: what a good one says, and how each kind of broken one is refused."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lmcore.errors import UserError
from lmcore.lessons import reading, schema, yaml_block
from lmcore.lessons.lesson import Ask, Do, Expect, Go, Lesson

ROOT = Path(__file__).parents[3]
FRONT = "---\ntitle: Pairs\nminutes: 3\naudience: A class\nseed: 7\n---\n"  # the next line is line 7
STEP = """## Count *pairs*

What follows **q**?

> Notes: Let them guess *first*.
>
> - then wait

```yaml
go: {page: bigram, set: {smoothing: 1}}
point: pairs
minutes: 2.5
ask:
  kind: choice
  question: After q?
  options: [u, a]
  answer: 1
expect:
  - {metric: probability qu, comparison: near, value: 0.5, tolerance: 0.1}
```

### More

after the block

## Train

```yaml
go: {page: mlp, set: {hidden: 50, learning_rate: 1e-1}}
do:
  - {action: start, until_step: 100}
  - action: fork
    set: {learning_rate: 0.05}
```
"""


def with_yaml(text: str, page: str = "mlp") -> str:
    """A lesson whose second step has a block that begins in line 14."""
    return f"{FRONT}## A\n```yaml\ngo: {{page: {page}}}\n```\n## B\nprose\n```yaml\n{text}\n```\n"


def refusal(text: str) -> str:
    with pytest.raises(UserError, match=r"^Line \d+: ") as refused:
        reading.read(text, "lesson")
    return str(refused.value)


def read_or_refused(text: str | bytes) -> bool:
    """Whether a text is a lesson, or is refused with the number of one of its lines and a reason."""
    content = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    n_lines = max(1, len(content.decode("utf-8", "replace").splitlines()))
    try:
        return isinstance(reading.decode(content, "x"), Lesson)
    except UserError as error:
        said = re.match(r"Line (\d+): .", str(error))
        return said is not None and 1 <= int(said[1]) <= n_lines


# ---------------------------------------------------------------- good files


def test_a_file_becomes_a_lesson() -> None:
    lesson = reading.read(FRONT + STEP, "pairs")
    assert (lesson.name, lesson.title, lesson.minutes, lesson.seed, lesson.data) == (
        "pairs",
        "Pairs",
        3,
        7,
        "given-names",
    )
    count, train = lesson.steps
    assert count.title == "Count pairs"
    assert count.prose == "What follows **q**?\n\n### More\n\nafter the block"
    assert count.notes == "Let them guess *first*.\n\n- then wait"
    assert count.go == Go(page="bigram", set={"smoothing": 1})
    assert (count.point, count.minutes) == ("pairs", 2.5)
    assert count.ask == Ask(kind="choice", question="After q?", options=("u", "a"), answer=1)
    assert count.expect == (Expect(metric="probability qu", comparison="near", value=0.5, tolerance=0.1),)
    assert train.go == Go(page="mlp", set={"hidden": 50, "learning_rate": 0.1})
    assert train.do == (Do(action="start", until_step=100), Do(action="fork", set={"learning_rate": 0.05}))


def test_lines_may_end_as_on_windows_and_a_file_may_begin_with_a_mark() -> None:
    content = (FRONT + STEP).replace("\n", "\r\n").encode("utf-8-sig")
    assert reading.decode(content, "x") == reading.read(FRONT + STEP, "x")


def test_words_that_yaml_takes_for_something_else_are_words() -> None:
    lesson = reading.read(with_yaml("ask: {kind: choice, question: no, options: [yes, 2024-01-01, 1:30, off]}"), "x")
    ask = lesson.steps[1].ask
    assert ask is not None
    assert (ask.question, ask.options) == ("no", ("yes", "2024-01-01", "1:30", "off"))


def test_the_lessons_that_come_with_the_app_have_names() -> None:
    assert all(reading.load(name).name == name for name in reading.names())
    with pytest.raises(UserError, match="There is no lesson"):
        reading.load("../README")


# ---------------------------------------------------------------- broken files


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "between two lines ---"),
        ("## A\n", 1, "between two lines ---"),
        ("---\ntitle: x\n", 1, "between two lines ---"),
        ("---\n- x\n---\n## A\n", 2, "lines such as"),
        ("---\n---\n## A\n", 2, "lines such as"),
        (FRONT, 7, "first step"),
        (FRONT + "before\n## A\n", 7, "first step"),
        (FRONT.replace("minutes: 3", "minutes: x") + STEP, 3, "minutes"),
        (FRONT.replace("minutes: 3", "minute: 3") + STEP, 3, "'minute' is not known"),
        (FRONT.replace("minutes: 3\n", "") + STEP, 2, "minutes is missing"),
        (FRONT.replace("seed: 7", "seed: -7") + STEP, 5, "seed"),
        (FRONT.replace("seed: 7", "data: moby-dick") + STEP, 5, "no text 'moby-dick'"),
        (FRONT.replace("title: Pairs", "title: Pairs\ntitle: Pairs") + STEP, 3, "'title' is given twice"),
        (FRONT + "## \n", 7, "title"),
        (FRONT + "## A\n\n<b>x</b>\n", 9, "HTML"),
        (FRONT + "## A\n\n- x\n  ```yaml\n  minutes: 1\n  ```\n", 10, "Code"),
        (FRONT + "## A\n```yaml\nminutes: 1\n```\n```yaml\nminutes: 1\n```\n", 11, "at most one block"),
        (FRONT + "## A\n> Notes: x\n\ny\n\n> Notes: z\n", 12, "at most one quote"),
        (FRONT + "## A\n\x1b[31m\n", 8, "U+001B"),
        (FRONT + "## A\n" + "x\n" * 30_000, 1, "at most 50,000 bytes"),
        (FRONT + "## A\n\n" + "x" * 6000, 9, "6,000 characters"),
        (FRONT + "## A\n\n" + ("x" * 1500 + "\n\n") * 4, 7, "prose"),
        (FRONT + "".join(f"## Step {i}\n" for i in range(61)), 2, "steps"),
    ],
)
def test_a_broken_file_is_refused_with_line_and_reason(text: str, line: int, reason: str) -> None:
    said = refusal(text)
    assert said.startswith(f"Line {line}: ")
    assert reason in said


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("minutes: [", 15, "not YAML"),
        ("minutes: 1\nminutes: 2", 15, "given twice"),
        ("goo: {page: mlp}", 14, "'goo' is not known"),
        ("minutes: 0", 14, "minutes"),
        ("minutes: .inf", 14, "minutes"),
        ("ask: &a {kind: guess, question: x}", 14, "Anchors"),
        ("ask: *a", 14, "Anchors"),
        ("ask: !!python/object/apply:os.system ['true']", 14, "Tags"),
        ("ask: !x y", 14, "Tags"),
        ("? [a]\n: b", 14, "A name must be a word"),
        ("1: b", 14, "A name must be a word"),
        ("[" * 5000, 14, "nested"),
        ("minutes: " + "1" * 5000, 14, "minutes"),
        ('point: "\\UFFFFFFFF"', 14, "YAML does not allow"),
        ('point: "\\uD800"', 14, "point"),
        ("minutes: 1\n# " + "x" * 10_000, 14, "10,000"),
        ("- a", 14, "lines such as"),
        ("\n\ngo:\n  page: mpl", 17, "cannot open the page 'mpl'"),
        ("go:\n  page: mlp\n  set:\n    hiden: 3", 16, "no setting 'hiden'"),
        ("go: {page: bigram, set: {smoothing: 2}}", 14, "choose one of"),
        ("go: {page: mlp, set: {hidden: 0}}", 14, "hidden = 0"),
        ("go: {page: mlp, set: {source: x}}", 14, "no setting 'source'"),
        ("go: {page: mlp, set: {hidden: {a: 1}}}", 14, "set.hidden"),
        ("do: {action: start}", 14, "do is a list"),
        ("do:\n  - action: start\n  - action: dance", 16, "dance"),
        ("do:\n  - action: start\n    until_step: -1", 16, "until_step"),
        ("do:\n  - {action: rewind}", 15, "Rewind needs until_step"),
        ("do:\n  - {action: start, until_step: 5, until_loss: 2}", 15, "not both"),
        ("do:\n  - {action: pause, until_step: 5}", 15, "belongs to start and rewind"),
        ("do:\n  - {action: start, set: {steps: 5}}", 15, "belongs to fork"),
        ("do:\n  - {action: fork, set: {hidden: 5}}", 15, "no setting 'hidden'"),
        ("do:\n  - {action: fork, set: {self: 5}}", 15, "no setting 'self'"),
        ("do:\n  - {action: fork, set: {seed: 5}}", 15, "seed of its run"),
        ("point: h1 > a", 14, "no place 'h1 > a'"),
        ("ask: {kind: choice, question: x, options: [a]}", 14, "at least two options"),
        ("ask:\n  kind: choice\n  question: x\n  options: [a, b]\n  answer: 3", 14, "from 1 to 2"),
        ("ask: {kind: number, question: x}", 14, "needs an answer"),
        ("ask: {kind: curve, question: x, steps: 50, from_step: 50}", 14, "From_step must be smaller than steps"),
        ("expect:\n  - {metric: perplexity, comparison: below, value: 3}", 15, "no metric 'perplexity'"),
        ("expect:\n  - {metric: count q, comparison: below, value: 3}", 15, "no metric 'count q'"),
        ("expect:\n  - metric: train\n    comparison: under\n    value: 3", 16, "comparison"),
    ],
)
def test_a_broken_block_is_refused_with_line_and_reason(text: str, line: int, reason: str) -> None:
    said = refusal(with_yaml(text))
    assert said.startswith(f"Line {line}: "), said
    assert reason in said


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("do: [{action: start}]", "cannot start. Choose one of: sample"),
        ("ask: {kind: curve, question: Where}", "has no curve"),
        ("expect: [{metric: saturated, comparison: below, value: 1}]", "no metric 'saturated'"),
        ("point: loss chart", "no place 'loss chart'"),
    ],
)
def test_a_step_cannot_do_what_its_page_does_not_offer(block: str, reason: str) -> None:
    assert reason in refusal(with_yaml(block, page="bigram"))


@pytest.mark.parametrize("block", ["do: [{action: start}]", "point: pairs", "ask: {kind: curve, question: x}"])
def test_a_step_needs_an_open_page(block: str) -> None:
    assert "No page is open yet" in refusal(f"{FRONT}## A\n```yaml\n{block}\n```\n")


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    with pytest.raises(UserError, match=r"^Line 3: This is not UTF-8"):
        reading.decode(b"---\ntitle: x\nminutes: \xff\n---\n", "x")


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    layers = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))
    assert "Anchors" in refusal(with_yaml(f"a0: &a0 [x]\n{layers}"))


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["[", "![", "*a_", "`", "> ", "<", "$", "- ", "[a](", "\\", "**", "1. "])
def test_no_repetition_takes_long(piece: str) -> None:
    """The limit of the test suite on the time of a test is what this is about."""
    paragraph = piece * (1400 // len(piece))
    assert read_or_refused(f"{FRONT}## A\n" + 30 * f"{paragraph}\n\n")


# ---------------------------------------------------------------- any file

lines = st.sampled_from([*(FRONT + STEP).splitlines(keepends=True), "---\n", "```yaml\n", "```\n", "  - a\n", "x: y\n"])


@given(st.one_of(st.text(), st.text().map(lambda text: FRONT + "## A\n" + text), st.text().map(with_yaml)))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert read_or_refused(text)


@given(st.lists(lines, max_size=12), st.integers(0, 40))
def test_a_lesson_with_lines_moved_is_read_or_refused(inserted: list[str], at: int) -> None:
    given_lines = (FRONT + STEP).splitlines(keepends=True)
    assert read_or_refused("".join(given_lines[:at] + inserted + given_lines[at:]))


@given(st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert read_or_refused(FRONT.encode() + b"## A\n" + content)


# ---------------------------------------------------------------- the schema


def test_the_schema_in_docs_is_current() -> None:
    assert json.loads((ROOT / "docs" / "lesson.schema.json").read_text(encoding="utf-8")) == schema.schema()


def blocks(text: str) -> list[dict[str, object]]:
    front = yaml_block.read(text.split("---\n")[1], 2).values
    return [front, *(yaml_block.read(block, 1).values for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))]


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    validator = Draft202012Validator(schema.schema())
    texts = [path.read_text(encoding="utf-8") for path in reading.FOLDER.glob("*.md")]
    assert all(validator.is_valid(block) for text in [FRONT + STEP, *texts] for block in blocks(text))
    for broken in ({"goo": 1}, {"go": {"page": "mpl"}}, {"minutes": 0}, {"do": [{"action": "dance"}]}, {"title": "x"}):
        assert not validator.is_valid(broken)
