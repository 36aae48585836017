"""The BatchNorm page, without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.app_testing import chart, charts, parts, values, visit

TABS = ["One batch", "Running statistics", "3-D input", "Folding"]


def open_tab(app: AppTest, tab: str, text: str = "given-names") -> AppTest:
    visit(app, "inside/batch_norm")
    app.session_state["bn_tab"] = tab
    app.selectbox(key="text").select(text).run()
    assert not app.exception
    assert not app.error
    return app


def numbers(app: AppTest) -> dict[str, str]:
    return dict(parts(app, "numbers")[0]["items"])


def set_to(app: AppTest, label: str, value: float) -> None:
    next(slider for slider in app.slider if slider.label == label).set_value(value).run()
    assert not app.exception


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("text", ["given-names", "python-reference"])
def test_every_tab_opens_on_names_and_on_running_text(app: AppTest, tab: str, text: str) -> None:
    open_tab(app, tab, text)
    assert all(one["data"] or one["layout"]["annotations"] for one in charts(app))  # or a sentence on what to do
    assert app.main.expander[-1].label == "Show the code"


def test_dragging_one_example_moves_the_others(app: AppTest) -> None:
    open_tab(app, "One batch")
    assert numbers(app)["Mean shift of the others"] == "0.000"
    assert "Move the first example" in chart(app, "Shift of each other example")["layout"]["annotations"][0]["text"]
    means = []
    for value in (-30.0, 30.0):
        set_to(app, "Value of the first example", value)
        assert float(numbers(app)["Mean shift of the others"]) > 0.1
        assert (numbers(app)["Mean after"], numbers(app)["Variance after"]) == ("0.000", "1.000")
        assert (values(chart(app, "Shift of each other example")["data"][0]["y"]) != 0).all()
        means.append(float(numbers(app)["Mean before"]))
    assert means[1] - means[0] == pytest.approx(60 / 32, abs=0.002)


def test_gain_and_bias_decide_mean_and_variance(app: AppTest) -> None:
    open_tab(app, "One batch")
    before = numbers(app)
    set_to(app, "Gain", 2.0)
    set_to(app, "Bias", -1.5)
    assert (numbers(app)["Mean after"], numbers(app)["Variance after"]) == ("-1.500", "4.000")
    assert numbers(app)["Mean before"] == before["Mean before"]


def test_another_unit_or_batch_begins_with_its_own_values(app: AppTest) -> None:
    open_tab(app, "One batch")
    seen = [numbers(app)["Mean before"]]
    set_to(app, "Value of the first example", 30.0)
    app.number_input(key="bn_unit").set_value(17).run()
    assert numbers(app)["Mean shift of the others"] == "0.000"
    seen.append(numbers(app)["Mean before"])
    app.select_slider(key="bn_batch_size").set_value(2).run()
    seen.append(numbers(app)["Mean before"])
    assert len(set(seen)) == 3
    assert not app.exception


def test_a_large_momentum_follows_the_last_batch_and_a_small_one_is_late(app: AppTest) -> None:
    open_tab(app, "Running statistics")
    far = {}
    for momentum in (0.001, 0.03, 1.0):
        app.select_slider(key="bn_momentum").set_value(momentum).run()
        shown = numbers(app)
        far[momentum] = abs(float(shown["Running mean"]) - float(shown["Mean of the train split"]))
        outputs = dict(zip(*app.dataframe[0].value.to_dict("list").values(), strict=True))
        assert outputs["evaluation, alone"] == outputs["evaluation, in the first batch"]
        assert outputs["training, alone"].startswith("undefined")
        assert outputs["training, in the first batch"] != outputs["training, in the second batch"]
    assert far[0.03] < far[1.0] < far[0.001]


def test_another_position_is_marked(app: AppTest) -> None:
    open_tab(app, "3-D input")
    table = app.dataframe[0].value
    assert list(table["shape of the mean"]) == ["(1, 1, 100)", "(1, 4, 100)"]
    assert list(table["values per mean"]) == ["128", "32"]
    assert float(table["spread between batches"]["wrong"]) > float(table["spread between batches"]["correct"])
    for position in (1, 4):
        set_to(app, "Position", position)
        for alt in ("Mean of each unit", "Output against input"):
            assert chart(app, alt)["data"][-2]["name"] == f"wrong: position {position}"


def test_folded_models_have_fewer_parameters_and_the_same_logits(app: AppTest) -> None:
    open_tab(app, "Folding")
    for net in app.selectbox(key="bn_net").options:
        app.selectbox(key="bn_net").select(net).run()
        assert not app.exception
        assert not app.error
        assert float(numbers(app)["Largest difference"]) < 2e-5
        before, folded = (
            int(number.replace(",", "")) for number in numbers(app)["Parameters and buffers"].split(" → ")
        )
        assert folded < before
        layers = app.dataframe[0].value
        assert all("norm" in name for name in layers["before"][layers["after folding"] == ""])


@pytest.mark.parametrize("tab", TABS)
def test_a_text_that_is_too_short_is_refused_in_words(app: AppTest, tab: str) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("abcab")
    app.button(key="use_paste").click().run()
    visit(app, "inside/batch_norm")
    app.session_state["bn_tab"] = tab
    app.run()
    assert not app.exception
    assert "longer text" in app.error[0].value


def test_a_text_too_short_for_positions_shows_the_other_tabs(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("abcabcab")
    app.button(key="use_paste").click().run()
    for tab in TABS[:3]:  # the workers of the tests do not see the text that a test gives
        visit(app, "inside/batch_norm")
        app.session_state["bn_tab"] = tab
        app.run()
        assert not app.exception
        assert bool(app.error) == (tab == "3-D input")
