"""The page Runs: the table of runs, what can be done with them, and what they show beside each other."""

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.errors import UserError
from lmcore.runs import comparison
from lmcore.runs.comparison import By, Parting
from lmcore.runs.disk import disk_use
from lmcore.runs.engine import RunView
from lmcore.runs.run import Status
from lmcore.runs.store import TRASH_DAYS, About, Header
from pages.lab import shared
from ui import forms
from ui.live_chart import Chart, live
from ui.navigation import page_of
from ui.run import panel
from ui.server import engine

PAGE = "runs"
CHOSEN, DELETED, FAILED = f"{PAGE}.chosen", f"{PAGE}.deleted", f"{PAGE}.error"
MOST = 8  # runs on one chart
MAX_SEEN = 13  # rows of the table without scrolling
TABS = ["Curves", "Settings", "Samples", "Histograms", "Fork", "Leaderboard", "Disk"]
AGAINST: dict[By, str] = {"steps": "steps", "seconds": "training time", "characters": "characters seen"}


def page() -> None:
    """Everything on the page: live as long as a run trains."""
    active = any(header.status.is_active for header in visible())
    st.fragment(_page, run_every=1.0 if active else None)(active)


def _page(was_active: bool) -> None:
    headers = visible()
    if message := st.session_state.pop(FAILED, None):
        st.error(message)
    _undo()
    called = comparison.names(headers)
    chosen = _table(_filtered(headers), called) if headers else _nothing_yet()
    _tools(chosen, called)
    views = {called[header.id]: engine().view(header.id) for header in chosen[:MOST]}
    with st.expander("Take a run home, or bring one in", icon=":material/luggage:"):
        if len(views) == 1:
            shared.take_along(PAGE, next(iter(views.values())))
        else:
            st.write("Select **one** run to take it home.")
        shared.bring_in(PAGE)
    _tabs(headers, called, views)
    if was_active != any(header.status.is_active for header in headers):
        # Once, when a run begins or the last one comes to rest: the polling begins or ends. Not before the tabs are
        # drawn, which would forget that a fork has opened the first.
        st.rerun()


def _nothing_yet() -> list[Header]:
    st.info("There are no runs yet. Press Start on a page of Train, then come back: every run is listed here.")
    return []


def _tabs(headers: Sequence[Header], called: dict[str, str], views: dict[str, RunView]) -> None:
    st.session_state.setdefault(f"{PAGE}_tab", TABS[0] if headers else "Leaderboard")
    curves, settings, samples, histograms, fork, board, disk = st.tabs(TABS, on_change="rerun", key=f"{PAGE}_tab")
    if curves.open:
        with curves:
            _curves(views)
    if settings.open:
        with settings:
            _settings(views)
    if samples.open:
        with samples:
            _samples(views)
    if histograms.open:
        with histograms:
            _histograms(views)
    if fork.open:
        with fork:
            _fork(views)
    if board.open:
        with board:
            _leaderboard(headers, called)
    if disk.open:
        with disk:
            _disk(headers, called)


# ---------------------------------------------------------------- which runs


def visible() -> list[Header]:
    """The runs that this visitor started or had the address of; at the machine itself all."""
    linked = st.query_params.get(PAGE, "").split(".")
    panel.opened().update(linked)  # who has the id may see the run
    return [header for header in engine().headers() if _may_see(header)]


def _may_see(header: Header) -> bool:
    own = header.owner.partition(".")[0] == panel.visitor()
    return own or header.id in panel.opened() or panel.at_the_server()


def _filtered(headers: Sequence[Header]) -> list[Header]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Find", key=f"{PAGE}.find", placeholder="any words", width=180)
        families = st.multiselect("Model", _kinds(h.config.family for h in headers), key=f"{PAGE}.family", width=180)
        data = st.multiselect("Data", _kinds(h.config.data_name for h in headers), key=f"{PAGE}.data", width=180)
        statuses = st.multiselect(
            "Status", list(Status), format_func=panel.WORDS.__getitem__, key=f"{PAGE}.status", width=180
        )
        starred = st.toggle("Starred only", key=f"{PAGE}.starred")
    return comparison.matching(headers, text, families, data, statuses, starred)


