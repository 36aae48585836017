"""The glossary: one paragraph per term, found wherever a tooltip uses the term."""

import math

from lmcore.training.config import TrainConfig
from ui import forms, glossary


def test_every_entry_is_one_paragraph_in_alphabetical_order() -> None:
    terms = list(glossary.entries())
    assert terms == sorted(terms, key=str.lower)
    for paragraph in glossary.entries().values():
        assert "\n" not in paragraph
        assert paragraph.endswith(".")
        assert 10 < len(paragraph.split()) < 80


def test_terms_are_found_as_words_in_any_case_and_number() -> None:
    assert glossary.terms_in("Gradient clipping of all embeddings; no gradients. Natural units.") == (
        "gradient clipping",
        "embedding",
        "gradient",
    )


def test_the_numbers_of_the_glossary() -> None:
    nat = glossary.entries()["nat"]
    assert f"{math.exp(-1):.0%}" in nat
    assert f"{1 / math.log(2):.2f} bits" in nat


def test_a_tooltip_explains_the_first_term_in_it() -> None:
    tooltip = forms.tooltip(TrainConfig.model_fields["momentum"])
    assert tooltip.startswith(str(TrainConfig.model_fields["momentum"].description))
    assert f"**momentum**: {glossary.entries()['momentum']}" in tooltip
