"""The MLP page, and on it what every page with a run can do."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.families import make_trainer, run_config_from_settings
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.runs.view import RunView
from tests.pages.app_testing import figure, finish, keys, number, parts, plain, trace_names, unfold, values, visit
from tests.waiting import until
from ui import explain
from ui.run import attach, controls


@pytest.fixture
def page(app: AppTest) -> AppTest:
    """The page with a small model and few names."""
    visit(app, "mlp/mlp")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="mlp_hidden").set_value(20)
    app.number_input(key="mlp_steps").set_value(10_000_000)  # no machine finishes them during a test
    return app.run()


def run_of(page: AppTest, engine: Engine) -> RunView:
    return engine.view(page.session_state["mlp.run"])


def press(page: AppTest, button: str) -> None:
    page.button(key=f"mlp.{button}").click().run()
    assert not page.exception


def take_one_step(page: AppTest, engine: Engine) -> None:
    press(page, "step")
    until(lambda: not run_of(page, engine).status.is_active)
    page.run()


# ---------------------------------------------------------------- a run


def test_the_untrained_model_is_shown_before_the_first_click(app: AppTest) -> None:
    visit(app, "mlp/mlp")
    assert number(app, 0) == "0"
    assert float(number(app, 1)) == pytest.approx(3.3, abs=0.1)
    assert figure(app)["layout"]["annotations"]
    assert figure(app, 1)["data"][0]["type"] == "heatmap"
    assert "        0 " in parts(app, "text")[0]["text"]


def test_the_pictures_show_the_latest_snapshot_when_a_run_has_gone_on(page: AppTest, engine: Engine) -> None:
    take_one_step(page, engine)
    assert page.select_slider(key="mlp.at").value == 1
    page.select_slider(key="mlp.at").set_value(0).run()
    page.run()
    assert page.select_slider(key="mlp.at").value == 0
    take_one_step(page, engine)
    assert page.select_slider(key="mlp.at").value == 2


def test_the_chart_asks_for_a_click_only_while_there_is_no_run(page: AppTest, engine: Engine) -> None:
    assert figure(page)["layout"]["annotations"][0]["text"] == "Press Start to train."
    engine.max_active = 0  # it is queued
    press(page, "go")
    assert run_of(page, engine).status == Status.QUEUED
    assert figure(page)["layout"]["annotations"][0]["text"] == "No steps yet."


def test_a_run_can_be_started_paused_stepped_resumed_and_reset(page: AppTest, engine: Engine) -> None:
    press(page, "go")
    assert page.button(key="mlp.go").label == "Pause"
    until(lambda: run_of(page, engine).step > 100)
    press(page, "go")
    until(lambda: run_of(page, engine).status == Status.PAUSED)
    page.run()
    paused_at = run_of(page, engine).step
    assert page.button(key="mlp.go").label == "Resume"
    assert number(page, 0) == f"{paused_at:,}"
    assert trace_names(figure(page))[:4] == ["minibatch", "smoothed", "train", "dev"]

    take_one_step(page, engine)
    assert run_of(page, engine).step == paused_at + 1
    press(page, "go")
    until(lambda: run_of(page, engine).step > paused_at + 1)

    first_loss = run_of(page, engine).history.head[0]
    press(page, "reset")
    assert number(page, 0) == "0"
    assert page.button(key="mlp.go").label == "Start"
    take_one_step(page, engine)
    assert run_of(page, engine).history.head[0] == first_loss


def test_a_folded_form_has_widgets_while_it_is_open_or_differs_from_its_defaults(app: AppTest) -> None:
    visit(app, "mlp/mlp")
    folded = {"mlp_optimizer", "mlp_momentum", "mlp_clip"}
    assert not folded & keys(app)
    unfold(app)
    assert folded <= keys(app)

    app.selectbox(key="mlp_clip").select("norm").run()
    for title in ("Regularization", "Optimizer and schedule"):
        app.session_state[f"mlp.{title}"] = False
    app.run()
    assert folded & keys(app) == {"mlp_clip"}
    assert app.selectbox(key="mlp_clip").value == "norm"


def test_pause_resume_and_one_step_draw_only_the_buttons_and_the_pictures(
    page: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(page, "go")
    until(lambda: run_of(page, engine).step > 0)
    whole: list[str] = []
    monkeypatch.setattr(explain, "read", whole.append)  # the expander at the end of the page asks for it
    monkeypatch.setattr(attach, "has_stopped", lambda view: False)  # in which case the whole page is drawn once more
    page.session_state["explain"] = True
    press(page, "go")
    until(lambda: run_of(page, engine).status == Status.PAUSED)
    press(page, "step")
    until(lambda: run_of(page, engine).status == Status.PAUSED)
    press(page, "go")
    assert whole == []


def test_the_initialization_is_kept_while_a_run_hides_its_widgets(page: AppTest, engine: Engine) -> None:
    unfold(page)
    page.number_input(key="mlp_output_scale").set_value(2.0)
    page.selectbox(key="mlp_hidden_scheme").select("uniform").run()
    press(page, "step")
    assert run_of(page, engine).config.model.output_scale == 2.0
    assert "mlp_output_scale" not in [widget.key for widget in page.number_input]
    press(page, "reset")
    assert page.number_input(key="mlp_output_scale").value == 2.0
    assert page.selectbox(key="mlp_hidden_scheme").value == "uniform"
    press(page, "step")
    assert run_of(page, engine).config.model.hidden_scheme == "uniform"


def test_the_buttons_notice_that_a_run_stops_after_they_were_drawn(
    page: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_error = controls.show_error

    def stop_the_run(prefix: str) -> None:  # between the buttons and the pictures
        if (run_id := attach.run_id_of(prefix)) is not None:
            engine.pause(run_id)
            until(lambda: not engine.view(run_id).status.is_active)
        show_error(prefix)

    monkeypatch.setattr(controls, "show_error", stop_the_run)
    press(page, "go")
    assert run_of(page, engine).status == Status.PAUSED
    assert page.button(key="mlp.go").label == "Resume"


def test_a_new_learning_rate_acts_during_the_run_but_the_model_is_fixed(page: AppTest, engine: Engine) -> None:
    press(page, "go")
    assert page.number_input(key="mlp_hidden").disabled
    page.number_input(key="mlp_learning_rate").set_value(0.02).run()
    until(lambda: len(run_of(page, engine).changes) == 1)
    assert run_of(page, engine).changes[0].settings == {"learning_rate": 0.02}
    press(page, "go")


def test_a_setting_that_is_typed_right_before_the_click_on_start_counts(page: AppTest, engine: Engine) -> None:
    page.number_input(key="mlp_learning_rate").set_value(0.37)
    page.number_input(key="mlp_hidden").set_value(33)
    press(page, "step")
    config = run_of(page, engine).config
    assert (config.train.learning_rate, config.model.hidden) == (0.37, 33)


def test_divergence_is_reported_with_a_remedy(page: AppTest, engine: Engine) -> None:
    page.number_input(key="mlp_learning_rate").set_value(900.0)
    press(page, "go")
    until(lambda: run_of(page, engine).status == Status.FAILED)
    page.run()
    assert "Try a learning rate of 0.1." in plain(page.error[0].value)
    assert page.button(key="mlp.go").label == "Resume"


def test_a_text_that_is_too_short_for_the_context_is_refused(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("abcabcab")
    app.button(key="use_paste").click().run()
    visit(app, "mlp/mlp")
    app.number_input(key="mlp_context").set_value(30).run()
    assert not app.exception
    assert "context" in plain(app.error[0].value)


def test_a_link_to_a_run_opens_it_with_its_settings(app: AppTest, engine: Engine) -> None:
    config = run_config_from_settings({"hidden": 17, "steps": 60, "learning_rate": 0.3, "locales": ("fr_FR",)})
    run_id = engine.start(config)
    until(lambda: not engine.view(run_id).status.is_active)
    app.query_params["run"] = run_id
    visit(app, "mlp/mlp")
    assert app.number_input(key="mlp_hidden").value == 17
    assert app.number_input(key="mlp_learning_rate").value == 0.3
    assert app.multiselect(key="locales").value == ["fr_FR"]
    assert number(app, 0) == "60"


def test_a_run_trains_on_while_the_visitor_is_on_another_page(page: AppTest, engine: Engine) -> None:
    press(page, "go")
    run_id = page.session_state["mlp.run"]
    visit(page, "data/dataset")
    step = engine.view(run_id).step
    until(lambda: engine.view(run_id).step > step)
    visit(page, "mlp/mlp")
    assert page.session_state["mlp.run"] == run_id
    assert page.number_input(key="mlp_hidden").value == 20
    press(page, "go")


# ---------------------------------------------------------------- tuning


def test_the_settings_tried_are_listed(page: AppTest, engine: Engine) -> None:
    page.number_input(key="mlp_steps").set_value(300).run()
    take_one_step(page, engine)
    unfold(page)
    page.selectbox(key="mlp_optimizer").select("adam")
    page.number_input(key="mlp_learning_rate").set_value(0.002).run()
    finish(page, engine, "mlp")
    table = page.dataframe[0].value
    assert table["from step"].tolist() == [0, 1]
    assert table["optimizer"].tolist() == ["sgd", "adam"]
    assert "optimizer" in json.dumps(figure(page)["layout"]["annotations"])


def test_the_test_loss_is_shown_on_request_and_the_requests_are_counted(page: AppTest, engine: Engine) -> None:
    page.session_state["mlp.splits"] = True
    page.number_input(key="mlp_steps").set_value(100).run()
    assert page.button(key="mlp.test").disabled
    finish(page, engine, "mlp")
    assert not any("Test loss" in text.value for text in page.text)
    assert "test" not in trace_names(figure(page))

    trainer = make_trainer(run_of(page, engine).config)
    trainer.train(100)
    expected = trainer.evaluate("test")
    for n in (1, 2):
        press(page, "test")
        (report,) = (text.value for text in page.text if "Test loss" in text.value)
        assert f"{expected:.4f}" in report
        assert f"Evaluations so far: {n}" in report
    (trace,) = (trace for trace in figure(page)["data"] if trace.get("name") == "test")
    assert values(trace["y"]) == pytest.approx([expected] * 2)
    run_id = page.session_state["mlp.run"]
    until(lambda: len(engine.store.load(run_id).test_evaluations) == 2)  # another thread writes them
    assert [evaluation.step for evaluation in engine.store.load(run_id).test_evaluations] == [100, 100]


def test_overfitting_one_batch_is_a_new_run_that_says_why_its_loss_is_not_zero(page: AppTest, engine: Engine) -> None:
    press(page, "step")
    before = page.session_state["mlp.run"]
    press(page, "one_batch")
    assert page.session_state["mlp.run"] != before
    assert run_of(page, engine).config.train.one_batch
    assert page.number_input(key="mlp_steps").value == 3000
    until(lambda: run_of(page, engine).step > 0)
    page.run()
    assert "It cannot reach zero" in plain(page.info[0].value)
    press(page, "reset")


def test_a_start_that_the_page_could_not_carry_out_is_not_made_up_for_later(page: AppTest, engine: Engine) -> None:
    page.selectbox(key="text").set_value("names")  # not downloaded, so that the page stops before its buttons
    page.button(key="mlp.go").click().run()
    assert not page.exception
    page.selectbox(key="text").set_value("given-names").run()
    assert page.button(key="mlp.go").label == "Start"
    assert engine.headers() == []


def test_the_penalty_is_shown_beside_the_losses_that_do_not_include_it(app: AppTest) -> None:
    visit(app, "mlp/mlp")
    assert not any("L2 penalty" in text.value for text in app.text)
    unfold(app)
    app.number_input(key="mlp_l2").set_value(0.5).run()
    app.selectbox(key="mlp_l2_reduction").select("mean").run()
    assert not app.exception
    (shown,) = [text.value for text in app.text if "L2 penalty" in text.value]
    # 0.5 × (1 + (5/3)² / 30 + 0.01²) for embeddings, hidden and output weights
    assert float(shown.split()[2]) == pytest.approx(0.546, abs=0.05)
