"""Which run a page shows: every page that shows runs, every family, every way in."""

import pkgutil
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.families import FAMILIES, AnyRunConfig, run_config_from_settings
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from lmcore.runs.run import Run, Status
from tests.pages.app_testing import ROOT, follow, plain, visit
from tests.waiting import until
from ui import gate, given, navigation, server
from ui.navigation import ALL, Page

RATE = 0.321  # the learning rate of every run here
SHOWING = [page for page in ALL if page.families]
NAMES, DIGITS = {"locales": ("fr_FR",)}, {"source": "digits"}
SETTINGS: dict[str, dict[str, Any]] = {  # all others are those of the family
    "mlp": NAMES | {"hidden": 17, "direct_connections": True},
    "wavenet": NAMES | {"hidden": 17},
    "neural-bigram": NAMES | {"full_batch": True},
    "rnn": NAMES | {"hidden": 17},
    "recurrent": NAMES | {"hidden": 17, "cell": "gru", "batch_size": 4},
    "mlp-classifier": DIGITS | {"hidden": 17},
    "softmax-regression": {"separation": 3.0},
    "logistic-regression": {"classes": 2, "data_seed": 3},
}
CONFIGS: dict[str, AnyRunConfig] = {
    family: run_config_from_settings({"family": family, "learning_rate": RATE, "steps": 50} | SETTINGS.get(family, {}))
    for family in FAMILIES
}
CONFIGS["softmax-regression on images"] = run_config_from_settings(
    {"family": "softmax-regression", "learning_rate": RATE, "steps": 50} | DIGITS
)
SHOWN = [
    pytest.param(page, name, id=f"{page.folder}-{name}")
    for page in SHOWING
    for name, config in CONFIGS.items()
    if page.shows(config)
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder for the runs of the first test that needs them, from which the others copy them; and their ids."""
    return tmp_path_factory.mktemp("prepared") / "runs", {}


@pytest.fixture
def runs(engine: Engine, prepared: tuple[Path, dict[str, str]]) -> dict[str, str]:
    """The id of a run of each family, after one step."""
    folder, ids = prepared
    if not ids:
        ids.update(_start_runs(engine))
        shutil.copytree(engine.store.folder, folder)
    else:
        shutil.copytree(folder, engine.store.folder, dirs_exist_ok=True)
    return ids


def _start_runs(engine: Engine) -> dict[str, str]:
    ids = {name: engine.start(config, name, step_once=True) for name, config in CONFIGS.items()}
    until(lambda: not any(engine.view(run_id).status.is_active for run_id in ids.values()))
    assert {name: engine.view(run_id).message for name, run_id in ids.items()} == dict.fromkeys(CONFIGS, "")
    until(lambda: all(engine.store.load(run_id).step == 1 for run_id in ids.values()))  # as they are copied
    return ids


@pytest.fixture(autouse=True)
def with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The visitor has used the key, and may see every run."""
    monkeypatch.setattr(gate, "sees_all_runs", lambda: True)


def fresh() -> AppTest:
    """A visitor who has just opened a tab."""
    return AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)


def open_run(app: AppTest, page: Page, run_id: str) -> AppTest:
    """Opens an address with a run."""
    app.query_params = {"run": run_id}
    return visit(app, page.folder)


def leave(app: AppTest) -> AppTest:
    """Goes to a page without runs."""
    app.query_params = {}
    return visit(app, "inside/backprop")


def shows_run(app: AppTest, page: Page, run_id: str) -> bool:
    """Whether the page shows a run: in its address, its buttons and its fields."""
    shown = app.session_state[f"{page.prefix}.run"] == run_id
    if shown:
        assert app.query_params == {"run": run_id}
        assert app.button(key=f"{page.prefix}.go").label == "Resume"
        assert app.number_input(key=f"{page.prefix}_learning_rate").value == RATE
        assert not app.warning
    return shown


