"""The Neural bigram page."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.data import corpora
from lmcore.inspection import ngrams
from lmcore.runs.engine import Engine
from tests.pages.app_testing import finish, open_tab, parts, plain, visit


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return visit(app, "counting/neural_bigram")


def test_gradient_descent_arrives_at_the_loss_of_counting(page: AppTest, engine: Engine) -> None:
    page.multiselect(key="locales").set_value(["de_DE"])
    page.number_input(key="nb_steps").set_value(1000).run()
    finish(page, engine, "nb")
    view = engine.view(page.session_state["nb.run"])
    assert view.config.train.full_batch
    last = view.snapshots[-1]
    comparison = ngrams.compare_with_counts(corpora.load(view.config.corpus), last.arrays["next_character"])
    assert last.loss("train") == pytest.approx(comparison.count_loss, abs=0.05)
    assert last.loss("train") > comparison.count_loss
    assert any(f"{comparison.count_loss:.4f}" in markdown.value for markdown in page.markdown)


@pytest.mark.parametrize("tab", ["Step by step", "Smoothing = weight decay", "A common mistake"])
@pytest.mark.parametrize("text", ["given-names", "python-reference"])
def test_every_tab_opens_on_names_and_on_running_text(page: AppTest, tab: str, text: str) -> None:
    page.session_state["nb_tab"] = tab
    page.selectbox(key="text").select(text).run()
    assert not page.exception
    assert not page.error
    assert all(json.loads(part["figure"])["data"] for part in parts(page, "chart"))


def test_gradient_steps_on_a_word_lower_its_loss(page: AppTest) -> None:
    open_tab(page, "nb", "Step by step")
    page.button(key="nb.one_step").click().run()
    page.button(key="nb.one_step").click().run()
    first, second, third = (float(loss) for loss in page.text[-1].value.partition(": ")[2].split(", "))
    assert first > second > third
    page.text_input(key="nb.word.Given names").set_value("<b>").run()
    assert "<" in plain(page.error[0].value)
    page.text_input(key="nb.word.Given names").set_value("ava").run()
    page.button(key="nb.start_over").click().run()
    assert page.text[-1].value.startswith("Loss after 0 steps")


def test_the_button_finds_the_penalty_closest_to_smoothing(page: AppTest) -> None:
    page.multiselect(key="locales").set_value(["de_DE"])
    open_tab(page, "nb", "Smoothing = weight decay")
    before = float(page.metric[0].value)
    page.button(key="nb.find_penalty").click().run()
    assert not page.exception
    assert float(page.metric[0].value) < before
