"""The text picker that every page shares; its choices live in the address, so they hold on all pages."""

import streamlit as st

from lmcore.data import corpora, sources
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.errors import UserError
from ui import forms

SOURCE = "text"  # the key of the picker, and its name in the address


def pick_corpus() -> tuple[CorpusConfig, Corpus]:
    """The text of this page, chosen in the sidebar; the page stops, in words, where there is none."""
    listed = {source.name: source for source in [*sources.sources(), *_own_texts()]}
    if SOURCE not in st.session_state and st.query_params.get(SOURCE) in listed:
        st.session_state[SOURCE] = st.query_params[SOURCE]
    with st.sidebar:
        name = st.selectbox(
            "Text",
            list(listed),
            format_func=lambda name: listed[name].title + ("" if listed[name].available else " (to download)"),
            key=SOURCE,
            persist_state="session",
            help="Upload or paste your own on the Dataset page.",
        )
        with st.expander("Text options"):
            options = _options(name)
    _put_into_address(name)
    if not listed[name].available:
        offer_download(listed[name])
        st.stop()
    try:
        config = CorpusConfig.parse({"source": sources.resolve(name)} | options)
        return config, _load(config.model_dump_json())
    except UserError as error:
        st.error(str(error))
        st.stop()


@st.cache_resource(max_entries=8, show_spinner="Reading the text…", show_time=True)
def _load(config: str) -> Corpus:
    """`corpora.load` keeps the text; this adds a spinner, and only when it must be read."""
    return corpora.load(CorpusConfig.model_validate_json(config))


def _put_into_address(name: str) -> None:
    """By hand, because a bound widget would put the title there, which may change, and not the name."""
    if name == CorpusConfig().source:
        st.query_params.pop(SOURCE, None)
    elif st.query_params.get(SOURCE) != name:
        st.query_params[SOURCE] = name


def _options(name: str) -> dict[str, object]:
    options: dict[str, object] = {}
    if name == "given-names":
        options["alphabet"] = forms.widget(CorpusConfig, "alphabet", key="alphabet")
        options["locales"] = st.multiselect(
            "Countries",
            sources.locales("any"),
            key="locales",
            bind="query-params",
            placeholder="all countries",
            help=CorpusConfig.model_fields["locales"].description,
        )
    names = ["lower_case", "only_letters", "max_vocabulary", "split_seed"]
    if name.startswith(("text:", "file:")):
        names.insert(0, "units")
    return options | {name: forms.widget(CorpusConfig, name, key=name) for name in names}


def _own_texts() -> list[sources.Source]:
    """Texts that this visitor gave, or that the address names."""
    own: dict[str, str] = st.session_state.setdefault("own_texts", {})
    named = st.query_params.get(SOURCE, "")
    if named.startswith("text:") and named not in own:
        own[named] = named.partition("-")[2] or "Own text"
    return [sources.Source(name, title, "Your own text.", "running") for name, title in own.items()]


def keep_own_text(data: bytes, title: str) -> None:
    """Keeps a visitor's text and chooses it; call it from a callback, before the picker is drawn."""
    try:
        decoded = sources.decode(data)
        name = sources.keep(decoded, title)
    except UserError as error:
        st.session_state["own_text_error"] = str(error)
        return
    st.session_state.setdefault("own_texts", {})[name] = title
    st.session_state["own_text_read"] = f"{title} is chosen, read as {decoded.encoding}."
    st.session_state[SOURCE] = name


def offer_download(source: sources.Source) -> None:
    """Says what a text is and how long, with a button that downloads it."""
    st.info(
        f"{source.title}: {source.description} {source.size / 1e6:.1f} MB, {source.license}.",
        icon=":material/download:",
    )
    if st.button("Download", key="download", type="primary"):
        bar = st.progress(0.0, "Connecting…")
        try:
            sources.download(
                source, lambda done, total: bar.progress(min(1.0, done / source.size), f"{done / 1e6:.1f} MB")
            )
        except UserError as error:
            st.error(str(error))
            st.stop()
        st.rerun()
