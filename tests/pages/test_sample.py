"""The Sample page."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.families import FAMILIES, run_config_from_settings
from lmcore.models.mlp import MLPConfig
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.training.config import RunConfig, TrainConfig
from tests.pages.app_testing import charts, open_tab, plain, visit
from tests.waiting import until
from ui import gate


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return visit(app, "lab/sample")


def train(engine: Engine, config: RunConfig, owner: str = gate.owner("me")) -> str:
    run_id = engine.start(config, owner)
    until(lambda: engine.view(run_id).status == Status.FINISHED)
    return run_id


def test_ngram_models_generate_text_without_any_training(page: AppTest) -> None:
    shown = charts(page)
    assert [chart["layout"]["title"]["text"] for chart in shown[:2]] == ["bigram", "trigram"]
    assert {"new", "training"} & set(shown[0]["data"][2]["text"])
    assert "random number" in shown[2]["alt"]
    assert any("was drawn" in text.value for text in page.text)


def test_runs_on_the_same_text_are_offered(app: AppTest, engine: Engine) -> None:
    config = RunConfig(model=MLPConfig(hidden=10), train=TrainConfig(steps=50))
    run_id = train(engine, config)
    train(engine, config.updated(corpus={"source": "python-reference"}))
    train(engine, config, "somebody else")
    app.session_state["visitor"] = "me"
    page = visit(app, "lab/sample")
    options = next(one for one in page.multiselect if one.label == "Models").options
    assert [option[-4:] for option in options if option.startswith("mlp")] == [run_id[:4]]
    assert any("another text" in caption.value for caption in page.caption)
    assert run_id[:4] in charts(page)[0]["layout"]["title"]["text"]


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.run_config is RunConfig])
def test_a_model_of_each_family_writes_reads_and_plays(app: AppTest, engine: Engine, family: str) -> None:
    config = run_config_from_settings({"family": family, "steps": 3, "locales": ("de_DE",)})
    run_id = train(engine, config, gate.owner("me"))
    app.session_state["visitor"] = "me"
    app.query_params = {"locales": "de_DE"}
    visit(app, "lab/sample")
    for tab in ("Generate", "Score a text", "Guessing game"):
        open_tab(app, "sample", tab)
        assert not app.error
        assert tab == "Guessing game" or any(run_id[:4] in json.dumps(chart) for chart in charts(app))


def test_unknown_prefixes_and_too_many_characters_are_refused(page: AppTest) -> None:
    page.text_input(key="sample_1_prefix").set_value("€").run()
    assert "€" in plain(page.error[0].value)
    page.text_input(key="sample_1_prefix").set_value("em")
    page.number_input(key="sample_1_count").set_value(1000).run()
    assert "fewer or shorter" in plain(page.error[0].value)
    page.number_input(key="sample_1_count").set_value(10).run()
    page.number_input(key="sample_1_temperature").set_value(0.0).run()
    assert not page.error
    texts = {"".join(charts(page)[0]["data"][1]["text"][:8])}
    assert len(texts) == 1


def test_a_text_is_scored_by_each_model(page: AppTest) -> None:
    page.session_state["sample_tab"] = "Score a text"
    page.run()
    assert not page.exception
    field = next(one for one in page.text_input if str(one.key).startswith("sample.text"))
    field.set_value("emma").run()
    chart = charts(page)[0]
    assert len(chart["layout"]["yaxis"]["ticktext"]) == 3
    assert "Best: " in chart["alt"]
    next(one for one in page.text_input if str(one.key).startswith("sample.text")).set_value("e€").run()
    assert "€" in plain(page.error[0].value)


def test_the_game_ends_after_twenty_guesses_with_a_ranking(page: AppTest) -> None:
    page.session_state["sample_tab"] = "Guessing game"
    page.run()
    assert not page.exception
    assert "No guesses yet" in charts(page)[0]["layout"]["annotations"][0]["text"]
    for _ in range(20):
        key = next(str(one.key) for one in page.button_group)
        page.session_state[key] = "e"
        next(one for one in page.button if one.label == "Guess").click().run()
        assert not page.exception
        assert any("a loss of" in text.value for text in page.text)
    assert not any(button.label == "Guess" for button in page.button)
    standing = charts(page)[0]
    assert "you" in standing["layout"]["yaxis"]["ticktext"]
    assert len(standing["data"][0]["x"]) == 5
    next(one for one in page.button if str(one.key).endswith(".again")).click().run()
    assert any(button.label == "Guess" for button in page.button)