def explains(app: AppTest, config: AnyRunConfig) -> bool:
    """Whether the page says where a run belongs, with a link to it."""
    own = navigation.page_of(config)
    assert own is not None
    assert "run" not in app.query_params
    (link,) = app.get("page_link")
    return plain(app.warning[0].value) == f"This run belongs to the page {own.title}." and own.title in link.value


def test_every_family_has_a_page() -> None:
    assert all(navigation.page_of(config) for config in CONFIGS.values())


@pytest.mark.parametrize("page", SHOWING, ids=lambda page: page.folder)
def test_a_link_shows_the_run_or_says_where_it_belongs(page: Page, runs: dict[str, str]) -> None:
    for name, run_id in runs.items():
        app = open_run(fresh(), page, run_id)
        assert not app.error, name
        if page.shows(CONFIGS[name]):
            assert shows_run(app, page, run_id), name
        else:
            assert explains(app, CONFIGS[name]), name
            assert app.button(key=f"{page.prefix}.go").label == "Start"


@pytest.mark.parametrize("name", CONFIGS)
def test_the_link_to_the_own_page_shows_the_run(name: str, runs: dict[str, str]) -> None:
    own = navigation.page_of(CONFIGS[name])
    other = next(page for page in SHOWING if not page.shows(CONFIGS[name]))
    assert own is not None
    app = open_run(fresh(), other, runs[name])
    follow(app, app.get("page_link")[0].proto)
    assert app.title[0].value == own.title
    assert shows_run(app, own, runs[name])


@pytest.mark.parametrize("name", CONFIGS)
def test_open_on_the_page_runs_shows_the_run(name: str, runs: dict[str, str]) -> None:
    app = fresh()
    app.query_params = {"runs": runs[name]}
    visit(app, "lab/runs")
    app.button(key="runs.open").click().run()
    own = navigation.page_of(CONFIGS[name])
    assert own is not None
    assert not app.exception
    assert shows_run(app, own, runs[name])


@pytest.mark.parametrize(("page", "name"), SHOWN)
def test_after_a_reset_the_run_can_be_opened_again(page: Page, name: str, runs: dict[str, str]) -> None:
    app = open_run(fresh(), page, runs[name])
    app.button(key=f"{page.prefix}.reset").click().run()
    assert not app.exception
    assert app.button(key=f"{page.prefix}.go").label == "Start"
    assert app.query_params[f"{page.prefix}_learning_rate"] == str(RATE)  # what the new run would have
    leave(app)
    assert shows_run(open_run(app, page, runs[name]), page, runs[name])


@pytest.mark.parametrize(("page", "name"), SHOWN)
def test_after_a_reset_the_address_says_what_the_fields_say(page: Page, name: str, runs: dict[str, str]) -> None:
    app = open_run(fresh(), page, runs[name])
    app.button(key=f"{page.prefix}.reset").click().run()
    copy = fresh()
    copy.query_params = dict(app.query_params)
    visit(copy, page.folder)
    for kind in ("number_input", "selectbox", "toggle", "multiselect", "slider"):
        fields = {widget.key: widget.value for widget in getattr(app, kind) if "." not in (widget.key or ".")}
        assert {key: getattr(copy, kind)(key=key).value for key in fields} == fields
    assert [warning.value for warning in copy.warning] == []
    assert copy.query_params == app.query_params


