"""The page Activations & gradients."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.families import run_config_from_settings
from lmcore.models import WaveNetConfig
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.training.config import RunConfig, TrainConfig
from tests.pages.app_testing import chart, charts, plain, visit
from tests.waiting import until

OUTPUTS, GRADIENTS = "Histograms of the outputs of each layer", "Histograms of the gradients of outputs of each layer"


def titles(app: AppTest) -> list[str]:
    return [chart["layout"]["xaxis"]["title"]["text"] for chart in charts(app)]


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "inside/activations")
    app.multiselect(key="locales").set_value(["de_DE"])
    app.number_input(key="act_hidden").set_value(20)
    app.number_input(key="act_steps").set_value(60)
    return app.run()


def test_the_untrained_model_is_shown_before_the_first_click(page: AppTest) -> None:
    assert {
        "Step", "Output", "Gradient of the output", "Gradient of the weights", "Unit", "Pre-activation"
    } <= set(titles(page))  # fmt: skip
    assert len(chart(page, OUTPUTS)["data"]) == 5
    assert not page.error


def test_a_preset_fills_in_the_settings_and_changes_the_picture(page: AppTest) -> None:
    before = chart(page, OUTPUTS)["data"]
    page.selectbox(key="act.case").select("rescued by BatchNorm").run()
    assert page.slider(key="act_gain").value == 3.0
    assert page.selectbox(key="act_batch_norm").value == "hidden"
    assert chart(page, OUTPUTS)["data"] != before
    page.number_input(key="act_hidden").set_value(40).run()
    assert page.selectbox(key="act.case").value == "custom"
    page.number_input(key="act_hidden").set_value(100).run()
    assert page.selectbox(key="act.case").value == "rescued by BatchNorm"
    page.button(key="act.step").click().run()
    assert page.selectbox(key="act.case").disabled
    page.button(key="act.reset").click().run()
    assert page.selectbox(key="act.case").value == "rescued by BatchNorm"
    page.selectbox(key="act.case").select("exploding").run()
    assert page.selectbox(key="act_activation").value == "relu"
    assert not page.exception


def test_a_run_leaves_its_updates_and_plays_its_snapshots(page: AppTest, engine: Engine) -> None:
    page.button(key="act.go").click().run()
    assert not page.exception
    until(lambda: engine.view(page.session_state["act.run"]).status == Status.FINISHED)
    page.run()
    assert not page.exception
    assert len(chart(page, "Size of the updates")["data"]) == 7
    last = chart(page, GRADIENTS)["data"]
    assert page.select_slider(key="act.at").value == 60
    page.button(key="act.play").click().run()
    seen = [page.select_slider(key="act.at").value]
    while "act.stop" in {button.key for button in page.button}:
        page.run()
        seen.append(page.select_slider(key="act.at").value)
    steps = [snapshot.step for snapshot in engine.view(page.session_state["act.run"]).snapshots]
    assert sorted(set(seen)) == steps
    assert chart(page, GRADIENTS)["data"] == last
    page.select_slider(key="act.at").set_value(0).run()
    assert chart(page, GRADIENTS)["data"] != last
    assert chart(page, GRADIENTS)["layout"]["xaxis"]["range"][1] > 0


def test_a_unit_a_layer_and_a_threshold_can_be_chosen(page: AppTest) -> None:
    page.slider(key="act.threshold").set_value(0.5).run()
    saturated = next(text.value for text in page.text if "units are dead" in text.value)
    page.slider(key="act.threshold").set_value(0.99).run()
    assert next(text.value for text in page.text if "units are dead" in text.value) != saturated
    page.number_input(key="act.unit_number").set_value(7).run()
    assert not page.exception
    assert "No unit is dead on this minibatch." in [text.value for text in page.text]
    assert page.dataframe[0].value.shape == (8, 2)
    page.segmented_control(key="act.layer").set_value("tanh2").run()
    assert page.number_input(key="act.unit_number").value == 7


def test_a_changed_copy_is_compared_with_the_original(page: AppTest) -> None:
    page.session_state["act.treatment"] = True
    page.run()
    assert sum(", original" in title for title in titles(page)) == 3
    before = next(text.value for text in page.text if text.value.startswith("Loss, changed"))
    page.selectbox(key="act.change").select("BatchNorm").run()
    assert next(text.value for text in page.text if text.value.startswith("Loss, changed")) != before


def test_a_model_that_diverges_is_compared_with_its_changed_copy(page: AppTest) -> None:
    page.session_state["act.treatment"] = True
    page.number_input(key="act_learning_rate").set_value(500.0).run()
    page.selectbox(key="act.change").select("learning rate × 0.1").run()
    assert plain(page.error[0].value).startswith("Original: Training diverged")
    page.number_input(key="act_learning_rate").set_value(0.1)
    page.selectbox(key="act.change").select("learning rate × 10").run()
    assert not page.exception
    assert not any(error.value.startswith("Original") for error in page.error)
    assert sum(", original" in title for title in titles(page)) == 3


def test_a_run_of_another_layered_model_can_be_inspected(page: AppTest, engine: Engine) -> None:
    config = RunConfig(corpus={"source": "given-names", "locales": ("de_DE",)}, model=WaveNetConfig(hidden=6))
    run_id = engine.start(config.updated(train=TrainConfig(steps=20).model_dump()))
    until(lambda: engine.view(run_id).status == Status.FINISHED)
    page.query_params["run"] = run_id
    page.run()
    assert not page.exception
    assert [trace["name"] for trace in chart(page, OUTPUTS)["data"]] == ["tanh", "tanh2", "tanh3"]


# ---------------------------------------------------------------- recurrent networks


def open_recurrent(app: AppTest) -> AppTest:
    app.session_state["act_tab"] = "Recurrent networks"
    visit(app, "inside/activations")
    app.multiselect(key="locales").set_value(["de_DE"])
    return app.run()


def test_an_untrained_lstm_is_shown_with_its_gates(app: AppTest) -> None:
    open_recurrent(app)
    assert not app.exception
    assert app.selectbox(key="act.recurrent.network").value == "untrained LSTM"
    assert set(app.dataframe[0].value["gate"]) == {"input", "forget", "output"}
    assert len(chart(app, "Norm of the gradient of the last loss")["data"]) == 2
    assert len(chart(app, "Histograms of the values of each gate")["data"]) == 3
    app.selectbox(key="act.recurrent.network").select("untrained RNN").run()
    assert not app.exception
    assert len(app.dataframe) == 0
    assert len(charts(app)) == 2


def test_a_recurrent_run_of_the_visitor_is_shown_at_every_snapshot(app: AppTest, engine: Engine) -> None:
    small = {"locales": ("de_DE",), "hidden": 9, "sequence": 10, "steps": 30, "evaluate_every": 100}
    config = run_config_from_settings({"family": "recurrent", "cell": "gru", "learning_rate": 0.05} | small)
    run_id = engine.start(config, "somebody else")
    until(lambda: engine.view(run_id).status == Status.FINISHED)
    open_recurrent(app)
    label = "GRU, 9 hidden units on given-names, step 30"
    assert label not in app.selectbox(key="act.recurrent.network").options
    app.session_state["known_runs"] = {run_id}  # as after a link to it
    app.run()
    assert label in app.selectbox(key="act.recurrent.network").options
    app.selectbox(key="act.recurrent.network").select(run_id).run()
    assert not app.exception
    assert list(app.dataframe[0].value["gate"]) == ["reset", "update"]
    last = chart(app, "Histogram of the hidden states")["data"]
    app.select_slider(key="act.recurrent.at").set_value(0).run()
    assert not app.exception
    assert chart(app, "Histogram of the hidden states")["data"] != last
