"""The Backprop page, without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.inspection.backprop_exam import QUESTIONS
from lmcore.inspection.backprop_rules import BACKWARD
from tests.pages.app_testing import ROOT, chart, charts, plain, visit

PAGE = "inside/backprop"


@pytest.fixture
def exam(app: AppTest) -> AppTest:
    visit(app, PAGE)
    app.session_state["bp_tab"] = "Exam"
    app.run()
    assert not app.exception
    return app


def title_of(app: AppTest, alt: str) -> str:
    return chart(app, alt)["layout"]["title"]["text"]


def answer(app: AppTest, typed: str) -> AppTest:
    app.text_input(key=f"bp.typed.{app.selectbox(key='bp.question').value}").set_value(typed).run()
    assert not app.exception
    return app


def progress(app: AppTest) -> str:
    return app.get("progress")[0].proto.text


def test_a_tensor_is_drawn_beside_its_gradient(app: AppTest) -> None:
    visit(app, PAGE)
    assert title_of(app, "Values of").startswith("logits   (32 × 27)")
    assert title_of(app, "Gradient of").startswith("∂loss/∂logits   (")
    assert "logits = h @ W2 + b2\ndlogits = dnorm_logits +" in app.code[0].value
    assert "W2 (64, 27)" in app.caption[0].value
    table = app.dataframe[0].value
    assert len(table) == 27
    assert list(table["tensor"][table[""] == "▶"]) == ["logits"]
    assert table["difference from autograd"].max() < 1e-12


def test_one_walks_back_to_the_embeddings_and_forward_to_the_loss(app: AppTest) -> None:
    visit(app, PAGE)
    app.button(key="bp.back").click().run()
    assert app.select_slider(key="bp.at").value == "h"
    assert title_of(app, "Values of").startswith("h   (")
    app.button(key="bp.next").click().run()
    app.button(key="bp.next").click().run()
    assert title_of(app, "Values of").startswith("logit_maxes   (")
    app.select_slider(key="bp.at").set_value("C").run()
    assert app.button(key="bp.back").disabled
    app.select_slider(key="bp.at").set_value("loss").run()
    assert app.button(key="bp.next").disabled
    assert not app.exception


@pytest.mark.parametrize("text", ["given-names", "python-reference"])
def test_every_tensor_is_shown_on_names_and_on_running_text(app: AppTest, text: str) -> None:
    visit(app, PAGE)
    app.selectbox(key="text").select(text).run()
    for name in [*reversed(BACKWARD), "loss"]:
        app.select_slider(key="bp.at").set_value(name).run()
        assert not app.exception
        assert not app.error
        assert title_of(app, "Values of").startswith(f"{name}   (")


def test_another_seed_gives_another_pass(app: AppTest) -> None:
    visit(app, PAGE)
    before = chart(app, "Values of")["data"][0]["z"]
    app.number_input(key="bp_seed").set_value(1).run()
    assert chart(app, "Values of")["data"][0]["z"] != before


def test_correct_answers_are_counted_once(exam: AppTest) -> None:
    assert progress(exam).startswith("0 of 28")
    answer(exam, "-F.one_hot(Yb, V) / n")
    assert "bit for bit" in exam.success[0].value
    exam.run()
    assert progress(exam).startswith("1 of 28")
    exam.button(key="bp.next_question").click().run()
    assert exam.selectbox(key="bp.question").value == "dprobs"
    answer(exam, "dlogprobs * (1 / (probs * 3)) * 3")
    assert "rounding" in exam.success[0].value
    assert progress(exam).startswith("2 of 28")
    assert exam.caption[-1].value == "Solved: dlogprobs, dprobs"


def test_what_was_solved_survives_a_reload(exam: AppTest) -> None:
    answer(exam, "-F.one_hot(Yb, V) / n")
    assert exam.query_params["bp_solved"] == "dlogprobs"
    again = AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)
    again.query_params["bp_solved"] = ["dlogprobs", "dC", "<b>no question</b>"]
    again.session_state["bp_tab"] = "Exam"
    visit(again, PAGE)
    assert progress(again).startswith("2 of 28")
    assert again.caption[-1].value == "Solved: dlogprobs, dC"
    assert again.query_params["bp_solved"] == ["dlogprobs", "dC"]


def test_a_wrong_answer_shows_the_largest_difference_and_its_index(exam: AppTest) -> None:
    answer(exam, "-F.one_hot(Yb, V).sum(0)")
    assert "(27,)" in exam.warning[0].value
    assert "(32, 27)" in exam.warning[0].value
    answer(exam, "F.one_hot(Yb, V) / n")
    assert "0.0625" in exam.error[0].value
    assert "[0, " in exam.error[0].value
    assert progress(exam).startswith("0 of 28")


@pytest.mark.parametrize(
    "typed", ["().__class__.__bases__[0]", "**bold** <b>", "dprobs", "__import__(os)", "10**10**10"]
)
def test_a_refused_expression_is_explained_and_never_rendered_as_markup(exam: AppTest, typed: str) -> None:
    answer(exam, typed)
    assert exam.error[0].value == "This expression cannot be evaluated:"
    assert exam.code[1].value.endswith((".", "?"))
    assert not any(
        typed in element.value for kind in ("markdown", "error", "info", "caption") for element in exam.get(kind)
    )
    assert progress(exam).startswith("0 of 28")


def test_hint_and_answer_are_shown_on_request(exam: AppTest) -> None:
    exam.selectbox(key="bp.question").select("dhprebn in one expression").run()
    assert not exam.info
    exam.toggle(key="bp.hint.dhprebn in one expression").set_value(True).run()
    assert "three terms" in exam.info[0].value
    written = len(exam.code)
    exam.toggle(key="bp.answer.dhprebn in one expression").set_value(True).run()
    assert len(exam.code) == written + 1
    answer(exam, QUESTIONS[-1].rule.gradient)
    assert exam.success


def test_too_large_a_vocabulary_is_refused(app: AppTest) -> None:
    visit(app, "data/dataset")
    app.text_area(key="paste").set_value("".join(chr(0x4E00 + i) for i in range(1100)) * 2)
    app.button(key="use_paste").click().run()
    visit(app, PAGE).run()
    assert "max_vocabulary" in plain(app.error[0].value)
    app.number_input(key="max_vocabulary").set_value(999).run()
    assert not app.error
    assert not app.exception
    assert "Showing the first 32 rows and 128 columns." in [caption.value for caption in app.caption]


# ---------------------------------------------------------------- gradient check


@pytest.fixture
def gradient_check(app: AppTest) -> AppTest:
    app.session_state["bp_tab"] = "Gradient check"
    visit(app, PAGE)
    app.multiselect(key="locales").set_value(["de_DE"])
    return app.run()


def test_the_gradient_check_draws_both_precisions_and_the_error_against_h(gradient_check: AppTest) -> None:
    assert not gradient_check.exception
    titles = [chart["layout"]["yaxis"]["title"]["text"] for chart in charts(gradient_check)]
    assert titles[:2] == ["Relative error, float64", "Relative error, float32"]
    assert chart(gradient_check, "Error of central differences")["layout"]["shapes"][0]["x0"] == pytest.approx(1e-5)
    gradient_check.slider(key="back.h").set_value(-2.0).run()
    assert chart(gradient_check, "Error of central differences")["layout"]["shapes"][0]["x0"] == pytest.approx(1e-2)
    gradient_check.selectbox(key="back.model").select("WaveNet").run()
    assert not gradient_check.exception
    assert "norm2.gain" in chart(gradient_check, "Relative error of each gradient, float64")["data"][0]["x"]