def _kinds(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


# ---------------------------------------------------------------- the table


def _table(headers: list[Header], called: dict[str, str]) -> list[Header]:
    """Draws the table and returns the runs that are selected in it."""
    if not headers:
        st.info("No run fits these filters.")
        return []
    ids = [header.id for header in headers]
    held = st.session_state.get(CHOSEN) or st.query_params.get(PAGE, "").split(".")
    # Another list of runs makes another table, which begins with those selected that were so before.
    key = f"{PAGE}.table.{hash((*ids, st.session_state.get(f'{PAGE}.turn', 0)))}"
    state = st.dataframe(
        _rows(headers, called),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [i for i, run_id in enumerate(ids) if run_id in held]}},
        column_config=_columns(),
        height=min(len(ids), MAX_SEEN) * 35 + 38,
        alt=f"{len(ids)} runs, newest first.",
    )
    chosen = [headers[i] for i in state["selection"]["rows"] if i < len(headers)]
    _choose([header.id for header in chosen])
    return chosen


def _choose(ids: list[str]) -> None:
    st.session_state[CHOSEN] = ids
    if ids:
        st.query_params[PAGE] = ".".join(ids)
    else:
        st.query_params.pop(PAGE, None)


def _select(ids: list[str]) -> None:
    """Selects runs in a fresh table."""
    _choose(ids)
    st.session_state[f"{PAGE}.turn"] = st.session_state.get(f"{PAGE}.turn", 0) + 1


def _rows(headers: Sequence[Header], called: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "★": "★" if header.about.starred else "",
                "name": called[header.id],
                "fork of": _lineage(header, called),
                "model": header.config.family,
                "data": header.config.data_name,
                "settings": comparison.key_settings(header.config),
                "parameters": header.parameters or None,
                "step": header.step,
                "train": header.train,
                "dev": header.dev,
                "seconds": header.seconds,
                "status": panel.WORDS[header.status],
                "note": header.about.note,
                "steps in all": header.config.train.steps,
                "begun": datetime.fromtimestamp(header.created),
            }
            for header in headers
        ]
    )


def _lineage(header: Header, called: dict[str, str]) -> str:
    if header.origin is None:
        return ""
    return f"{called.get(header.origin.parent, 'a deleted run')} at {header.origin.step:,}"


def _columns() -> dict[str, object]:
    column = st.column_config
    return {
        "★": column.TextColumn(width=30, help="Starred: never offered for removal."),
        "name": column.TextColumn(pinned=True),
        "model": column.TextColumn(width=100),
        "settings": column.TextColumn(width=180, help="Those that differ from the defaults."),
        "parameters": column.NumberColumn(format="localized"),
        "step": column.NumberColumn(format="localized"),
        "steps in all": column.NumberColumn(format="localized"),
        "train": column.NumberColumn("train loss (nats)", format="%.4f", help="The last that was measured."),
        "dev": column.NumberColumn("dev loss (nats)", format="%.4f", help="The last that was measured."),
        "seconds": column.NumberColumn("time (s)", format="%.1f", help="Of training."),
        "begun": column.DatetimeColumn(format="D MMM, HH:mm"),
    }


# ---------------------------------------------------------------- what can be done with them


def _tools(chosen: list[Header], called: dict[str, str]) -> None:
    one = chosen[0] if len(chosen) == 1 else None
    ids = [header.id for header in chosen]
    starred = bool(chosen) and all(header.about.starred for header in chosen)
    with st.container(horizontal=True, vertical_alignment="bottom" if one else "center"):
        _open_button(one)
        st.button(
            "Unstar" if starred else "Star",
            key=f"{PAGE}.star",
            icon=":material/star:",
            disabled=not chosen,
            on_click=_star,
            args=(ids, not starred),
        )
        st.button(
            "Delete",
            key=f"{PAGE}.delete",
            icon=":material/delete:",
            disabled=not chosen,
            on_click=_delete,
            args=(ids,),
            help=f"Into the trash, where they stay for {TRASH_DAYS} days.",
        )
        if one:
            _name_and_note(one)
        else:
            st.text("Select a run in the table." if not chosen else f"{len(chosen)} runs selected.")


def _open_button(header: Header | None) -> None:
    pressed = st.button(
        "Open",
        key=f"{PAGE}.open",
        icon=":material/open_in_new:",
        disabled=header is None,
        help=None if header else "Select one run.",
    )
    if pressed and header:
        st.switch_page(page_of(header.config).script, query_params={"run": header.id})


def _name_and_note(header: Header) -> None:
    for name, width in (("name", 200), ("note", 320)):
        key = f"{PAGE}.{name}.{header.id}"
        st.text_input(
            forms.label(name),
            getattr(header.about, name),
            key=key,
            max_chars=_most(name),
            width=width,
            on_change=_describe,
            args=(header.id, name, key),
        )


