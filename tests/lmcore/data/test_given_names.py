"""The built-in given names."""

import pytest

from lmcore.data.given_names import MIN_NAMES, given_names, locales
from lmcore.errors import UserError


def test_given_names_are_lower_case_letters_of_many_countries() -> None:
    names = given_names()
    assert 15_000 < len(names) < 20_000
    assert list(names) == sorted(set(names))
    assert set("".join(names)) == set("abcdefghijklmnopqrstuvwxyz")


def test_an_alphabet_admits_more_names() -> None:
    assert set(given_names(("fr_FR",))) < set(given_names())
    assert "adèle" in given_names(("fr_FR",), "latin")
    assert len(given_names((), "any")) > len(given_names((), "latin")) > len(given_names())


def test_locales_with_few_names_are_not_offered() -> None:
    assert "fr_FR" in locales()
    assert set(locales()) < set(locales("any"))
    assert all(len(given_names((name,))) >= MIN_NAMES for name in locales())


def test_unknown_countries_are_named() -> None:
    with pytest.raises(UserError, match="xx_XX"):
        given_names(("xx_XX",))
