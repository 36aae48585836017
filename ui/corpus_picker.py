"""The text picker of the sidebar. All pages share its choices, and the address holds them."""

import streamlit as st

from lmcore.data import encoding, given_names, sources, uploads
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.errors import UserError
from ui import address, download, forms, load
from ui.computed import computed
from ui.errors import Ended
from ui.server import engine

SOURCE = "text"  # key of the picker, and its name in the address
HELP = "Text to learn from. Upload or paste your own on the page Dataset."

_locales = computed(given_names.locales, 100_000)  # of all the names that Faker has, which are not for the server


def pick_corpus(fixed: bool = False) -> tuple[CorpusConfig, Corpus]:
    """The text of a page, chosen in the sidebar.

    Args:
        fixed: whether the page shows a run, whose text cannot change.

    Raises:
        UserError: if it cannot be read.
        Ended: if it must be downloaded first.
    """
    listed = {source.name: source for source in [*sources.sources(), *_own_texts()]}
    address.read_choice(SOURCE, listed)
    with st.sidebar:
        name = st.selectbox(
            "Text",
            list(listed),
            format_func=lambda name: listed[name].title + ("" if listed[name].is_available else " (not downloaded)"),
            key=SOURCE,
            disabled=fixed,
            on_change=_forget_encoding,
            persist_state="session",
            help="The text of the run. Press Reset to choose another one." if fixed else HELP,
        )
        with st.expander("Text options"):
            options = _options(name, fixed)
    address.write(SOURCE, name, CorpusConfig().source, bound=not fixed)
    if not listed[name].is_available:
        offer_download(listed[name])
        raise Ended
    config = CorpusConfig.parse({"source": name} | options)
    config = config.updated(**load.locate(name, config.encoding)._asdict())
    return config, load.corpus(config)


def _options(name: str, fixed: bool) -> dict[str, object]:
    options: dict[str, object] = {}
    if name == "given-names":
        options["alphabet"] = forms.widget(CorpusConfig, "alphabet", key="alphabet", bound=not fixed, disabled=fixed)
        options["locales"] = st.multiselect(
            "Countries",
            _locales("any"),
            key="locales",
            bind=address.bind("locales", (), not fixed),
            disabled=fixed,
            placeholder="all countries",
            help=CorpusConfig.model_fields["locales"].description,
        )
    names = ["lower_case", "only_letters", "drop_duplicates", "max_vocabulary", "split_seed"]
    if name.startswith(("text:", "file:")):
        names = ["units", "encoding", *names]
    return options | {
        name: forms.widget(CorpusConfig, name, key=name, bound=not fixed, disabled=fixed) for name in names
    }


def _own_texts() -> list[sources.Source]:
    """Texts that this visitor uploaded or pasted, or that the address names."""
    own: dict[str, str] = st.session_state.setdefault("own_texts", {})
    named = st.query_params.get(SOURCE, "")
    if uploads.is_upload(named) and named not in own:
        own[named] = uploads.title_of(named) or "Own text"
    return [sources.Source(name, _distinct(name, own), "Your own text.", "running") for name in own]


def _distinct(name: str, own: dict[str, str]) -> str:
    """The title of an own text, with a number if it is not the first one with this title."""
    same = [other for other, title in own.items() if title == own[name]]
    return own[name] if same[0] == name else f"{own[name]} ({same.index(name) + 1})"


def _forget_encoding() -> None:
    """Detects the encoding again: another text may have another one."""
    st.session_state["encoding"] = CorpusConfig().encoding


def keep_own_text(content: bytes, title: str) -> None:
    """Saves a visitor's text and chooses it. For callbacks, because the picker must not be drawn yet."""
    try:
        encoding.check_size(len(content), title)
        name, found = engine().compute(uploads.save_text, content, title)
    except UserError as error:
        st.session_state["own_text_error"] = str(error)
        return
    st.session_state.setdefault("own_texts", {})[name] = title
    st.session_state["own_text_read"] = f"{title} is selected; its encoding is {found}."
    st.session_state[SOURCE] = name
    _forget_encoding()


def offer_download(source: sources.Source) -> None:
    """A description of a text of the catalog, with a button that downloads it."""
    file = source.remote_file
    assert file is not None
    size = f"{file.size / 1e6:.1f} MB"
    download.offer(file, f"{source.title}: {source.description} {size}, {source.license}.")
