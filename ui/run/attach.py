"""Which run a page shows.

One rule: the run in the address (``?run=``); else, where the address says nothing, the run that the page showed last;
else none. A link, the menu, the Back button, a fork or a lesson only has to set the address.

An address names either a run or the settings for a new one. While a page shows a run, the run itself holds the
settings: the widgets take their values from it and keep out of the address, so that the two cannot disagree.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from lmcore.config import Config
from lmcore.data import uploads
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.runs.store import Header
from lmcore.runs.view import RunView
from ui import address, errors, forms, gate, given, navigation
from ui.address import RUN
from ui.navigation import Page
from ui.server import engine

WRITTEN, DRAWN_ACTIVE = "attach.written", "attach.drawn_active"  # keys in the session state

Parts = Mapping[str, type[Config] | tuple[type[Config], ...]]
"""The parts of a run's config that a page has widgets for, each with the configs it may be."""

Shows = Callable[[AnyRunConfig], bool]
"""Whether a page shows the runs of a config."""


def shown_run(page: str, parts: Parts, like: Sequence[str] = (), shows: Shows | None = None) -> RunView | None:
    """The run that a page shows, or None. Call it before any widget, because it sets the values of the widgets.

    Args:
        page: prefix of the page's widget keys.
        parts: what the page has widgets for.
        like: prefixes of other pages whose run this one shows until it has had a run of its own.
        shows: which runs belong to the page; by default those that `ui.navigation` says.
    """
    is_new = navigation.visit() != _written().visit or _follows_link()
    run_id = _run_by_address(page, like) if is_new else run_id_of(page)
    view = None if run_id is None else _view_or_explain(run_id, shows or navigation.with_prefix(page).shows)
    if view is not None:
        known_runs().add(view.id)
        _fill_widgets(page, view.config, parts)
    if view is not None or _key(page) in st.session_state:
        show(page, view.id if view else None)
    _write_address(view.id if view else None, is_new)
    return view


def show(page: str, run_id: str | None) -> None:
    """Makes a page show a run, or none, from its next full run on. For callbacks of that page."""
    st.session_state[_key(page)] = run_id


def leave(page: str) -> None:
    """Makes a page show the untrained model again, with the settings of the run. For callbacks of that page."""
    show(page, None)
    address.replace(address.settings())


def run_id_of(page: str) -> str | None:
    """The id of the run that a page showed last."""
    run_id: str | None = st.session_state.get(_key(page))
    return run_id


def current_view(run_id: str | None) -> RunView | None:
    """For fragments: the run as it is now, or None. If it was deleted meanwhile, the whole page is drawn again."""
    try:
        view = None if run_id is None else engine().view(run_id)
    except UserError:
        st.rerun()
    note(view)
    return view


def note(view: RunView | None) -> None:
    """Notes that something is drawn from a run that trains, which `has_stopped` then tells."""
    if view is not None and view.status.is_active:
        st.session_state.setdefault(DRAWN_ACTIVE, set()).add(view.id)


def has_stopped(view: RunView) -> bool:
    """Whether the run has stopped since something was drawn from it: once, so that all of it is drawn again.

    Parts of a page are drawn one after the other, and a run may stop between two of them.
    """
    drawn: set[str] = st.session_state.get(DRAWN_ACTIVE, set())
    if view.status.is_active or view.id not in drawn:
        return False
    drawn.discard(view.id)
    return True


def _key(page: str) -> str:
    return f"{page}.run"


# ---------------------------------------------------------------- the rule


@dataclass(frozen=True)
class _Written:
    """The run in the address, as this session wrote it."""

    visit: int = 0  # `navigation.visit`
    run: str | None = None
    previous: str | None = None  # what it was before, during the same visit
    since: float = 0.0  # when that changed, on the monotonic clock


def _run_by_address(page: str, like: Sequence[str]) -> str | None:
    """The id of the run to show, by the rule of this module."""
    named = st.query_params.get(RUN)
    if named is not None or address.names_settings():
        return named
    pages = [page] if _key(page) in st.session_state else like
    return next((run_id for run_id in map(run_id_of, pages) if run_id is not None), None)