def _most(name: str) -> int:
    return next(rule.max_length for rule in About.model_fields[name].metadata if hasattr(rule, "max_length"))


def _describe(run_id: str, name: str, key: str) -> None:
    _attempt(lambda: _say(run_id, name, st.session_state[key]))


def _star(ids: list[str], starred: bool) -> None:
    for run_id in ids:
        _attempt(functools.partial(_say, run_id, "starred", starred))


def _say(run_id: str, name: str, value: str | bool) -> None:
    engine().store.describe(run_id, engine().store.about(run_id).updated(**{name: value}))


def _delete(ids: list[str]) -> None:
    done = [run_id for run_id in ids if _attempt(functools.partial(engine().delete, run_id))]
    if done:
        st.session_state[DELETED] = done
    _select([run_id for run_id in ids if run_id not in done])


def _attempt(action: Callable[[], None]) -> bool:
    """Does something, or lets the page say why it cannot be done."""
    try:
        action()
    except UserError as error:
        st.session_state[FAILED] = str(error)
        return False
    return True


def _undo() -> None:
    deleted = st.session_state.get(DELETED)
    if not deleted:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"{len(deleted)} run{'s' if len(deleted) > 1 else ''} deleted.")
        st.button("Undo", key=f"{PAGE}.undo", icon=":material/undo:", on_click=_take_back, args=(deleted,))


def _take_back(ids: list[str]) -> None:
    for run_id in ids:
        _attempt(functools.partial(engine().take_back, run_id))
    st.session_state.pop(DELETED, None)
    _select(ids)


# ---------------------------------------------------------------- beside each other


def _some(views: dict[str, RunView], least: int = 1) -> bool:
    """Whether enough runs are selected; if not, says so."""
    if len(views) < least:
        st.info(f"Select {'two runs or more' if least > 1 else 'runs'} in the table above.")
    return len(views) >= least


def _caveats(views: dict[str, RunView]) -> None:
    for sentence in comparison.caveats([view.config for view in views.values()]):
        st.warning(sentence)


def _curves(views: dict[str, RunView]) -> None:
    _caveats(views)
    fork = _common_beginning(views)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.segmented_control(
            "Against", list(AGAINST), format_func=AGAINST.get, default="steps", required=True, key=f"{PAGE}_by"
        )
        log = st.toggle("Logarithmic", key=f"{PAGE}.log")
        since = fork is not None and st.toggle("From the fork on", True, key=f"{PAGE}.since")
    record = comparison.curves(views, by, fork if since else None)
    words = comparison.standing(views)
    revision = f"{'.'.join(view.id for view in views.values())}{by}{log}{since}"
    live(Chart.of(figures.curves(record, log), f"Losses of runs. {words}", revision=revision), key=f"{PAGE}.curves")
    if views:
        st.text(f"{words} Lines: smoothed losses of the minibatches; marks: dev losses.")
    if fork is not None:
        _show_parting(views)


def _common_beginning(views: dict[str, RunView]) -> int | None:
    """The step until which two selected runs are one; None if they are not branches of each other."""
    if len(views) != 2:
        return None
    return comparison.fork_of(*views.values())


def _show_parting(views: dict[str, RunView]) -> None:
    found = _parting(*views.values())
    if found is not None:
        st.text("\n".join(comparison.tell(found, list(views))))


@functools.lru_cache(maxsize=256)
def _tried(one: str, other: str) -> dict[str, object]:
    """What is known of a pair: the parting, and at which steps it was looked for."""
    return {}


def _parting(one: RunView, other: RunView) -> Parting | None:
    """Where two branches part, looked for by a worker; again only when both have come much further, or to rest."""
    held = _tried(one.id, other.id)
    found, reached = held.get("found"), min(one.step, other.step)
    active = one.status.is_active or other.status.is_active
    final = isinstance(found, Parting) and found.step is not None and found.snapshot is not None
    if not final and held.get("at") != reached and (not active or reached >= 1.5 * int(str(held.get("at", 0)))):
        try:
            found = engine().compute(comparison.parting, one, other)
        except UserError as error:
            st.info(str(error))
            return None
        held |= {"found": found, "at": reached}
    return found if isinstance(found, Parting) else None


