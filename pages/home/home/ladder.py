"""The loss ladder as a picture: one bar per model, which is a link to its page."""

from pathlib import Path

import streamlit as st

from lmcore.recipes.ladder import Ladder, Rung
from lmcore.training.config import RunConfig
from ui import address, forms, navigation

LADDER = Ladder.read(Path(__file__).parent / "recorded" / "ladder.json")  # by scripts/record_home.py
STEPS = max(rung.config.train.steps for rung in LADDER.rungs if rung.config)
LINKS: dict[str, tuple[str, dict[str, str]]] = {  # folder of the page, and settings
    "uniform": ("data/dataset", {}),
    "unigram": ("counting/bigram", {"bigram_tab": "n-grams"}),
    "bigram": ("counting/bigram", {}),
}
KNOWS = {
    "uniform": "Guessing knows nothing",
    "unigram": "A unigram knows how often each character occurs",
    "bigram": "A bigram sees the last character",
    "mlp": "The MLP sees the last three characters",
    "wavenet": "WaveNet sees the last eight characters, in pairs of pairs of pairs",
}


def picture() -> None:
    """The bars, from the highest loss to the lowest."""
    st.header("The loss ladder")
    st.write(
        "How surprised is each model by the next character of a name that it has never seen? Each bar is the loss on "
        "the dev split of the given names, in nats per character, and a link to its model. The networks took "
        f"{STEPS:,} steps, which is less than a minute."
    )
    with st.container(key="ladder", gap="xsmall"):
        for rung in LADDER.rungs:
            _bar(rung)


def _bar(rung: Rung) -> None:
    folder, settings = LINKS[rung.name] if rung.config is None else _run_link(rung.config)
    key, length = f"rung-{rung.name}", rung.loss / LADDER.rungs[0].loss
    with st.container(key=key):
        st.html(f"<style>.st-key-{key} {{ --length: {length:.1%}; }}</style>")
        page = navigation.find(folder)
        label = f"**{rung.loss:.3f}** {KNOWS[rung.name]}"
        st.page_link(page.script, label=label, query_params=settings, width="stretch")


def _run_link(config: RunConfig) -> tuple[str, dict[str, str | list[str]]]:
    """The page of a run, and the settings that make it train the same one."""
    page = navigation.page_of(config)
    assert page is not None
    changed = {
        forms.key_of(page.prefix, name): getattr(part, name)
        for part in (config.model, config.train)
        for name, field in type(part).model_fields.items()
        if getattr(part, name) != field.default
    }
    return page.folder, address.parameters(changed)