def _follows_link() -> bool:
    """Whether the visitor changed the run in the address without leaving the page.

    An update that was already on its way when the page changed the address still carries the previous one.
    """
    named, written = st.query_params.get(RUN), _written()
    if named == written.run:
        return False
    return named != written.previous or time.monotonic() - written.since > given.SECONDS_ON_THE_WAY


def _written() -> _Written:
    written: _Written = st.session_state.get(WRITTEN, _Written())
    return written


def _write_address(run_id: str | None, is_new: bool) -> None:
    """Makes the address name the run that the page shows, and nothing that the run says itself."""
    if run_id is not None:
        address.replace({RUN: run_id}, force=is_new)
    elif RUN in st.query_params:
        del st.query_params[RUN]
    before, visit = _written(), navigation.visit()
    if visit != before.visit:
        st.session_state[WRITTEN] = _Written(visit, run_id)
    elif run_id != before.run:
        st.session_state[WRITTEN] = _Written(visit, run_id, before.run, time.monotonic())


# ---------------------------------------------------------------- a run of another page


def _view_or_explain(run_id: str, shows: Shows) -> RunView | None:
    """The run; or None, with a sentence that says why the page cannot show it."""
    try:
        view = engine().view(run_id)
    except UserError as error:
        errors.show(f"{error} Start a new one.", st.warning)
        return None
    if shows(view.config):
        return view
    known_runs().add(view.id)
    other = navigation.page_of(view.config)
    if other is None:
        st.warning("No page shows runs like this one. Look for it on the page Runs.")
    else:
        st.warning(f"This run belongs to the page {other.title}.")
        link_to(other, view.id, f"Open it on the page {other.title}")
    return None


def link_to(page: Page, run_id: str, label: str) -> None:
    """A link to a run on its page."""
    st.page_link(page.script, label=label, icon=":material/open_in_new:", query_params={RUN: run_id})


def list_interrupted() -> None:
    """Links to the visitor's runs that were training when the server stopped."""
    headers = filter(may_see, engine().interrupted())
    runs = [(header, page) for header in headers if (page := navigation.page_of(header.config))]
    if not runs:
        return
    with st.expander(forms.counted(len(runs), "interrupted run"), icon=":material/power_off:"):
        for header, page in runs[:10]:
            steps = f"step {header.step:,} of {header.config.train.steps:,}"
            link_to(page, header.id, f"{page.title}: interrupted at {steps}")


# ---------------------------------------------------------------- visitors


def known_runs() -> set[str]:
    """Ids of the runs whose address this visitor had; the caller may add to the set."""
    runs: set[str] = st.session_state.setdefault("known_runs", set())
    return runs


def may_see(header: Header) -> bool:
    """Whether this visitor may see and steer a run: it is their own, or they had its address."""
    is_own = header.owner.partition(".")[0] == gate.visitor()  # the runs of a race have owners of their own
    return is_own or header.id in known_runs() or gate.sees_all_runs()


def visible_runs() -> list[Header]:
    """The runs that this visitor started or has a link to, newest first."""
    linked = st.query_params.get("runs", "").split(".")
    known_runs().update(linked)  # whoever knows a run's id may see it
    return [header for header in engine().headers() if may_see(header)]


# ---------------------------------------------------------------- a run's settings


def _fill_widgets(page: str, config: AnyRunConfig, parts: Parts) -> None:
    """Gives the widgets of a page the settings of a run."""
    for part, kinds in parts.items():
        settings = getattr(config, part)
        prefix = page if part in ("model", "train") else f"{page}_{part}"  # a seed of data is not the one of training
        if isinstance(settings, kinds):
            for name, value in settings.model_dump().items():
                given.give(forms.key_of(prefix, name), value)
    if isinstance(corpus := getattr(config, "corpus", None), CorpusConfig):
        _fill_corpus_picker(corpus)


def _fill_corpus_picker(corpus: CorpusConfig) -> None:
    if uploads.is_upload(corpus.source):
        st.session_state.setdefault("own_texts", {})[corpus.source] = uploads.title_of(corpus.source)
    given.give("text", corpus.source)
    for name, value in corpus.model_dump(exclude={"source"}).items():
        given.give(name, list(value) if isinstance(value, tuple) else value)
