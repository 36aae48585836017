"""Lesson files: Markdown with a YAML block per step. docs/LESSONS.md describes them for teachers.

Files of others are untrusted. A file is limited in size, its YAML is a small subset (`yaml_block`), its Markdown is
parsed and written anew (`markdown`), pages, settings, places and metrics are looked up in registries (`places`,
`metrics`), and nothing in it is evaluated. Titles, questions and all other values of YAML are plain text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from markdown_it.token import Token

from lmcore import families
from lmcore.cache import cached
from lmcore.config import Config, ValidationError, describe
from lmcore.data import sources
from lmcore.errors import UserError
from lmcore.lessons import markdown, metrics, places, yaml_block
from lmcore.lessons.lesson import Ask, Do, Expect, Go, Lesson, Step
from lmcore.lessons.yaml_block import Block, refuse

FOLDER = Path(__file__).parents[2] / "lessons"
MAX_BYTES = 50_000
FRONT_MATTER = ("title", "minutes", "audience", "data", "seed")
NOTES = re.compile(r"Notes:\s*")
BLOCK = {"go": Go, "do": Do, "point": None, "ask": Ask, "expect": Expect, "minutes": None}
"""What a step's YAML may say, and the config of each that is more than a value."""

Parsed = TypeVar("Parsed", bound=Config)


def names() -> list[str]:
    """The names of the lessons that come with the app, in order: their files are numbered as a class takes them."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def load(name: str) -> Lesson:
    """A lesson that comes with the app.

    Raises:
        UserError: if there is none of that name, or its file is broken.
    """
    if name not in names():
        raise UserError(f"There is no lesson {name[:40]!r}. Choose one of: {', '.join(names())}.")
    path = FOLDER / f"{name}.md"
    return _read_version(path, path.stat().st_mtime_ns)


@cached(max_bytes=5_000_000)
def _read_version(path: Path, modified: int) -> Lesson:
    """The lesson of a file as it was when it was modified last, in nanoseconds since 1970."""
    return read_file(path)


def read_file(path: Path) -> Lesson:
    """The lesson of a file, named as the file is.

    Raises:
        UserError: if the file is not a lesson.
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return decode(file.read(MAX_BYTES + 1), path.stem)


