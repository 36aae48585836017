"""Given names of many countries, from the library Faker: the text that works without a download."""

import functools
import importlib
import pkgutil
import re
import unicodedata
from typing import Literal

from lmcore.errors import UserError

Alphabet = Literal["a-z", "latin", "any"]

MIN_NAMES = 20
"""Names that a locale needs to be offered."""


def given_names(locales: tuple[str, ...] = (), alphabet: Alphabet = "a-z") -> tuple[str, ...]:
    """Distinct given names in lower case, sorted.

    Args:
        locales: such as ``fr_FR``; all if empty.
        alphabet: letters that a name may have; other names are left out.

    Raises:
        UserError: if there is no such locale.
    """
    by_locale = _names_by_locale()
    if unknown := [name for name in locales if name not in by_locale]:
        raise UserError(f"There are no given names for {', '.join(unknown)}. Choose from: {', '.join(by_locale)}.")
    names = {name for locale in locales or by_locale for name in by_locale[locale]}
    return tuple(sorted(name for name in names if _is_written_in(name, alphabet)))


def locales(alphabet: Alphabet = "a-z") -> tuple[str, ...]:
    """The locales with at least `MIN_NAMES` given names in an alphabet."""
    return tuple(name for name in _names_by_locale() if len(given_names((name,), alphabet)) >= MIN_NAMES)


@functools.cache  # a single entry of about 3 MB
def _names_by_locale() -> dict[str, tuple[str, ...]]:
    """The first names of every locale of Faker, in lower case."""
    package = importlib.import_module("faker.providers.person")
    names: dict[str, tuple[str, ...]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        provider = importlib.import_module(f"{package.__name__}.{module.name}").Provider
        lists = [getattr(provider, name) for name in dir(provider) if name.startswith("first_names")]
        lists = [entries for entries in lists if isinstance(entries, (tuple, list, dict))]
        found = {name for entries in lists for name in entries if isinstance(name, str)}
        names[module.name] = tuple({unicodedata.normalize("NFC", name.strip().lower()) for name in found})
    return names


def _is_written_in(name: str, alphabet: Alphabet) -> bool:
    if alphabet == "a-z":
        return bool(re.fullmatch("[a-z]+", name))
    letters = bool(name) and all(unicodedata.category(character)[0] in "LM" for character in name)
    return letters and (alphabet == "any" or all("LATIN" in unicodedata.name(character, "") for character in name))
