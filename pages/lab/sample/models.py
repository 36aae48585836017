"""The models of the page Sample: runs trained on the text of the sidebar, and n-gram counts of that text."""

import streamlit as st

from lmcore import families
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.errors import UserError
from lmcore.generation import baselines
from lmcore.generation.reader import Reader
from lmcore.runs.filtering import display_names
from lmcore.runs.store import Header
from lmcore.training.config import RunConfig
from ui import errors
from ui.computed import computed
from ui.run import attach
from ui.server import engine

MAX_MODELS = 4  # side by side


def pick(page: str, config: CorpusConfig, corpus: Corpus) -> dict[str, Reader]:
    """The models chosen by the visitor, by display name."""
    headers = [header for header in attach.visible_runs() if isinstance(header.config, RunConfig) and header.step > 0]
    on_this = [h for h in headers if isinstance(h.config, RunConfig) and h.config.corpus == config]
    names = display_names(on_this)
    runs = {names[header.id]: header for header in on_this}
    counted = {name: baselines.baseline_reader(corpus, name) for name in baseline_names(corpus)}
    options = [*runs, *counted]
    default = [*[*runs][:2], "bigram"] if runs else ["bigram", "trigram"]
    chosen = st.multiselect(
        "Models",
        options,
        [name for name in default if name in options],
        key=f"{page}.models.{corpus.name}",
        max_selections=MAX_MODELS,
        help="Runs trained on the text in the sidebar, and n-gram models of that text.",
        placeholder="Choose a model",
    )
    if n_others := len(headers) - len(on_this):
        subject = "other runs were" if n_others > 1 else "other run was"
        st.caption(f"{n_others} {subject} trained on another text. Choose that text in the sidebar to compare.")
    readers = {name: _reader_of(runs[name], corpus) if name in runs else counted[name] for name in chosen}
    return {name: reader for name, reader in readers.items() if reader is not None}


def _reader_of(header: Header, corpus: Corpus) -> Reader | None:
    """A reader with the latest weights of a run; None if there are none yet or they cannot be read."""
    assert isinstance(header.config, RunConfig)
    try:
        snapshots = engine().view(header.id).snapshots
        return families.make_reader(header.config, snapshots[-1], corpus) if snapshots else None
    except UserError as error:
        errors.show(error, st.warning)
        return None


baseline_names = computed(baselines.baseline_names, 1_000_000, "Counting…")