def _settings(views: dict[str, RunView]) -> None:
    if not _some(views, 2):
        return
    table = comparison.differences({name: view.config for name, view in views.items()})
    if table.empty:
        st.info("These runs have the same settings.")
        return
    st.write("Only the settings in which they **differ**, as they are now.")
    st.dataframe(table, hide_index=True)
    if changed := [f"{name} at step {c.step:,}: {_words(c.settings)}" for name, v in views.items() for c in v.changes]:
        st.text("Changed on the way:\n" + "\n".join(changed))


def _words(settings: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())


def _step(views: dict[str, RunView], key: str) -> int | None:
    """The slider of the steps at which all selected runs have a snapshot."""
    steps = comparison.common_steps(list(views.values()))
    if not steps:
        st.info("These runs have no snapshot at the same step yet.")
        return None
    if len(steps) == 1:
        return steps[0]
    at = st.session_state.get(key)
    if at is not None and at not in steps:
        st.session_state[key] = max((step for step in steps if step <= at), default=steps[0])
    step: int = st.select_slider(
        "After step", steps, value=steps[-1], format_func=lambda step: f"{step:,}", key=key, width=420
    )
    return step


def _samples(views: dict[str, RunView]) -> None:
    if not _some(views) or (step := _step(views, f"{PAGE}.samples_at")) is None:
        return
    st.write("What each writes at this step: a **row** is one throw of the dice, the same for all.")
    table = comparison.samples(views, step)
    st.dataframe(table.map(lambda text: text.replace("\n", "⏎").replace("\t", "⇥")), hide_index=True)


def _histograms(views: dict[str, RunView]) -> None:
    if not _some(views) or (step := _step(views, f"{PAGE}.histograms_at")) is None:
        return
    ids = tuple((name, view.id) for name, view in views.items())
    try:
        charts = _charts(ids, step, views)
    except UserError as error:
        st.info(str(error))
        return
    st.write("Outputs of the **layers** on the first minibatch, over the same bins.")
    live(*charts, key=f"{PAGE}.histograms")


@st.cache_data(max_entries=100, show_spinner=False)
def _charts(ids: tuple[tuple[str, str], ...], step: int, _views: dict[str, RunView]) -> list[Chart]:
    records = comparison.histograms(_views, step)
    top = max(float(shares.max()) for record in records.values() for shares in record.shares.values())
    return [
        Chart.of(
            figures.histograms(record, f"output, {figures.escape(name)}").update_yaxes(range=[0, 1.05 * top]),
            f"Histograms of the outputs of each layer of {name} after step {step:,}.",
            columns=5,
        )
        for name, record in records.items()
    ]


# ---------------------------------------------------------------- fork


def _fork(views: dict[str, RunView]) -> None:
    st.write("Take a run back to a step, **change one thing**, and go on: both branches see the same batches and dice.")
    if not _some(views):
        return
    name = next(iter(views))
    if len(views) > 1:
        name = st.selectbox("Run", list(views), key=f"{PAGE}.fork_run", width=340)
    view = views[name]
    kind = type(view.config.train)
    fields = [field for field in kind.model_fields if field in kind.live_fields()]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at = f"{PAGE}.fork_at.{view.id}.{hash(tuple(view.fork_steps))}"
        step = _fork_step(view, at)
        first = fields.index("learning_rate") if "learning_rate" in fields else 0
        setting = st.selectbox(
            "Change", fields, first, format_func=forms.label, key=f"{PAGE}.fork_setting.{view.id}", width=200
        )
        now = getattr(comparison.settings_at(view, step), setting)
        key = f"{PAGE}.fork.{view.id}.{setting}.{now}"
        value = forms.widget(kind, setting, key=key, default=now, bound=False)
        st.button(
            "Fork",
            key=f"{PAGE}.fork_go",
            type="primary",
            icon=":material/fork_right:",
            on_click=_begin_fork,
            args=(view.id, (at, step), setting, (key, value)),
        )
    st.text(f"{forms.label(setting)} is {now} there; the new run shares all that happened until step {step:,}.")


