"""The Bigram page, without a browser."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import panels, visit

TABS = ["Pairs", "Smoothing", "Loss", "Score words", "Sampling", "n-grams", "Broadcasting"]


def open_tab(app: AppTest, tab: str) -> AppTest:
    if "bigram_tab" not in app.session_state:
        visit(app, "counting/bigram")
    app.session_state["bigram_tab"] = tab
    app.run()
    assert not app.exception
    return app


def chart(app: AppTest, at: int = 0) -> dict:
    parts = panels(app)[at]
    return json.loads(parts[0]["figure"])


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("text", ["given-names", "python-reference"])
def test_every_tab_opens_on_names_and_on_running_text(app: AppTest, tab: str, text: str) -> None:
    visit(app, "counting/bigram")
    app.selectbox(key="text").select(text).run()
    open_tab(app, tab)
    assert not app.error


def test_every_cell_of_the_names_is_written_into_and_zeros_are_blank(app: AppTest) -> None:
    visit(app, "counting/bigram")
    heatmap = chart(app)["data"][0]
    assert len(heatmap["text"]) == 27
    assert "texttemplate" in heatmap
    assert "follows" in heatmap["hovertemplate"]
    app.segmented_control(key="order").set_value("frequency").run()
    assert chart(app)["layout"]["yaxis"]["ticktext"][:3] == [".", "a", "e"]


def test_smoothing_moves_the_loss(app: AppTest) -> None:
    open_tab(app, "Smoothing")
    before = [metric.value for metric in app.metric]
    app.select_slider(key="smoothing").set_value(1000.0).run()
    after = [metric.value for metric in app.metric]
    assert all(float(a) > float(b) for a, b in zip(after[:2], before[:2], strict=True))


def test_a_word_is_scored_and_a_class_ranked(app: AppTest) -> None:
    open_tab(app, "Score words")
    app.select_slider(key="smoothing").set_value(0.0)
    app.text_input[0].set_value("emmqx")
    app.text_area(key="class").set_value("emma\nxqzv\nanna").run()
    assert "infinite, because" in app.text[0].value
    assert list(app.dataframe[0].value["word"])[-1] == "xqzv" or list(app.dataframe[1].value["word"])[-1] == "xqzv"
    app.text_input[0].set_value("émile").run()
    assert "é" in app.error[0].value
    assert not app.exception


def test_samples_repeat_with_their_seed_and_are_marked(app: AppTest) -> None:
    open_tab(app, "Sampling")
    table = app.dataframe[0].value
    assert set(table["is"]) <= {"new", "in the corpus"}
    assert list(table["drawn"])[-1] == "greedy"
    app.number_input(key="sample_seed").set_value(1).run()
    assert list(app.dataframe[0].value["text"])[:-1] != list(table["text"])[:-1]
    app.number_input(key="sample_seed").set_value(2147483647).run()
    assert list(app.dataframe[0].value["text"]) == list(table["text"])


def test_the_table_explodes_and_dev_loss_turns_up(app: AppTest) -> None:
    open_tab(app, "n-grams")
    app.select_slider(key="smoothing").set_value(0.1).run()
    table = app.dataframe[0].value
    assert list(table["order"]) == [1, 2, 3, 4, 5]
    assert table["share seen"].is_monotonic_decreasing
    assert table["train"].is_monotonic_decreasing
    assert table["dev"].iloc[-1] > table["dev"].iloc[2]


def test_the_wrong_division_leaves_rows_that_do_not_sum_to_one(app: AppTest) -> None:
    open_tab(app, "Broadcasting")
    right, wrong = (caption.value for caption in app.caption[-2:])
    assert right.startswith("row sums 1.000 to 1.000")
    assert not wrong.startswith("row sums 1.000")


def test_hostile_text_breaks_no_tab_and_is_no_markup(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("<b>&amp;</b> $x$ 😀 שלום =1+1 `a`\n" * 40)
    app.button(key="use_paste").click().run()
    for tab in TABS:
        if tab == TABS[0]:
            visit(app, "counting/bigram")
        open_tab(app, tab)
    open_tab(app, "Pairs")
    assert "&lt;" in json.dumps(chart(app)["data"][0]["text"])
