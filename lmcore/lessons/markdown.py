"""The subset of Markdown that lessons are written in, and its rendering for the app.

Paragraphs, ### headings, lists, quotes, code, emphasis, formulas and links to pages of the app. HTML, images and links
elsewhere are refused. Streamlit reads more into Markdown than CommonMark does: icons, colors, emoji, tables, bare
addresses. So a text is parsed, and written anew with every other special character escaped: what comes out has exactly
the markup that was understood here.
"""

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from lmcore.lessons.yaml_block import refuse

LANGUAGES = ("", "python", "text")
"""What may follow the three backticks of a block of code."""

MATH_COMMANDS = frozenset(
    """
    frac sqrt sum prod int ln log exp tanh max min arg lim mid cdot cdots ldots times div pm le ge leq geq ne neq approx
    sim propto to leftarrow in mapsto infty partial nabla left right big Big mathbf mathrm mathit mathcal text hat
    operatorname bar tilde vec overline underline quad qquad top sigma Sigma mu lambda theta epsilon varepsilon eta
    alpha beta gamma delta Delta pi phi rho tau odot begin end
    """.split()  # noqa: SIM905
)
"""The commands that a formula may use."""

MAX_PARAGRAPH = 1500  # characters

LEAVES_APP = "Links that leave the app are not allowed; those within it are like (/mlp)."