def _fork_step(view: RunView, key: str) -> int:
    steps = view.fork_steps
    if len(steps) == 1:
        st.text(f"From step {steps[0]:,}.")
        return steps[0]
    step: int = st.select_slider(
        "From step",
        steps,
        value=steps[len(steps) // 2],
        format_func=lambda step: f"{step:,}",
        key=key,
        width=340,
    )
    return step


def _begin_fork(run_id: str, at: tuple[str, int], setting: str, value: tuple[str, object]) -> None:
    """Forks at what the widgets hold now; a quick click can come before they were drawn again."""
    step, changed = (st.session_state.get(key, drawn) for key, drawn in (at, value))
    try:
        child = engine().fork(run_id, step, panel.visitor(), **{setting: changed})
    except UserError as error:
        st.session_state[FAILED] = str(error)
        return
    _select([run_id, child])
    st.session_state[f"{PAGE}_tab"] = "Curves"


# ---------------------------------------------------------------- leaderboard


def _leaderboard(headers: Sequence[Header], called: dict[str, str]) -> None:
    on_texts = [header for header in headers if isinstance(getattr(header.config, "corpus", None), CorpusConfig)]
    configs = list(dict.fromkeys([*(header.config.corpus for header in on_texts), CorpusConfig()]))
    corpus_config = st.selectbox("Text", configs, format_func=_text_name, key=f"{PAGE}.text", width=420)
    if len(on_texts) < len(headers):
        st.text("Runs that learn another task have other units, and are left out.")
    try:
        corpus = corpora.load(corpus_config)
    except UserError as error:
        st.info(str(error))
        return
    ours = [header for header in on_texts if header.config.corpus == corpus_config]
    record = comparison.leaderboard(ours, called, _baselines(corpus))
    words = comparison.describe(record)
    st.text(words)
    live(
        Chart.of(figures.leaderboard(record, "parameters"), f"Dev loss against parameters. {words}", 5),
        Chart.of(figures.leaderboard(record, "seconds"), f"Dev loss against training time. {words}", 5),
        key=f"{PAGE}.leaderboard",
    )
    if record.entries:
        st.dataframe(comparison.as_table(record), hide_index=True, column_config=_board_columns())
        st.caption("The last dev loss that was measured; over a part of the split while a run is not finished.")


def _board_columns() -> dict[str, object]:
    number = st.column_config.NumberColumn
    return {
        "dev loss (nats)": number(format="%.4f"),
        "parameters": number(format="localized"),
        "time (s)": number(format="%.1f"),
    }


def _text_name(config: CorpusConfig) -> str:
    return ", ".join([config.source, *comparison.unlike_default(config, {"source"})])


@functools.lru_cache(maxsize=32)
def _baselines(corpus: Corpus) -> dict[str, float]:
    return comparison.baselines(corpus)


# ---------------------------------------------------------------- disk


def _disk(headers: Sequence[Header], called: dict[str, str]) -> None:
    try:
        use = disk_use(engine().store, engine().headers())
    except UserError as error:
        st.error(str(error))
        return
    st.text(
        f"All runs on this machine use {_megabytes(use.total)} of {_megabytes(use.limit)}; "
        f"{_megabytes(sum(use.trash.values()))} of that lie in the trash. Nothing is removed by itself but what has "
        f"lain there for {TRASH_DAYS} days when the app starts."
    )
    st.progress(min(1.0, use.total / use.limit))
    if offered := [run_id for run_id in use.offered if run_id in called]:
        st.warning("The runs use more than they should. The oldest without a star could go:")
        st.text(", ".join(called[run_id] for run_id in offered))
        st.button(f"Delete these {len(offered)}", key=f"{PAGE}.offered", on_click=_delete, args=(offered,))
    sizes = {called[run_id]: size / 1e6 for run_id, size in use.sizes.items() if run_id in called}
    table = pd.DataFrame({"run": list(sizes), "MB": list(sizes.values())}).sort_values("MB", ascending=False)
    left, right = st.columns(2)
    with left:
        st.dataframe(table, hide_index=True, column_config={"MB": st.column_config.NumberColumn(format="%.2f")})
    with right:
        _trash()


def _megabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _trash() -> None:
    trashed = [header for header in engine().store.trash.headers() if _may_see(header)]
    st.markdown("**Trash**")
    if not trashed:
        st.text("The trash is empty.")
        return
    called = comparison.names(trashed)
    for header in trashed[:20]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Take back", key=f"{PAGE}.back.{header.id}", on_click=_take_back, args=([header.id],))
            st.text(called[header.id])
    st.button(
        "Empty the trash",
        key=f"{PAGE}.empty",
        icon=":material/delete_forever:",
        on_click=_empty,
        args=([header.id for header in trashed],),
        help="For good.",
    )


def _empty(ids: list[str]) -> None:
    engine().store.empty_trash(only=ids)
    st.session_state.pop(DELETED, None)