def test_interrupted_runs_of_all_families_lead_to_their_pages(
    engine: Engine, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {}
    for name, config in CONFIGS.items():
        run = Run(config)
        engine.store.create(run)
        engine.store.save(run.id, run.encode())
        ids[name] = run.id
    restarted = Engine(make_workers=lambda: Workers(workers.executor, workers.n_workers))
    monkeypatch.setattr(server, "_make_engine", lambda: restarted)
    listing = [page for page in SHOWING if visit(fresh(), page.folder).get("page_link")]
    assert len(listing) >= 3
    for name, config in CONFIGS.items():
        own = navigation.page_of(config)
        assert own is not None
        for page in {own, listing[0]} & set(listing):  # from the own page, and from another one
            app = visit(fresh(), page.folder)
            (link,) = (link for link in app.get("page_link") if ids[name] in link.proto.query_string)
            assert link.value.startswith(own.title)
            assert shows_run(follow(app, link.proto), own, ids[name])
    restarted.close()


# ---------------------------------------------------------------- the address and the session


@pytest.fixture
def mlp() -> Page:
    return navigation.find("mlp/mlp")


def test_a_page_shows_the_run_it_showed_last_where_the_address_says_nothing(mlp: Page, runs: dict[str, str]) -> None:
    app = leave(open_run(fresh(), mlp, runs["mlp"]))
    app.query_params = {}
    assert shows_run(visit(app, mlp.folder), mlp, runs["mlp"])


def test_a_link_with_settings_shows_no_run(mlp: Page, runs: dict[str, str]) -> None:
    app = leave(open_run(fresh(), mlp, runs["mlp"]))
    app.query_params = {"mlp_hidden": "33"}
    visit(app, mlp.folder)
    assert app.button(key="mlp.go").label == "Start"
    assert app.number_input(key="mlp_hidden").value == 33
    assert app.number_input(key="mlp_hidden").disabled is False


def test_the_settings_of_a_run_win_over_those_in_its_link(mlp: Page, runs: dict[str, str]) -> None:
    app = fresh()
    app.query_params = {"run": runs["mlp"], "mlp_hidden": "33", "mlp_learning_rate": "0.5"}
    visit(app, mlp.folder)
    assert [number.value for number in app.number_input if number.key in ("mlp_hidden", "mlp_learning_rate")] == [
        17,
        RATE,
    ]
    assert app.query_params == {"run": runs["mlp"]}
    assert "the run that it opens has 17" in plain(app.warning[0].value).replace("\\", "")


@pytest.fixture
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the page takes to be drawn, the next update may have been sent before."""
    monkeypatch.setattr(given, "SECONDS_ON_THE_WAY", 3600.0)


@pytest.mark.usefixtures("slow_machine")
def test_an_update_on_its_way_does_not_bring_back_the_run_that_was_left(mlp: Page, runs: dict[str, str]) -> None:
    app = open_run(fresh(), mlp, runs["mlp"])
    app.button(key="mlp.reset").click().run()
    app.query_params["run"] = runs["mlp"]  # the browser has not heard of the reset yet
    app.run()
    assert app.button(key="mlp.go").label == "Start"
    assert "run" not in app.query_params


def test_a_link_to_the_run_that_was_left_is_followed_even_without_leaving_the_page(
    mlp: Page, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_run(fresh(), mlp, runs["mlp"])
    app.button(key="mlp.reset").click().run()
    monkeypatch.setattr(given, "SECONDS_ON_THE_WAY", 0.0)  # the visitor takes longer than any update
    app.query_params = {"run": runs["mlp"]}
    app.run()
    assert shows_run(app, mlp, runs["mlp"])


@pytest.mark.usefixtures("slow_machine")
def test_an_update_on_its_way_does_not_hide_the_run_that_has_just_started(mlp: Page, runs: dict[str, str]) -> None:
    app = open_run(fresh(), mlp, runs["mlp"])
    app.button(key="mlp.one_batch").click().run()
    started = app.session_state["mlp.run"]
    assert started != runs["mlp"]
    app.query_params = {"run": runs["mlp"]}
    app.run()
    assert app.session_state["mlp.run"] == started
    assert app.query_params == {"run": started}
    app.button(key="mlp.reset").click().run()


@pytest.mark.usefixtures("slow_machine")
def test_an_update_on_its_way_does_not_change_the_settings_of_the_run_that_is_shown(
    mlp: Page, runs: dict[str, str], engine: Engine
) -> None:
    child = engine.fork(runs["mlp"], 0, learning_rate=0.01)
    until(lambda: engine.view(child).status == Status.FINISHED)
    app = open_run(open_run(fresh(), mlp, runs["mlp"]), mlp, child)
    app.number_input(key="mlp_learning_rate").set_value(RATE)  # the browser has not heard of the fork yet
    app.run()
    assert app.number_input(key="mlp_learning_rate").value == 0.01
    assert engine.view(child).config.train.learning_rate == 0.01
    app.number_input(key="mlp_learning_rate").set_value(0.02).run()  # this is the visitor
    assert engine.view(child).config.train.learning_rate == 0.02


def test_a_deleted_run_is_named_and_the_page_starts_afresh(mlp: Page, runs: dict[str, str], engine: Engine) -> None:
    app = open_run(fresh(), mlp, runs["mlp"])
    engine.delete(runs["mlp"])
    app.run()
    assert runs["mlp"] in plain(app.warning[0].value)
    assert app.button(key="mlp.go").label == "Start"
    assert "run" not in app.query_params
    assert not app.run().warning


@pytest.mark.parametrize("run_id", ["0" * 20, "../../../etc/passwd", "<script>", ""])
def test_an_address_with_no_run_at_all_says_so(mlp: Page, run_id: str, engine: Engine) -> None:
    app = open_run(fresh(), mlp, run_id)
    assert app.button(key="mlp.go").label == "Start"
    assert not app.error
    assert app.warning


def test_a_page_that_shares_the_run_of_another_one_keeps_its_own_reset(mlp: Page, runs: dict[str, str]) -> None:
    app = open_run(fresh(), mlp, runs["mlp"])
    embeddings, activations = navigation.find("mlp/embeddings"), navigation.find("inside/activations")
    for page in (embeddings, activations):
        app.query_params = {}
        assert shows_run(visit(app, page.folder), page, runs["mlp"])
    app.button(key="act.reset").click().run()
    for page, label in ((activations, "Start"), (embeddings, "Resume"), (mlp, "Resume")):
        app.query_params = {}
        assert visit(app, page.folder).button(key=f"{page.prefix}.go").label == label


def test_a_forked_run_is_opened_by_its_address(mlp: Page, runs: dict[str, str], engine: Engine) -> None:
    child = engine.fork(runs["mlp"], 0, learning_rate=0.01)
    until(lambda: engine.view(child).status == Status.FINISHED)
    app = open_run(open_run(fresh(), mlp, runs["mlp"]), mlp, child)
    assert app.session_state["mlp.run"] == child
    assert app.number_input(key="mlp_learning_rate").value == 0.01
    assert app.number_input(key="mlp_hidden").value == 17


@pytest.mark.parametrize("folder", ["mlp/initialization", "mlp/wavenet", "rnn/gru_lstm", "classifiers/linear"])
def test_a_race_of_other_runs_is_refused_in_words(folder: str, runs: dict[str, str]) -> None:
    app = fresh()
    app.query_params = {"race": f"{runs['rnn']}.{runs['mlp-classifier']}"}
    visit(app, folder)
    tab = {"rnn/gru_lstm": ("lstm_tab", "Race"), "classifiers/linear": ("linear_tab", "Batch vs. stochastic")}
    if folder in tab:
        key, title = tab[folder]
        app.session_state[key] = title
        app.run()
    assert not app.exception
    assert any("belongs to another page" in warning.value for warning in app.warning)


@pytest.mark.parametrize("kind", ["fork", "race", "one batch"])
def test_a_click_that_arrives_twice_starts_one_run(
    kind: str, runs: dict[str, str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, folder, key, started = {
        "fork": ("pages.lab.runs.fork._begin_fork", "lab/runs", "runs.fork_go", 1),
        "race": ("ui.race._start", "mlp/wavenet", "wave.race_go", 2),
        "one batch": ("ui.run.controls.start_and_show", "mlp/mlp", "mlp.one_batch", 1),
    }[kind]
    once: Callable[..., None] = pkgutil.resolve_name(target)
    monkeypatch.setattr(target, lambda *args, **settings: (once(*args, **settings), once(*args, **settings)))
    app = fresh()
    app.query_params = {"runs": runs["mlp"]} if kind == "fork" else {}
    app.session_state["runs_tab"] = "Fork"
    visit(app, folder)
    app.button(key=key).click().run()
    assert not app.exception
    assert len(engine.headers()) == len(runs) + started
    for header in engine.headers():
        engine.pause(header.id)
