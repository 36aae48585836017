"""Opens every page and presses its main buttons, without a browser."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lmcore.data import corpora, sources
from lmcore.inspection import ngrams
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from lmcore.runs.run import Run, Status
from lmcore.training.training import RunConfig, Trainer
from tests.pages.conftest import ROOT, panels, until, visit
from ui import server
from ui.navigation import SECTIONS
from ui.run import panel

PAGES = sorted(str(path.parent.relative_to(ROOT / "pages")) for path in (ROOT / "pages").rglob("page.py"))


def parts(app: AppTest, kind: str) -> list[dict]:
    """The live parts of a kind, as they are sent to the browser."""
    return [part for part in panels(app)[0] if part["kind"] == kind]


def figure(app: AppTest, at: int = 0) -> dict:
    return json.loads(parts(app, "chart")[at]["figure"])


def values(array: dict) -> np.ndarray:
    """An array as plotly sends it."""
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])


def number(app: AppTest, at: int) -> str:
    return parts(app, "numbers")[0]["items"][at][1]


def names_of(chart: dict) -> list[str]:
    return [trace["name"] for trace in chart["data"]]


def run_of(app: AppTest) -> str:
    return app.session_state["mlp.run"]


def test_every_file_of_pages_is_in_the_navigation() -> None:
    assert sorted(page.folder for pages in SECTIONS.values() for page in pages) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_with_a_title_a_sentence_and_its_code(app: AppTest, page: str) -> None:
    visit(app, page)
    assert len(app.title) == 1
    assert app.markdown[0].value.strip().endswith(".")
    assert not app.error
    assert app.main.expander[-1].label == "Show the code"


# ---------------------------------------------------------------- Dataset


def test_the_dataset_page_shows_the_windows_that_the_model_gets(app: AppTest) -> None:
    visit(app, "data/dataset")
    table = app.dataframe[0].value
    assert list(table["context"] + table["next"])[:2] == ["...e", "..em"]
    app.slider(key="context").set_value(5).run()
    assert app.dataframe[0].value["context"][0] == "....."
    app.text_input(key="piece.given-names").set_value("émile").run()
    assert "é" in app.error[0].value


def test_pasted_text_is_used_whatever_it_holds(app: AppTest) -> None:
    visit(app, "data/dataset")
    hostile = "<script>alert(1)</script> $x^2$ **bold** {{7*7}} 😀 שלום\n" * 30
    app.text_area(key="paste").set_value(hostile)
    app.button(key="use_paste").click().run()
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="text").value.startswith("text:")
    assert app.text[0].value == "Pasted text is chosen, read as utf-8."
    assert "<script>" in app.code[0].value  # shown as it is, in a code block
    assert not any("<script>" in markdown.value for markdown in app.markdown)


@pytest.mark.parametrize(("pasted", "words"), [("", "empty"), ("aaaa", "one distinct"), ("\0\0", "binary")])
def test_what_cannot_be_used_is_refused_in_words_and_nothing_is_lost(app: AppTest, pasted: str, words: str) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value(pasted)
    app.button(key="use_paste").click().run()
    assert not app.exception
    assert words in app.error[0].value


def test_a_text_to_download_is_offered(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.selectbox(key="text").select("names").run()
    assert app.button(key="download").label == "Download"
    assert "MIT" in app.info[0].value


@pytest.mark.parametrize("source", ["python-reference", "python-source"])
def test_running_text_works_on_every_page(app: AppTest, source: str) -> None:
    visit(app, "data/dataset")
    app.selectbox(key="text").select(source).run()
    assert not app.exception
    assert app.metric[0].value == "running text"
    visit(app, "mlp/mlp")
    assert app.selectbox(key="text").value == source
    assert not app.error


def test_given_names_can_be_chosen_by_country(app: AppTest) -> None:
    visit(app, "data/dataset")
    everything = app.metric[0].value
    app.multiselect(key="locales").set_value(["fr_FR"]).run()
    app.selectbox(key="alphabet").select("latin").run()
    assert app.metric[0].value == f"{len(sources.given_names(('fr_FR',), 'latin')):,}" != everything


# ---------------------------------------------------------------- MLP


@pytest.fixture
def small(app: AppTest) -> AppTest:
    """The MLP page with a small model on few names."""
    visit(app, "mlp/mlp")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="mlp_hidden").set_value(20)
    return app.run()


def test_the_untrained_model_is_shown_before_the_first_click(app: AppTest) -> None:
    visit(app, "mlp/mlp")
    assert number(app, 0) == "0"
    assert float(number(app, 1)) == pytest.approx(3.3, abs=0.1)
    assert "Start" in figure(app)["layout"]["annotations"][0]["text"]
    assert figure(app, 1)["data"][0]["type"] == "heatmap"
    assert "        0   " in parts(app, "text")[0]["text"]


def test_start_pause_step_resume_and_reset(small: AppTest, engine: Engine) -> None:
    small.button(key="mlp.go").click().run()
    assert small.button(key="mlp.go").label == "Pause"
    until(lambda: engine.view(run_of(small)).step > 100)
    small.button(key="mlp.go").click().run()
    until(lambda: engine.view(run_of(small)).status == Status.PAUSED)
    small.run()
    paused = engine.view(run_of(small)).step
    assert small.button(key="mlp.go").label == "Resume"
    assert number(small, 0) == f"{paused:,}"
    assert names_of(figure(small))[:4] == ["minibatch", "smoothed", "train", "dev"]

    small.button(key="mlp.step").click().run()
    until(lambda: engine.view(run_of(small)).step == paused + 1 and not engine.view(run_of(small)).status.is_active)
    small.run()
    small.button(key="mlp.go").click().run()
    until(lambda: engine.view(run_of(small)).step > paused + 1)

    first = engine.view(run_of(small)).history.head[0]
    small.button(key="mlp.reset").click().run()
    assert number(small, 0) == "0"
    assert small.button(key="mlp.go").label == "Start"
    small.button(key="mlp.step").click().run()
    until(lambda: engine.view(run_of(small)).step == 1)
    assert engine.view(run_of(small)).history.head[0] == first


def test_an_update_with_the_old_address_does_not_bring_a_left_run_back(small: AppTest, engine: Engine) -> None:
    small.button(key="mlp.step").click().run()
    left = run_of(small)
    small.button(key="mlp.reset").click().run()
    small.query_params["run"] = left  # what a browser sends that has not heard of the reset yet
    small.run()
    assert small.button(key="mlp.go").label == "Start"
    assert "run" not in small.query_params
    small.button(key="mlp.step").click().run()
    assert run_of(small) != left
    small.query_params["run"] = left
    small.run()
    assert run_of(small) != left


def test_starting_weights_are_kept_while_a_run_hides_them(small: AppTest, engine: Engine) -> None:
    small.number_input(key="mlp_output_scale").set_value(2.0)
    small.selectbox(key="mlp_hidden_scheme").select("uniform").run()
    small.button(key="mlp.step").click().run()
    assert engine.view(run_of(small)).config.model.output_scale == 2.0
    assert "mlp_output_scale" not in [widget.key for widget in small.number_input]
    small.button(key="mlp.reset").click().run()
    assert small.number_input(key="mlp_output_scale").value == 2.0
    assert small.selectbox(key="mlp_hidden_scheme").value == "uniform"
    small.button(key="mlp.step").click().run()
    assert engine.view(run_of(small)).config.model.hidden_scheme == "uniform"


def test_a_click_that_arrives_twice_counts_once(
    small: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = panel._command

    def twice(*args: Any) -> None:
        once(*args)
        once(*args)

    monkeypatch.setattr(panel, "_command", twice)
    small.run()
    for steps in (1, 2):
        small.button(key="mlp.step").click().run()
        until(lambda: not engine.view(run_of(small)).status.is_active)
        small.run()
        assert engine.view(run_of(small)).step == steps
    small.button(key="mlp.reset").click().run()
    assert not small.error


def test_a_new_rate_acts_in_mid_run_and_the_size_cannot_change(small: AppTest, engine: Engine) -> None:
    small.button(key="mlp.go").click().run()
    assert small.number_input(key="mlp_hidden").disabled
    small.number_input(key="mlp_learning_rate").set_value(0.02).run()
    until(lambda: len(engine.view(run_of(small)).changes) == 1)
    assert engine.view(run_of(small)).changes[0].settings == {"learning_rate": 0.02}
    small.button(key="mlp.go").click().run()


def test_divergence_is_told_with_its_cure(small: AppTest, engine: Engine) -> None:
    small.number_input(key="mlp_learning_rate").set_value(900.0)
    small.button(key="mlp.go").click().run()
    until(lambda: engine.view(run_of(small)).status == Status.FAILED)
    small.run()
    assert "try 90" in small.error[0].value
    assert small.button(key="mlp.go").label == "Resume"


def test_settings_that_allow_no_model_are_refused_in_words(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("abcabcab")
    app.button(key="use_paste").click().run()
    visit(app, "mlp/mlp")
    app.number_input(key="mlp_context").set_value(30).run()
    assert not app.exception
    assert "smaller context" in app.error[0].value


def test_an_address_with_a_run_opens_it_with_its_settings(app: AppTest, engine: Engine) -> None:
    config = RunConfig.from_flat({"hidden": 17, "steps": 60, "learning_rate": 0.3, "locales": ("fr_FR",)})
    run_id = engine.start(config)
    until(lambda: not engine.view(run_id).status.is_active)
    app.query_params["run"] = run_id
    app.run()
    assert not app.exception
    assert app.number_input(key="mlp_hidden").value == 17
    assert app.number_input(key="mlp_learning_rate").value == 0.3
    assert app.multiselect(key="locales").value == ["fr_FR"]
    assert number(app, 0) == "60"


@pytest.mark.parametrize("run_id", ["0" * 20, "../../../etc/passwd", "<script>"])
def test_an_address_with_an_unknown_run_says_so_and_starts_afresh(app: AppTest, run_id: str) -> None:
    app.query_params["run"] = run_id
    app.run()
    assert not app.exception
    assert "run" in app.warning[0].value
    assert app.button(key="mlp.go").label == "Start"


def test_interrupted_runs_are_offered(
    app: AppTest, engine: Engine, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(RunConfig.from_flat({"hidden": 17, "steps": 60}))
    engine.store.create(run)
    engine.store.save(run.id, run.to_bytes())
    engine = Engine(make_workers=lambda: Workers(workers.executor, workers.slots))  # the server starts again
    monkeypatch.setattr(server, "_make_engine", lambda: engine)
    monkeypatch.setattr(panel, "at_the_server", lambda: True)
    app.run()
    app.button(key=f"mlp.open.{run.id}").click().run()
    assert not app.exception
    assert app.button(key="mlp.go").label == "Resume"
    app.button(key="mlp.go").click().run()
    until(lambda: engine.view(run.id).status == Status.FINISHED)
    engine.close()


def test_leaving_the_page_and_coming_back_shows_the_same_run(small: AppTest, engine: Engine) -> None:
    small.button(key="mlp.go").click().run()
    run_id = run_of(small)
    visit(small, "data/dataset")
    step = engine.view(run_id).step
    until(lambda: engine.view(run_id).step > step)
    visit(small, "mlp/mlp")
    assert run_of(small) == run_id
    assert small.number_input(key="mlp_hidden").value == 20
    small.button(key="mlp.go").click().run()


# ---------------------------------------------------------------- Neural bigram


def test_the_neural_bigram_learns_what_counting_knows(app: AppTest, engine: Engine) -> None:
    visit(app, "counting/neural_bigram")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="nb_steps").set_value(1000).run()
    app.button(key="nb.go").click().run()
    run_id = app.session_state["nb.run"]
    until(lambda: engine.view(run_id).status == Status.FINISHED)
    app.run()
    assert not app.exception
    view = engine.view(run_id)
    assert view.config.train.full_batch
    corpus = corpora.load(view.config.corpus)
    counted = ngrams.against_counts(corpus, view.snapshots[-1].arrays["next_character"]).counted_loss
    assert view.snapshots[-1].train == pytest.approx(counted, abs=0.05)
    assert view.snapshots[-1].train > counted
    assert f"{counted:.4f}" in app.markdown[1].value


def test_no_page_directly_in_the_pages_folder() -> None:
    assert not list(Path(ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("tab", ["Step by step", "Smoothing = weight decay", "The common mistake"])
@pytest.mark.parametrize("text", ["given-names", "python-reference"])
def test_every_tab_of_the_neural_bigram_opens(app: AppTest, tab: str, text: str) -> None:
    visit(app, "counting/neural_bigram")
    app.session_state["nb_tab"] = tab
    app.selectbox(key="text").select(text).run()
    assert not app.exception
    assert not app.error
    assert all(json.loads(part["figure"])["data"] for part in parts(app, "chart"))


def test_a_gradient_step_on_a_word_lowers_its_loss(app: AppTest) -> None:
    visit(app, "counting/neural_bigram")
    app.session_state["nb_tab"] = "Step by step"
    app.run()
    app.button(key="nb.once").click().run()
    app.button(key="nb.once").click().run()
    before, after, last = (float(loss) for loss in app.text[-1].value.partition(": ")[2].split(", "))
    assert before > after > last
    app.text_input(key="nb.word.Given names").set_value("<b>").run()
    assert "<" in app.error[0].value
    app.text_input(key="nb.word.Given names").set_value("ava").run()
    app.button(key="nb.back").click().run()
    assert app.text[-1].value.startswith("Loss after 0 steps")


def test_the_button_moves_the_penalty_to_the_nearest(app: AppTest) -> None:
    visit(app, "counting/neural_bigram")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.session_state["nb_tab"] = "Smoothing = weight decay"
    app.run()
    before = app.metric[0].value
    app.button(key="nb.mimic").click().run()
    assert not app.exception
    assert float(app.metric[0].value) < float(before)


# ---------------------------------------------------------------- tuning


def test_tries_and_hints_follow_a_change(small: AppTest, engine: Engine) -> None:
    small.number_input(key="mlp_steps").set_value(300).run()
    small.button(key="mlp.step").click().run()
    until(lambda: not engine.view(run_of(small)).status.is_active)
    small.selectbox(key="mlp_optimiser").select("adam")
    small.number_input(key="mlp_learning_rate").set_value(0.002).run()
    small.button(key="mlp.go").click().run()
    until(lambda: engine.view(run_of(small)).status == Status.FINISHED)
    small.run()
    assert not small.exception
    table = small.dataframe[0].value
    assert table["from step"].tolist() == [0, 1]
    assert table["optimizer"].tolist() == ["sgd", "adam"]
    assert "optimizer adam" in json.dumps(figure(small)["layout"]["annotations"])


def test_the_test_loss_is_shown_when_asked_for_and_each_look_counted(small: AppTest, engine: Engine) -> None:
    small.session_state["mlp.splits"] = True
    small.run()
    assert small.button(key="mlp.test").disabled
    small.number_input(key="mlp_steps").set_value(100).run()
    small.button(key="mlp.go").click().run()
    until(lambda: engine.view(run_of(small)).status == Status.FINISHED)
    small.run()
    assert not any("Test loss" in text.value for text in small.text)
    assert "test" not in names_of(figure(small))
    for looks in (1, 2):
        small.button(key="mlp.test").click().run()
        (said,) = (text.value for text in small.text if "Test loss" in text.value)
        assert f"Looks so far: {looks}" in said
    view = engine.view(run_of(small))
    trainer = Trainer(view.config)
    trainer.train(100)
    assert f"{trainer.evaluate('test'):.4f}" in said
    (test,) = (trace for trace in figure(small)["data"] if trace["name"] == "test")
    assert values(test["y"]) == pytest.approx([trainer.evaluate("test")] * 2)
    stored = engine.store.load(view.id).looks
    assert [step for step, _ in stored] == [100, 100]


def test_one_batch_is_a_run_of_its_own_that_says_why_zero_is_out_of_reach(small: AppTest, engine: Engine) -> None:
    small.button(key="mlp.step").click().run()
    before = run_of(small)
    small.button(key="mlp.one_batch").click().run()
    assert run_of(small) != before
    assert engine.view(run_of(small)).config.train.one_batch
    assert small.number_input(key="mlp_steps").value == 3000
    until(lambda: engine.view(run_of(small)).step > 0)
    small.run()
    assert "Not nearer to zero" in small.info[0].value
    small.button(key="mlp.reset").click().run()


# ---------------------------------------------------------------- Initialization


def test_the_first_loss_is_shown_for_each_scheme_and_an_own_one(app: AppTest) -> None:
    visit(app, "mlp/initialization")
    expected, first = (float(app.metric[i].value) for i in (0, 1))
    app.selectbox(key="init_preset").select("output zero").run()
    assert app.metric[0].value == app.metric[1].value
    assert first > expected + 10
    app.selectbox(key="init_preset").select("my own").run()
    app.number_input(key="init_output_scale").set_value(3.0).run()
    assert not app.exception
    assert float(app.metric[1].value) > expected + 10


@pytest.mark.parametrize("kind", ["starting weights", "direct connections"])
def test_a_race_runs_on_one_chart(app: AppTest, engine: Engine, kind: str) -> None:
    visit(app, "mlp/initialization")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="init_hidden").set_value(20)
    app.number_input(key="init_steps").set_value(1000).run()
    app.segmented_control(key="init_kind").set_value(kind).run()
    app.button(key="init.race_go").click().run()
    ids = app.session_state["init.race"].split(".")
    assert len(ids) == (5 if kind == "starting weights" else 2)
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    assert len(table) == len(ids)
    assert table["last step"].tolist() == [1000] * len(ids)
    if kind == "starting weights":
        assert table["first"][0] > table["first"][4] + 5
    seeds = {engine.view(run_id).config.train for run_id in ids}
    assert len(seeds) == 1  # the same batches, rate and steps for all


def test_a_race_in_the_address_is_opened_and_a_lost_run_is_named(app: AppTest, engine: Engine) -> None:
    config = RunConfig.from_flat({"hidden": 8, "steps": 30, "locales": ("fr_FR",)})
    run_id = engine.start(config)
    until(lambda: not engine.view(run_id).status.is_active)
    visit(app, "mlp/initialization")
    app.query_params["race"] = f"{run_id}.{'0' * 20}"
    app.run()
    assert "not on this computer" in app.warning[0].value
    assert app.dataframe[0].value["run"].tolist() == ["output × 0.01, hidden Kaiming"]


# ---------------------------------------------------------------- Embeddings


def test_letters_are_drawn_before_the_start_and_can_be_played_at_rest(app: AppTest, engine: Engine) -> None:
    visit(app, "mlp/embeddings")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="emb_steps").set_value(200).run()
    before = json.loads(panels(app)[1][0]["figure"])
    assert names_of(before) == ["vowel", "consonant", "other"]
    assert not before.get("frames")
    app.button(key="emb.go").click().run()
    run_id = app.session_state["emb.run"]
    until(lambda: engine.view(run_id).status == Status.FINISHED)
    app.run()
    assert not app.exception
    after = json.loads(panels(app)[1][0]["figure"])
    assert [frame["name"] for frame in after["frames"]] == [str(s.step) for s in engine.view(run_id).snapshots]
    for method, dimensions in (("t-SNE", 2), ("PCA", 2)):
        app.segmented_control(key="emb.method").set_value(method)
        app.segmented_control(key="emb.dimensions").set_value(dimensions).run()
        assert not app.exception
    app.segmented_control(key="emb.dimensions").set_value(3).run()
    assert "cannot be drawn in 3" in app.info[0].value


def test_the_embeddings_page_shows_the_net_of_the_mlp_page(small: AppTest, engine: Engine) -> None:
    small.button(key="mlp.step").click().run()
    until(lambda: not engine.view(run_of(small)).status.is_active)
    visit(small, "mlp/embeddings")
    assert small.session_state["emb.run"] == run_of(small)
    assert small.number_input(key="emb_embedding").value == 10
    for _ in range(2):  # a reset leaves that net, and stays with its own afterwards
        small.button(key="emb.reset").click().run()
        assert small.button(key="emb.go").label == "Start"
        small.button(key="emb.step").click().run()
        assert small.session_state["emb.run"] != run_of(small)
    small.button(key="emb.reset").click().run()
    assert small.button(key="emb.go").label == "Start"


# ---------------------------------------------------------------- Learning rate


def swept(app: AppTest) -> AppTest:
    """Runs the page, as the browser does by itself, until the sweeps are done."""
    for _ in range(200):
        app.run()
        if app.error or app.warning or any(button.key == "lr.race_go" for button in app.button):
            return app
    raise AssertionError("the sweeps do not end")


def test_the_curve_grows_while_the_rates_do(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.mlp.learning_rate.parts.SLICE", 0.0)
    visit(app, "mlp/learning_rate")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="lr_hidden").set_value(31).run()
    seen = []
    for _ in range(3):
        mean = next(trace for trace in figure(app)["data"] if trace.get("name") == "mean")
        seen.append(len(values(mean["x"])))
        assert len(figure(app)["layout"]["xaxis"]["range"]) == 2
        assert not any(button.key == "lr.race_go" for button in app.button)
        app.run()
    assert seen == sorted(set(seen))
    swept(app)
    assert any(trace.get("name", "").startswith("valley") for trace in figure(app)["data"])


def test_the_jury_speaks_at_once_and_a_rate_is_taken_to_the_mlp(app: AppTest, engine: Engine) -> None:
    visit(app, "mlp/learning_rate")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="lr_hidden").set_value(30)
    swept(app)
    assert not app.exception
    taken = app.button(key="lr.take.steepest")
    taken.click().run()
    assert app.title[0].value == "A network that learns to write"
    assert f"Take {app.number_input(key='mlp_learning_rate').value:.2g}" == taken.label[: taken.label.index(" to")]
    assert app.number_input(key="mlp_hidden").value == 30


def test_a_range_that_never_diverges_is_told(app: AppTest) -> None:
    visit(app, "mlp/learning_rate")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="lr_highest").set_value(0.001)
    swept(app)
    assert "never diverged" in app.warning[0].value
    app.number_input(key="lr_lowest").set_value(0.5).run()
    assert "below the highest" in app.error[0].value
