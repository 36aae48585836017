"""The expander "Explain" of a page: what its pictures show, what to try, and what is easily misunderstood.

The text is `explain.md` beside the page's script, in Markdown. Two sections are drawn in a way of their own: *Try* is a
list of links that set up a page, and *Terms* names entries of the glossary.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

from ui import glossary, navigation

_TRY = re.compile(r"^- \[(?P<label>.+?)\]\((?P<address>.+?)\) (?P<sentence>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Link:
    """A link that sets up a page, and what to look at there."""

    label: str
    page: navigation.Page
    settings: dict[str, str]
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """The explanation of a page."""

    text: str  # Markdown
    links: tuple[Link, ...]
    terms: tuple[str, ...]  # of the glossary


@functools.cache
def read(folder: str) -> Explanation:
    """The explanation of the page in a folder below ``pages/``."""
    text = (navigation.PAGES / folder / "explain.md").read_text(encoding="utf-8")
    body, *rest = re.split(r"^## (Try|Terms)\n", text, flags=re.MULTILINE)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    terms = tuple(term.strip() for term in sections["Terms"].strip().rstrip(".").split(","))
    return Explanation(body.strip(), tuple(map(_link, _TRY.finditer(sections["Try"]))), terms)


def _link(match: re.Match[str]) -> Link:
    address = urlsplit(match["address"])
    page = next(page for page in navigation.ALL if page.url_path == address.path.strip("/"))
    return Link(match["label"], page, dict(parse_qsl(address.query)), match["sentence"])


def explain(script: str) -> None:
    """The expander "Explain" of a page.

    Args:
        script: the page's ``__file__``.
    """
    unfolded = st.expander("Explain", icon=":material/school:", key="explain", on_change="rerun")
    if not unfolded.open:
        return  # a page draws faster without it
    explanation = read(Path(script).parent.relative_to(navigation.PAGES).as_posix())
    with unfolded:
        st.markdown(explanation.text)
        st.markdown("#### Try")
        for link in explanation.links:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.page_link(link.page.script, label=link.label, query_params=link.settings, width="content")
                st.markdown(link.sentence, width="content")
        with st.container(horizontal=True):
            for term in explanation.terms:
                st.popover(term, type="tertiary").markdown(f"**{term}**: {glossary.entries()[term]}")