def decode(content: bytes, name: str) -> Lesson:
    """The lesson of a file's bytes. Arguments and errors as for `read`."""
    try:
        return read(content.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise refuse(line, "This is not UTF-8. Save the file in the encoding UTF-8.") from None


def read(text: str, name: str) -> Lesson:
    """The lesson that a text describes, checked.

    Args:
        text: Markdown as docs/LESSONS.md describes it.
        name: of the lesson, such as the file's name without its ending.

    Raises:
        UserError: names the line and what is wrong there.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise refuse(1, f"A lesson has at most {MAX_BYTES:,} bytes.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front, body, first_line = _split_front_matter(text)
    drafts = [_Draft.of(*part) for part in _split_steps(body, first_line)]
    values = front.values | {"name": name, "steps": tuple(draft.step for draft in drafts)}
    lesson = _parse(Lesson, values, front, ())
    if not sources.is_built_in(lesson.data):
        known = ", ".join(source.name for source in (*sources.BUILT_IN, *sources.catalog()))
        raise refuse(front.line(("data",)), f"There is no text {lesson.data[:40]!r}. Choose one of: {known}.")
    _check_steps(lesson, [draft.block for draft in drafts])
    return lesson


# ---------------------------------------------------------------- parts of the file


def _split_front_matter(text: str) -> tuple[Block, str, int]:
    """The values between the two lines ---, the rest of the text, and the number of its first line."""
    match = re.match(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", text, re.DOTALL | re.MULTILINE)
    if match is None:
        raise refuse(1, "A lesson begins with its title and other values between two lines ---.")
    front = yaml_block.read(match[1], 2)
    _check_names(front, FRONT_MATTER)
    return front, text[match.end() :], text[: match.end()].count("\n") + 1


def _split_steps(body: str, first_line: int) -> Iterator[tuple[str, list[Token], int]]:
    """The title of each step, its blocks, and the line that the text's lines are counted from."""
    tokens = markdown.parse(body, first_line)
    starts = [i for i, token in enumerate(tokens) if token.type == "heading_open" and _begins_step(token)]
    if not starts or starts[0] > 0:
        raise refuse(first_line + _line_in(tokens), "The text of a lesson begins with the first step: ## and a title.")
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        yield markdown.plain(tokens[start + 1 : start + 2]).strip(), tokens[start:end], first_line


def _begins_step(token: Token) -> bool:
    return token.level == 0 and token.tag == "h2"


def _line_in(tokens: list[Token]) -> int:
    """The line of the first block, counted from 0."""
    return tokens[0].map[0] if tokens and tokens[0].map else 0


def _check_names(block: Block, known: tuple[str, ...]) -> None:
    for name in block.values:
        if name not in known:
            raise refuse(block.line((name,)), f"{name[:40]!r} is not known here. Choose one of: {', '.join(known)}.")


# ---------------------------------------------------------------- steps


@dataclass(frozen=True)
class _Draft:
    """A step, and its YAML with the lines, for the checks that need the whole lesson."""

    step: Step
    block: Block

    @classmethod
    def of(cls, title: str, tokens: list[Token], first_line: int) -> "_Draft":
        """Sorts the blocks of a step into prose, notes and YAML."""
        heading_line = first_line + _line_in(tokens)
        prose: list[Token] = []
        notes: list[Token] = []
        block: Block | None = None
        for part in _top_level(tokens[3:]):
            line = first_line + _line_in(part)
            if part[0].type == "fence" and part[0].info.strip() == "yaml":
                if block is not None:
                    raise refuse(line, "A step has at most one block of YAML.")
                block = yaml_block.read(part[0].content, line + 1)
            elif _are_notes(part):
                if notes:
                    raise refuse(line, "A step has at most one quote of notes.")
                notes = part
            else:
                prose += part
        block = block or Block({}, {(): heading_line})
        texts = {
            "title": title,
            "prose": markdown.render(prose, first_line),
            "notes": _without_quote(markdown.render(notes, first_line)),
        }
        return cls(_step(block, texts, heading_line), block)


def _top_level(tokens: list[Token]) -> Iterator[list[Token]]:
    """The blocks that are not inside others, each as its tokens."""
    part: list[Token] = []
    for token in tokens:
        part.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield part
            part = []


def _are_notes(part: list[Token]) -> bool:
    """Whether a block is a quote that begins with "Notes:"."""
    return part[0].type == "blockquote_open" and part[1].type == "paragraph_open" and bool(NOTES.match(part[2].content))


def _without_quote(rendered: str) -> str:
    """The Markdown of notes without the marks of the quote and the word Notes."""
    return re.sub(r"^Notes\\:\s*", "", re.sub(r"^> ?", "", rendered, flags=re.MULTILINE))


def _step(block: Block, texts: dict[str, str], heading_line: int) -> Step:
    _check_names(block, tuple(BLOCK))
    values: dict[str, Any] = dict(texts)
    for name, value in block.values.items():
        config = BLOCK[name]
        if config is None or value is None:
            values |= {} if value is None else {name: value}
        elif name in ("do", "expect"):
            if not isinstance(value, list):
                raise refuse(block.line((name,)), f"{name} is a list: each of its items begins with a dash.")
            values[name] = tuple(_parse(config, item, block, (name, i)) for i, item in enumerate(value))
        else:
            values[name] = _parse(config, value, block, (name,))
    return _parse(Step, values, block, (), heading_line)


def _parse(config: type[Parsed], value: Any, block: Block, path: yaml_block.Path, line: int | None = None) -> Parsed:
    """A config from a part of a block; an error names the line of the value that does not fit.

    Args:
        config: to parse.
        value: what it is given.
        block: has the lines.
        path: of the value in the block.
        line: of values that are not in the block.
    """
    try:
        return config.model_validate(value)
    except ValidationError as error:
        problem = error.errors()[0]
        found = (*path, *problem["loc"])
        at = block.line(found) if line is None or found[:1] in block.lines else line
        raise refuse(at, describe(config, problem)) from None


# ---------------------------------------------------------------- what needs the registries


def _check_steps(lesson: Lesson, blocks: list[Block]) -> None:
    """Makes sure that every step can do on the page that is open then what it says."""
    page: str | None = None
    for step, block in zip(lesson.steps, blocks, strict=True):
        if step.go is not None:
            page = step.go.page
            with_line(block, ("go", "page"), places.find, page)
            with_line(block, ("go", "set"), places.settings, lesson, step.go)
        for i, do in enumerate(step.do):
            with_line(block, ("do", i), _check_action, do, page)
        if step.point is not None:
            with_line(block, ("point",), places.find_place, _opened(page, block, "point"), step.point)
        if step.ask is not None and step.ask.kind == "curve" and not places.find(_opened(page, block, "ask")).family:
            raise refuse(block.line(("ask", "kind")), f"The page {page} trains nothing, and so has no curve.")
        for i, expect in enumerate(step.expect):
            with_line(block, ("expect", i, "metric"), metrics.check, expect.metric, _opened(page, block, "expect", i))


def with_line(block: Block, path: yaml_block.Path, check: Any, *arguments: Any) -> None:
    """Runs a check, and adds the line of what it refuses."""
    try:
        check(*arguments)
    except UserError as error:
        raise refuse(block.line(path), str(error)) from None


def _opened(page: str | None, block: Block, *path: str | int) -> str:
    if page is None:
        raise refuse(block.line(path), "No page is open yet. Open one with go first.")
    return page


def _check_action(do: Do, page: str | None) -> None:
    if page is None:
        raise UserError("No page is open yet. Open one with go first.")
    actions = places.find(page).actions
    if do.action not in actions:
        possible = f"Choose one of: {', '.join(actions)}." if actions else "It starts nothing."
        raise UserError(f"The page {page} cannot {do.action}. {possible}")
    if "seed" in do.set:
        raise UserError("A fork has the seed of its run.")
    if do.set:
        type(families.default_run_config(places.find(page).family).train).parse(do.set)
