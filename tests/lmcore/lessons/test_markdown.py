"""What is rendered means the same as what was written; everything outside the subset is refused with its line."""

import copy
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it.renderer import RendererHTML

from lmcore.errors import UserError
from lmcore.lessons import markdown

PIECES = [
    "a",
    "b c",
    "\n",
    "\n\n",
    "- ",
    "1. ",
    "2) ",
    "> ",
    "# ",
    "### ",
    "    ",
    " ",
    "*",
    "**",
    "_",
    "`",
    "```",
    "$",
    "$$",
]
PIECES += [
    "\\",
    "[",
    "](/mlp)",
    "](x)",
    "!",
    "<",
    ">",
    ":",
    ":red[",
    "|",
    "~~",
    "---",
    "===",
    "&amp;",
    "[^1]",
    "\t",
    "x:y:z",
]


def render(text: str) -> str:
    return markdown.render(markdown.parse(text, 1), 1)


def html(text: str) -> str:
    """What CommonMark, with formulas, makes of a text; titles of links and languages of code do not count."""
    parser = copy.copy(markdown._parser)
    parser.renderer = RendererHTML(parser)
    parser.add_render_rule(
        "math",
        lambda self, tokens, at, *rest: f"<math>{' '.join(tokens[at].content.split()).removeprefix('{}')}</math>",
    )
    shown = (
        re.sub(r' title="[^"]*"| class="[^"]*"', "", parser.render(text, {"first_line": 1}))
        .replace("\u2060", "")
        .replace("<p></p>", "")
    )
    return re.sub(
        r"\s+", " ", re.sub(r"[ \n]*(</?(?:p|li|ul|ol|br|pre|code|blockquote)[^>]*>)[ \n]*", r"\1", shown)
    ).strip()


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=20).map("".join), st.text(max_size=60)))
@example("- a\n\n  b\n- c")
@example("* a\n+ b\n- c")
@example("*    - - - ")
@example("1) a\n\n   ```\n   x\n   ```")
def test_what_is_rendered_means_the_same(text: str) -> None:
    try:
        rendered = render(text)
    except UserError:
        return
    assert without_emphasis(rendered) == without_emphasis(text)
    assert without_emphasis(render(rendered)) == without_emphasis(text)


def without_emphasis(text: str) -> str:
    """Where runs of stars are longer than their emphasis, an escaped star may move it; the text stays the same."""
    return re.sub(r"</?em>|</?strong>|[*_]", "", html(text))


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        (":material/home: and :red[x]", "\\:\u2060material/home\\: and \\:\u2060red\\[x\\]"),
        ("a | b\n--|--\nc | d", "a \\| b\n\\-\\-\\|\\-\\-\nc \\| d"),
        ("~~gone~~ and [^1]", "\\~\\~gone\\~\\~ and \\[\\^1\\]"),
        ("- [ ] task", "- \\[ \\] task"),
        ("$a_i*b*$ costs 3$ and 4$", "$a_i*b*$ costs 3\\$ and 4\\$"),
        ("$$\n\\frac{a}{b}\n= c\n$$", "$$\n\\frac{a}{b} = c\n$$"),
        ("[MLP](/mlp?mlp_hidden=3)", "[MLP](/mlp?mlp_hidden=3)"),
        ("1\\. no list", "1\\. no list"),
        ("**a *b* c** _d_ a*b*c 2\\*3", "**a *b* c** _d_ a*b*c 2\\*3"),
        ("### Part\n\n```python\nx = 1\n```", "### Part\n\n```python\nx = 1\n```"),
    ],
)
def test_markup_beyond_the_subset_is_shown_as_text(text: str, rendered: str) -> None:
    assert render(text) == rendered


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<b>x</b>", "HTML"),
        ("<script>alert(1)</script>", "HTML"),
        ("<!-- x -->", "HTML"),
        ("a <img src=x onerror=alert(1)>", "HTML"),
        ("![x](/mlp)", "Images"),
        ("[x](https://example.com)", "leave the app"),
        ("[x](//example.com)", "leave the app"),
        ("[x](/\\example.com)", "leave the app"),
        ("[x](javascript:alert(1))", "leave the app"),
        ("[x](data:text/html,x)", "leave the app"),
        ("<https://example.com>", "leave the app"),
        ("<someone@example.com>", "leave the app"),
        ("[x]: https://example.com", "leave the app"),
        ("[x][y]\n\n[y]: https://example.com", "leave the app"),
        ("[y]: /mlp\n[y]: https://example.com", "leave the app"),
        ("see https://example.com", "leave the app"),
        ("see www.example.com", "leave the app"),
        ("write to someone@example.com", "leave the app"),
        ("# Title", "heading"),
        ("> ## Title", "heading"),
        ("```math\n\\href{x}{y}\n```", "Code"),
        ("```yaml\nx: 1\n```", "Code"),
        ("$\\href{javascript:alert(1)}{x}$", "\\href"),
        ("$$\n\\includegraphics{x}\n$$", "\\includegraphics"),
        ("$\\def\\a{\\a\\a}\\a$", "\\def"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=r"^Line \d+: ") as refused:
        markdown.render(markdown.parse(f"fine\n\n{text}", 7), 7)
    assert reason in str(refused.value)
    assert int(re.findall(r"\d+", str(refused.value))[0]) >= 9
