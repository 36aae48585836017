"""The page Runs, without a browser."""

import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.families import run_config_from_settings
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.runs.store import Annotations
from pages.lab import shared
from tests.pages.app_testing import charts, plain, visit
from tests.waiting import until
from ui import gate

PAGE = "lab/runs"
HOSTILE = "<script>alert(1)</script> **bold** $x$ :red[x]"


@pytest.fixture(autouse=True)
def with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The visitor has used the key, and may see every run."""
    monkeypatch.setattr("ui.gate.sees_all_runs", lambda: True)


def finished(engine: Engine, **settings: Any) -> str:
    """The id of a small run that has come to its end."""
    config = {"locales": ("de_DE",), "hidden": 20, "steps": 300, "evaluate_every": 100} | settings
    run_id = engine.start(run_config_from_settings(config), f"owner {time.monotonic()}")
    until(lambda: not engine.view(run_id).status.is_active)
    assert engine.view(run_id).status == Status.FINISHED
    return run_id


def select(app: AppTest, *run_ids: str, tab: str = "Curves") -> AppTest:
    """Opens the page with these runs selected, as a link does."""
    app.query_params["runs"] = ".".join(run_ids)
    app.session_state["runs.selected"] = list(run_ids)
    app.session_state["runs.table_version"] = time.monotonic_ns()  # a fresh table
    app.session_state["runs_tab"] = tab
    return visit(app, PAGE)


def press(app: AppTest, key: str, tab: str = "Curves") -> None:
    """Clicks a button; AppTest forgets which tab was open."""
    app.session_state["runs_tab"] = tab
    app.button(key=key).click().run()
    assert not app.exception


def rows(app: AppTest) -> list[dict[str, Any]]:
    return app.dataframe[0].value.to_dict("records")


def texts(app: AppTest) -> str:
    return "\n".join(text.value for text in app.text)


def test_an_imported_run_is_in_the_table_at_once(app: AppTest, engine: Engine) -> None:
    run_id = finished(engine)
    select(app, run_id)
    app.get("file_uploader")[0].upload("run.zip", shared.export(run_id, ".zip"), "application/zip").run()
    assert not app.exception
    assert len(rows(app)) == 2


def test_without_runs_the_page_says_what_to_do_and_shows_the_baselines(app: AppTest) -> None:
    visit(app, PAGE)
    assert "Press Start" in plain(app.info[0].value)
    shown = charts(app)
    assert [chart["layout"]["xaxis"]["title"]["text"] for chart in shown] == ["Parameters", "Training time (seconds)"]
    assert [trace["name"].partition(":")[0] for trace in shown[0]["data"]] == [
        "uniform",
        "unigram",
        "bigram",
        "trigram",
    ]
    assert "Baselines" in shown[0]["alt"]


def test_the_table_lists_and_filters_runs(app: AppTest, engine: Engine) -> None:
    first, second = finished(engine), finished(engine, family="rnn", hidden=12, learning_rate=0.05)
    engine.store.annotate(first, Annotations(name="mine", note="slow", starred=True))
    visit(app, PAGE)
    newest, oldest = rows(app)
    assert (newest["model"], oldest["model"]) == ("rnn", "mlp")
    assert (oldest["★"], oldest["name"], oldest["note"], oldest["status"]) == ("★", "mine", "slow", "finished")
    assert oldest["settings"] == "hidden 20"
    assert oldest["dev"] == engine.view(first).snapshots[-1].loss("dev")
    assert oldest["parameters"] == engine.view(first).n_parameters
    app.text_input(key="runs.find").set_value("learning 0.05").run()
    assert [row["model"] for row in rows(app)] == ["rnn"]
    app.text_input(key="runs.find").set_value("").run()
    app.toggle(key="runs.starred").set_value(True).run()
    assert [row["name"] for row in rows(app)] == ["mine"]
    app.multiselect(key="runs.family").set_value(["rnn"]).run()
    assert "No run matches" in plain(app.info[0].value)
    assert second in {header.id for header in engine.headers()}


def test_two_runs_are_compared_in_every_tab(app: AppTest, engine: Engine) -> None:
    one, other = finished(engine), finished(engine, learning_rate=0.02)
    select(app, one, other)
    (chart,) = charts(app)
    assert [trace["mode"] for trace in chart["data"]] == ["lines", "markers"] * 2
    assert "Dev losses, lowest first: mlp" in chart["alt"]
    select(app, one, other, tab="Settings")
    table = app.dataframe[1].value
    assert table["setting"].tolist() == ["train.learning_rate"]
    assert sorted(table.iloc[0, 1:]) == ["0.02", "0.1"]
    select(app, one, other, tab="Samples")
    assert app.dataframe[1].value.shape == (12, 2)
    app.session_state["runs_tab"] = "Samples"
    app.select_slider(key="runs.samples_at").set_value(0).run()
    untrained = app.dataframe[1].value
    assert (untrained.iloc[:, 0] == untrained.iloc[:, 1]).all()
    select(app, one, other, tab="Histograms")
    left, right = charts(app)
    assert left["layout"]["yaxis"]["range"] == right["layout"]["yaxis"]["range"]


def test_incomparable_runs_get_a_warning(app: AppTest, engine: Engine) -> None:
    one, other = finished(engine), finished(engine, locales=("fr_FR",), family="rnn", hidden=12)
    select(app, one, other)
    assert "different data" in plain(app.warning[0].value)
    select(app, one, other, tab="Histograms")
    assert any("made of layers" in info.value for info in app.info)
    select(app, one, tab="Settings")
    assert "two runs" in plain(app.info[0].value)


def test_a_fork_is_compared_with_its_parent_from_the_step_where_they_diverge(app: AppTest, engine: Engine) -> None:
    parent = finished(engine)
    select(app, parent, tab="Fork")
    app.select_slider(key=next(s.key for s in app.select_slider if "fork_at" in s.key)).set_value(100)
    app.number_input[0].set_value(0.3)
    press(app, "runs.fork_go", "Fork")
    child = next(header.id for header in engine.headers() if header.origin)
    until(lambda: not engine.view(child).status.is_active)
    select(app, parent, child)
    assert engine.view(child).config.train.learning_rate == 0.3
    assert "identical up to step 100" in texts(app)
    assert "diverge at step 102" in texts(app)  # the first step after the fork begins at the same weights
    assert "samples first differ at step" in texts(app)
    assert rows(app)[0]["fork of"].endswith("at step 100")
    assert min(charts(app)[0]["layout"]["shapes"][0][x] for x in ("x0", "x1")) == 100


def test_a_fork_without_steps_left_is_refused_in_words(app: AppTest, engine: Engine) -> None:
    parent = finished(engine)
    select(app, parent, tab="Fork")
    app.select_slider(key=next(s.key for s in app.select_slider if "fork_at" in s.key)).set_value(300)
    press(app, "runs.fork_go", "Fork")
    assert "Raise the number of steps" in plain(app.error[0].value)


def test_a_name_a_note_and_a_star_are_kept_and_shown_as_text(app: AppTest, engine: Engine) -> None:
    run_id = finished(engine)
    select(app, run_id)
    app.text_input(key=f"runs.name.{run_id}").set_value(HOSTILE).run()
    app.text_input(key=f"runs.note.{run_id}").set_value(HOSTILE).run()
    app.button(key="runs.star").click().run()
    assert engine.store.annotations(run_id) == Annotations(name=HOSTILE, note=HOSTILE, starred=True)
    assert rows(app)[0]["name"] == HOSTILE
    for tab in ("Curves", "Samples", "Histograms", "Fork", "Leaderboard", "Disk"):
        select(app, run_id, tab=tab)
        assert not any("<script>" in element.value for element in (*app.markdown, *app.caption, *app.info))
        assert all("<script>" not in str(chart["data"]) + str(chart["layout"]) for chart in charts(app))


def test_a_deleted_run_comes_back_with_undo_and_from_the_trash(app: AppTest, engine: Engine) -> None:
    run_id = finished(engine)
    select(app, run_id)
    press(app, "runs.delete")
    assert engine.headers() == []
    assert "1 run deleted" in texts(app)
    press(app, "runs.undo")
    assert [header.id for header in engine.headers()] == [run_id]
    press(app, "runs.delete", "Disk")
    press(app, f"runs.back.{run_id}", "Disk")
    assert [header.id for header in engine.headers()] == [run_id]
    press(app, "runs.delete", "Disk")
    press(app, "runs.empty", "Disk")
    assert "trash is empty" in texts(app)
    assert engine.store.trash.headers() == []


def test_a_run_in_training_is_not_deleted(app: AppTest, engine: Engine) -> None:
    run_id = engine.start(run_config_from_settings({"locales": ("de_DE",), "hidden": 20, "steps": 10_000_000}), "me")
    select(app, run_id)
    app.button(key="runs.delete").click().run()
    assert "Pause it" in plain(app.error[0].value)
    engine.pause(run_id)
    until(lambda: not engine.view(run_id).status.is_active)
    assert len(engine.headers()) == 1


def test_runs_beyond_the_limit_are_offered_and_only_deleted_on_a_click(
    app: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    starred, old, young = finished(engine), finished(engine), finished(engine)
    engine.store.annotate(starred, Annotations(starred=True))
    sizes = engine.store.sizes()
    monkeypatch.setenv("LMCORE_DISK", str((sum(sizes.values()) - 10) / 1e9))
    select(app, tab="Disk")
    assert len(engine.headers()) == 3
    press(app, "runs.offered", "Disk")
    assert {header.id for header in engine.headers()} == {starred, young}
    assert {header.id for header in engine.store.trash.headers()} == {old}


def test_a_visitor_from_elsewhere_sees_only_their_own_runs_and_those_they_have_the_address_of(
    app: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.gate.sees_all_runs", lambda: False)
    linked, hidden = finished(engine), finished(engine)
    visit(app, PAGE)
    assert "no runs yet" in plain(app.info[0].value)
    select(app, linked, tab="Disk")
    assert len(rows(app)) == 1
    own = engine.start(
        run_config_from_settings({"locales": ("de_DE",), "steps": 3}), gate.owner(app.session_state["visitor"])
    )
    until(lambda: not engine.view(own).status.is_active)
    select(app, linked)
    assert len(rows(app)) == 2
    engine.delete(hidden)
    select(app, linked, tab="Disk")
    assert "trash is empty" in texts(app)


def test_the_leaderboard_ranks_the_runs_on_a_text(app: AppTest, engine: Engine) -> None:
    better, worse = finished(engine, steps=600), finished(engine, steps=100)
    finished(engine, locales=("fr_FR",))
    select(app, better, tab="Leaderboard")
    app.session_state["runs_tab"] = "Leaderboard"
    app.selectbox(key="runs.text").select_index(1).run()
    table = app.dataframe[1].value
    assert table["dev loss (nats)"].tolist() == [engine.view(one).snapshots[-1].loss("dev") for one in (better, worse)]
    assert table["on the frontier of"][0] == "parameters, time"
    names = [trace["name"] for trace in charts(app)[0]["data"]]
    assert names[-2:] == ["runs", "Pareto frontier"]
    assert [name.partition(":")[0] for name in names[:4]] == ["uniform", "unigram", "bigram", "trigram"]
