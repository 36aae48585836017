"""The glossary: one paragraph per term of the field, for explanations and tooltips; its text is in `glossary.md`."""

import functools
import re
from pathlib import Path


@functools.cache
def entries() -> dict[str, str]:
    """The paragraph of each term."""
    text = Path(__file__).with_name("glossary.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {term: paragraph.strip() for term, paragraph in (section.split("\n", 1) for section in sections)}


@functools.lru_cache(1000)
def terms_in(text: str) -> tuple[str, ...]:
    """The terms that a text uses, in the order of the text; a longer term counts instead of those it contains."""
    longest_first = sorted(entries(), key=len, reverse=True)
    pattern = "|".join(re.escape(term) for term in longest_first)
    by_lower_case = {term.lower(): term for term in longest_first}
    found = re.findall(rf"(?<![\w-])({pattern})s?(?![\w-])", text, flags=re.IGNORECASE)
    return tuple(dict.fromkeys(by_lower_case[match.lower()] for match in found))
