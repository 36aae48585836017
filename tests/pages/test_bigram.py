"""The Bigram page."""

import json
import random
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.data import uploads
from lmcore.inspection import ngrams
from tests.pages.app_testing import figure, open_tab, plain, visit

TABS = ["Pairs", "Smoothing", "Loss", "Score words", "Sampling", "n-grams", "Broadcasting"]


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return visit(app, "counting/bigram")


def heatmap(app: AppTest) -> dict[str, Any]:
    trace: dict[str, Any] = figure(app)["data"][0]
    return trace


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("text", ["given-names", "python-reference"])
def test_every_tab_opens_on_names_and_on_running_text(page: AppTest, tab: str, text: str) -> None:
    page.selectbox(key="text").select(text).run()
    open_tab(page, "bigram", tab)
    assert not page.error


def test_every_cell_has_its_pair_written_in_it_and_rows_can_be_sorted(page: AppTest) -> None:
    assert len(heatmap(page)["text"]) == 27
    assert "texttemplate" in heatmap(page)
    assert "after" in heatmap(page)["hovertemplate"]
    page.segmented_control(key="order").set_value("frequency").run()
    assert figure(page)["layout"]["yaxis"]["ticktext"][:3] == [".", "a", "e"]


def test_smoothing_raises_the_loss(page: AppTest) -> None:
    open_tab(page, "bigram", "Smoothing")
    before = [float(metric.value) for metric in page.metric]
    page.select_slider(key="smoothing").set_value(1000.0).run()
    after = [float(metric.value) for metric in page.metric]
    assert all(a > b for a, b in zip(after, before, strict=True))


def test_the_loss_of_an_empty_split_is_a_dash(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("hello")
    app.button(key="use_paste").click().run()
    visit(app, "counting/bigram")
    open_tab(app, "bigram", "Smoothing")
    assert "–" in [metric.value for metric in app.metric]
    assert "nan" not in [metric.value for metric in app.metric]


def test_a_word_is_scored_and_several_are_ranked(page: AppTest) -> None:
    open_tab(page, "bigram", "Score words")
    page.select_slider(key="smoothing").set_value(0.0)
    page.text_input(key="word.Given names").set_value("emmqx")
    page.text_area(key="class").set_value("emma\nxqzv\nanna").run()
    assert "infinite, because" in page.text[0].value
    rankings = [table.value["text"].tolist() for table in page.dataframe if "text" in table.value]
    assert [ranking[-1] for ranking in rankings] == ["xqzv"]
    page.text_input(key="word.Given names").set_value("émile").run()
    assert "é" in plain(page.error[0].value)
    assert not page.exception


def test_the_class_is_ranked_even_if_some_cannot_be_scored(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("emma\nolivia\nava\nnoël\n" * 40)
    app.button(key="use_paste").click().run()
    visit(app, "counting/bigram")
    open_tab(app, "bigram", "Score words")
    app.text_area(key="class").set_value("Emma\nolivia\nNoël\nAnne-Marie\nava\nnoe\u0308l").run()
    (ranking,) = [table.value for table in app.dataframe if "description" in table.value]
    assert set(ranking["text"][:3]) == {"olivia", "ava", "noe\u0308l"}
    assert set(ranking["text"][3:]) == {"Emma", "Noël", "Anne-Marie"}
    assert all("does not contain" in reason for reason in ranking["description"][3:])
    assert not app.error


@pytest.mark.parametrize(
    ("page", "prefix", "tab"),
    [
        ("data/dataset", "", ""),
        ("counting/neural_bigram", "nb", "Step by step"),
        ("lab/sample", "sample", "Score a text"),
    ],
)
def test_every_word_box_takes_decomposed_letters(app: AppTest, page: str, prefix: str, tab: str) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("emma\nolivia\nava\nnoël\n" * 40)
    app.button(key="use_paste").click().run()
    visit(app, page)
    if tab:
        open_tab(app, prefix, tab)
    box = next(box for box in app.text_input if box.label in ("Text", "Word"))
    box.set_value("noe\u0308l").run()
    assert not app.exception
    assert not app.error


def test_the_same_seed_gives_the_same_samples(page: AppTest) -> None:
    open_tab(page, "bigram", "Sampling")
    table = page.dataframe[0].value
    assert set(table["novelty"]) <= {"new", "seen in training", "seen in dev", "seen in test"}
    assert table["sampling"].tolist() == ["random"] * 10 + ["greedy"]
    assert page.text[0].value.startswith("After '.', the dart lands at 0.")
    page.number_input(key="sample_seed").set_value(1).run()
    assert page.dataframe[0].value["text"].tolist()[:-1] != table["text"].tolist()[:-1]
    page.number_input(key="sample_seed").set_value(2147483647).run()
    assert page.dataframe[0].value["text"].tolist() == table["text"].tolist()


def test_the_table_grows_with_the_order_and_the_dev_loss_turns_up(page: AppTest) -> None:
    open_tab(page, "bigram", "n-grams")
    page.select_slider(key="smoothing").set_value(0.1).run()
    table = page.dataframe[0].value
    assert table["order"].tolist() == [1, 2, 3, 4, 5]
    assert table["share seen"].is_monotonic_decreasing
    assert table["train"].is_monotonic_decreasing
    assert table["dev"].iloc[-1] > table["dev"].iloc[2]


def test_without_keepdim_rows_do_not_sum_to_one(page: AppTest) -> None:
    open_tab(page, "bigram", "Broadcasting")
    keepdim, no_keepdim = (caption.value for caption in page.caption[-2:])
    assert keepdim.startswith("Row sums 1.000 to 1.000")
    assert not no_keepdim.startswith("Row sums 1.000")


def test_hostile_text_breaks_no_tab_and_is_no_markup(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("<b>&amp;</b> $x$ 😀 שלום =1+1 `a`\n" * 40)
    app.button(key="use_paste").click().run()
    visit(app, "counting/bigram")
    for tab in TABS:
        open_tab(app, "bigram", tab)
    open_tab(app, "bigram", "Pairs")
    assert "&lt;" in json.dumps(heatmap(app)["text"])


@pytest.mark.parametrize("page_name", ["counting/bigram", "counting/neural_bigram"])
def test_pairs_of_too_many_characters_are_refused_before_they_are_counted(
    app: AppTest, page_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(1)
    text = "".join(chr(0x4E00 + min(int(draw.expovariate(1 / 300)), 5999)) for _ in range(200_000))
    app.query_params["text"] = uploads.save(text.encode(), "many")
    with monkeypatch.context() as context:
        context.setattr(ngrams, "bigram_counts", lambda *arguments: pytest.fail("the pairs were counted"))
        page = visit(app, page_name)
    assert "2,143 different characters" in plain(page.error[0].value)
    page.number_input(key="max_vocabulary").set_value(100).run()
    assert not page.error