_LINK = re.compile(r"/[a-z-]*(\?[A-Za-z0-9_=&.,%+-]*)?")
_ADDRESS = re.compile(r"://|\bwww\.|\bmailto:|\bxmpp:|[\w.+-]+@[\w-]+\.\w", re.IGNORECASE)
"""What browsers and Streamlit take for an address, without any markup around it."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2061-\u206f\ufeff]")
_SPECIAL = re.compile(r"""([!-$&*+:<->@\[-`{-~-]|(?<=\d)[.)])""")
_FORMULA = re.compile(r"(\$\$?)(?!\$)([^$]*[^$\s][^$]*)\1(?!\$)")
_WORD_JOINER = "\u2060"  # invisible; keeps :name: from being an icon or emoji, which Streamlit looks for in plain text


def _math(state: StateInline, silent: bool) -> bool:
    """The rule of the parser for formulas between $ and $ without spaces inside, or between $$ and $$."""
    match = _FORMULA.match(state.src, state.pos, state.posMax)
    if match is None or (match[1] == "$" and match[2] != match[2].strip()):
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.markup, token.content = match[1], match[2]
    state.pos = match.end()
    return True


def _limit(state: StateCore) -> None:
    """Refuses long paragraphs: the time that the parser may need grows with the square of their length."""
    for token in state.tokens:
        if token.type == "inline" and len(token.content) > MAX_PARAGRAPH:
            line = state.env["first_line"] + (token.map[0] if token.map else 0)
            length = f"{len(token.content):,} characters; at most {MAX_PARAGRAPH:,} are allowed"
            raise refuse(line, f"This paragraph has {length}.")


_parser = MarkdownIt("commonmark").disable(["entity"])
_parser.inline.ruler.before("escape", "math", _math)
_parser.core.ruler.before("inline", "limit", _limit)
_parser.validateLink = lambda url: True  # type: ignore[method-assign]  # what it would show as text is refused here


def parse(text: str, first_line: int) -> list[Token]:
    """The blocks of a text as the parser's tokens.

    Args:
        text: Markdown.
        first_line: the number that its first line has in the lesson file.

    Raises:
        UserError: if it has control characters or a very long paragraph, or defines links that leave the app.
    """
    if control := _CONTROL.search(text):
        line = first_line + text[: control.start()].count("\n")
        raise refuse(line, f"The character U+{ord(control[0]):04X} is not allowed.")
    found: dict[str, Any] = {"first_line": first_line}
    tokens = _parser.parse(text, found)
    references = found.get("references", {}).values()
    for reference in [*references, *found.get("duplicate_refs", [])]:
        if not _LINK.fullmatch(reference["href"]):
            raise refuse(first_line + reference["map"][0], LEAVES_APP)
    return tokens


def plain(tokens: Sequence[Token]) -> str:
    """The text of a heading, without its markup."""
    return "".join(child.content or " " * (child.type == "softbreak") for t in tokens for child in t.children or [t])


def render(tokens: Sequence[Token], first_line: int) -> str:
    """Blocks as Markdown that means the same to Streamlit as to CommonMark.

    Args:
        tokens: whole blocks.
        first_line: the number that the first line of the text has in the lesson file.

    Raises:
        UserError: names the line of something that is not allowed.
    """
    return _blocks(SyntaxTreeNode(tokens).children, first_line)


# ---------------------------------------------------------------- blocks


def _blocks(nodes: Sequence[SyntaxTreeNode], first_line: int, tight: bool = False) -> str:
    return ("\n" if tight else "\n\n").join(filter(None, (_block(node, first_line) for node in nodes)))


def _block(node: SyntaxTreeNode, first_line: int) -> str:
    line = first_line + (node.map[0] if node.map else 0)
    match node.type:
        case "paragraph" if _is_formula(node):
            return _displayed(node.children[0].children[0], line)
        case "paragraph":
            return _inline_of(node, line)
        case "heading" if node.level == 0 and int(node.tag[1]) > 2:
            return f"{'#' * int(node.tag[1])} {_inline_of(node, line)}"
        case "bullet_list" | "ordered_list" if _continues(node):
            raise refuse(line, "Two lists follow each other. Put a sentence between them.")
        case "bullet_list" | "ordered_list":
            return _list(node, first_line)
        case "blockquote":
            return _indented(_blocks(node.children, first_line), "> ", "> ")
        case "fence" | "code_block":
            return _code(node, line)
        case "hr":
            return "___"
        case "heading":
            raise refuse(line, "A heading of a step begins with ###, and stands neither in a list nor in a quote.")
    raise refuse(line, "HTML is not allowed in lessons.")


def _indented(text: str, first: str, others: str) -> str:
    """The lines of a text after prefixes; empty lines get none of spaces."""
    lines = text.split("\n")
    return "\n".join((first if i == 0 else others) + line if line else others.rstrip() for i, line in enumerate(lines))


def _continues(node: SyntaxTreeNode) -> bool:
    """Whether a list would become a part of the one before it."""
    before = node.previous_sibling
    return before is not None and (before.type, before.markup) == (node.type, node.markup)


def _list(node: SyntaxTreeNode, first_line: int) -> str:
    """A list; its paragraphs are hidden if there are no empty lines between its items."""
    start = int(node.attrs.get("start", 1))
    tight = all(child.hidden for item in node.children for child in item.children if child.type == "paragraph")
    items = []
    for number, item in enumerate(node.children, start):
        marker = f"{number}{item.markup}" if node.type == "ordered_list" else item.markup
        text = _blocks(item.children, first_line, tight)
        items.append(_indented(text, f"{marker} ", " " * (len(marker) + 1)) if text else marker)
    return ("\n" if tight else "\n\n").join(items)


def _code(node: SyntaxTreeNode, line: int) -> str:
    language = node.info.strip()
    if language not in LANGUAGES:
        known = ", ".join(filter(None, LANGUAGES))
        raise refuse(line, f"Code cannot be in {language[:40]!r}. Choose one of: {known}.")
    fence = _longer_than_any_in(node.content, at_least=3)
    return f"{fence}{language}\n{node.content.rstrip(chr(10))}\n{fence}"


def _longer_than_any_in(text: str, at_least: int = 1) -> str:
    """Backticks that do not occur in a text."""
    return "`" * max([at_least, *(len(run) + 1 for run in re.findall("`+", text))])


# ---------------------------------------------------------------- within a line


def _inline_of(node: SyntaxTreeNode, line: int) -> str:
    """The text of a paragraph or heading."""
    (inline,) = node.children
    text, at = "", line
    for child in inline.children:
        text += _inline(child, at)
        at += child.type in ("softbreak", "hardbreak")
    return "\n".join(part.strip(" ") for part in text.split("\n"))


def _inline(node: SyntaxTreeNode, line: int) -> str:
    inside = "".join(_inline(child, line) for child in node.children)
    match node.type:
        case "text":
            return _escaped(node.content, line)
        case "softbreak":
            return "\n"
        case "hardbreak":
            return "\\\n"
        case "em" | "strong":
            return f"{node.markup}{inside}{node.markup}"
        case "code_inline":
            fence = _longer_than_any_in(node.content)
            pad = " " if re.search(r"^`|`$|^ .*\S.* $", node.content) else ""
            return f"{fence}{pad}{node.content}{pad}{fence}"
        case "math":
            return f"${_checked_formula(node, line)}$"
        case "link" if _LINK.fullmatch(str(node.attrs["href"])):
            return f"[{inside}]({node.attrs['href']})"
        case "link":
            raise refuse(line, LEAVES_APP)
        case "image":
            raise refuse(line, "Images are not allowed in lessons.")
    raise refuse(line, "HTML is not allowed in lessons.")


def _escaped(text: str, line: int) -> str:
    """A text without markup."""
    if found := _ADDRESS.search(text):
        raise refuse(line, f"{LEAVES_APP} This text has {found[0][:40]!r}.")
    return re.sub(r"(\\:)(?=\w)", rf"\1{_WORD_JOINER}", _SPECIAL.sub(r"\\\1", text))


def _is_formula(paragraph: SyntaxTreeNode) -> bool:
    """Whether a paragraph consists of one formula between $$ and $$."""
    children = paragraph.children[0].children
    return len(children) == 1 and children[0].type == "math" and children[0].markup == "$$"


def _displayed(node: SyntaxTreeNode, line: int) -> str:
    """A formula on lines of its own; what looks like the beginning of a list gets an empty group before it."""
    formula = _checked_formula(node, line)
    is_safe = formula[0].isalpha() or formula[0] in "\\({"
    return f"$$\n{'' if is_safe else '{}'}{formula}\n$$"


def _checked_formula(node: SyntaxTreeNode, line: int) -> str:
    """A formula on one line."""
    for command in re.findall(r"\\([A-Za-z]+)", node.content):
        if command not in MATH_COMMANDS:
            raise refuse(line, f"Formulas cannot use \\{command[:40]}.")
    return " ".join(node.content.split())
