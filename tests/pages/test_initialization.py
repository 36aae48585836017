"""The Initialization page."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.families import run_config_from_settings
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.app_testing import visit
from tests.waiting import until


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return visit(app, "mlp/initialization")


def test_the_first_loss_depends_on_the_preset_or_the_custom_initialization(page: AppTest) -> None:
    expected, first = (float(page.metric[i].value) for i in (0, 1))
    assert first > expected + 10
    page.selectbox(key="init_preset").select("output zero").run()
    assert page.metric[0].value == page.metric[1].value
    page.number_input(key="init_output_scale").set_value(3.0).run()
    assert not page.exception
    assert page.selectbox(key="init_preset").value == "custom"
    assert float(page.metric[1].value) > expected + 10


def test_all_positive_inputs_are_saturated(page: AppTest) -> None:
    page.selectbox(key="init_preset").select("all-positive inputs").run()
    assert not page.exception
    shown = {metric.label: metric.value for metric in page.metric}
    assert float(shown["Saturated units (tanh)"].rstrip("%")) > 99
    assert 2 < float(shown["Unigram loss (nats)"]) < float(shown["Expected loss, ln V (nats)"])


@pytest.mark.parametrize(
    ("compared", "n_runs"), [("initializations", 5), ("direct connections", 2), ("positive inputs", 2)]
)
def test_the_racers_differ_in_their_models_only(page: AppTest, engine: Engine, compared: str, n_runs: int) -> None:
    page.multiselect(key="locales").set_value(["de_DE"])
    page.number_input(key="init_hidden").set_value(20)
    page.number_input(key="init_steps").set_value(1000).run()
    page.segmented_control(key="init_kind").set_value(compared).run()
    page.button(key="init.race_go").click().run()
    ids = page.session_state["init.race"].split(".")
    assert len(ids) == n_runs
    until(lambda: all(engine.view(run_id).status == Status.FINISHED for run_id in ids))
    page.run()
    assert not page.exception
    table = page.dataframe[0].value
    assert table["last step"].tolist() == [1000] * n_runs
    if compared == "initializations":
        assert table["first"][0] > table["first"][4] + 5
    assert len({engine.view(run_id).config.train for run_id in ids}) == 1
    other_settings = "These runs have other settings"
    assert not [caption for caption in page.caption if caption.value.startswith(other_settings)]
    page.number_input(key="init_hidden").set_value(21).run()
    assert [caption for caption in page.caption if caption.value.startswith(other_settings)]


def test_a_race_in_the_address_is_opened_and_a_lost_run_is_reported(page: AppTest, engine: Engine) -> None:
    run_id = engine.start(run_config_from_settings({"hidden": 8, "steps": 30, "locales": ("fr_FR",)}))
    until(lambda: not engine.view(run_id).status.is_active)
    page.query_params["race"] = f"{run_id}.{'0' * 20}"
    page.run()
    assert "not on this computer" in page.warning[0].value
    assert page.dataframe[0].value["run"].tolist() == ["output × 0.01, hidden Kaiming"]
