"""The page Lessons, and the panel that plays a lesson on every page."""

import re
import shutil
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from lmcore.lessons import class_session, places, reading
from lmcore.lessons.lesson import Do, Go
from lmcore.runs.engine import Engine
from lmcore.runs.run import Fork, Status
from tests.lmcore.lessons.lessons import CHOICE, CURVE, EXAMPLE, GUESS, NUMBER, example_lesson
from tests.pages.app_testing import ROOT, plain, visit
from tests.waiting import until
from ui import gate, navigation
from ui.lesson import actions, curve, library, progress
from ui.lesson.position import POSITION

SHIPPED_FOLDER = reading.FOLDER
SHIPPED = sorted(path.stem for path in SHIPPED_FOLDER.glob("*.md"))
CURVE_DRAWN = [[0.0, 3.3], [40.0, 2.5]]


@pytest.fixture(autouse=True)
def only_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    monkeypatch.setattr(reading, "FOLDER", tmp_path)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_kept", {})


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser is known, as by its cookie."""
    monkeypatch.setattr(gate, "cookie", lambda: "a" * 32)


def start(app: AppTest, name: str = "example") -> AppTest:
    visit(app, "lab/lessons")
    app.button(key=f"lessons.start.{name}").click().run()
    return stay(app)


def stay(app: AppTest) -> AppTest:
    """Lets the browser be on the page that the app has opened."""
    assert not app.exception
    app._page_hash = calc_hash(next(page.url_path for page in navigation.ALL if page.title == title(app)))
    return app


def press(app: AppTest, which: str) -> AppTest:
    """Presses a button of the panel whose key begins so."""
    (button,) = (button for button in app.button if button.key and button.key.startswith(f"lesson_{which}"))
    button.click().run()
    return stay(app)


def go_to(app: AppTest, step: int) -> AppTest:
    for at in range(app.session_state[POSITION].step, step):
        press(app, "next")
        assert app.session_state[POSITION].step == at + 1
    return app


def given(app: AppTest, step: int) -> str:
    return f"lesson_given.example.{step + 1}"


def said(app: AppTest) -> str:
    """All that the page says in Markdown."""
    return plain("\n".join(element.value for element in [*app.markdown, *app.info, *app.warning, *app.caption]))


def named(app: AppTest, parameter: str = "lesson") -> str:
    """The value of a parameter of the address."""
    value = app.query_params[parameter]
    return value if isinstance(value, str) else value[-1]


def title(app: AppTest) -> str:
    return app.title[0].value


# ---------------------------------------------------------------- moving


def test_start_opens_the_page_of_the_first_step_with_its_settings(app: AppTest) -> None:
    start(app)
    assert title(app) == "Dataset"
    assert app.slider(key="context").value == 5
    assert named(app) == "example.1"
    assert "#### Open the page" in said(app)


def test_back_and_next_move_and_the_address_follows(app: AppTest) -> None:
    start(app)
    press(app, "next")
    assert named(app) == "example.2"
    press(app, "back")
    assert named(app) == "example.1"
    assert title(app) == "Dataset"


def test_the_address_alone_says_where_a_lesson_stands(app: AppTest) -> None:
    app.query_params["lesson"] = "example.3"
    visit(app, "mlp/mlp")
    assert "How many?" in said(app)
    assert title(app) == "MLP"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_lesson_is_played_to_its_end(
    app: AppTest, engine: Engine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FOLDER", SHIPPED_FOLDER)
    monkeypatch.setattr(actions, "proceed", lambda page: None)  # rehearsals train
    lesson = reading.read_file(SHIPPED_FOLDER / f"{name}.md")
    start(app, name)
    for at, step in enumerate(lesson.steps):
        assert f"#### {step.title}" in said(app)
        assert not app.warning
        if step.go is not None:
            page = navigation.at(step.go.page)
            assert title(app) == page.title
            wanted = places.parameters(lesson, step.go, page.prefix)
            defaults = places.parameters(lesson, Go(page=step.go.page), page.prefix)  # folded forms have no widgets
            shown = {key: app.session_state[key] for key in wanted if key in app.session_state}
            assert defaults | shown == wanted
        press(app, "next")
        assert app.session_state[POSITION].step == at + 1


@pytest.mark.parametrize("text", ["example", "example.", "example.-1", "example.x", "example.0", "example.²"])
def test_an_odd_number_in_the_address_is_the_first_step(app: AppTest, text: str) -> None:
    app.query_params["lesson"] = text
    visit(app, "data/dataset")
    assert "#### Open the page" in said(app) or "There is no lesson" in said(app)


@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd", "own-123", "class-K7QXPM", "<b>x</b>", ""])
def test_a_lesson_that_does_not_exist_is_a_sentence_on_the_page(app: AppTest, name: str) -> None:
    app.query_params["lesson"] = f"{name}.1"
    visit(app, "mlp/mlp")
    assert len(app.warning) == 1
    assert title(app) == "MLP"
    assert "lesson" not in app.query_params


def test_whoever_leaves_the_path_comes_back(app: AppTest) -> None:
    start(app)
    app.query_params = {}
    visit(app, "mlp/wavenet")
    assert title(app) == "WaveNet"
    assert named(app) == "example.1"
    press(app, "return")
    assert title(app) == "Dataset"


def test_end_leaves_nothing_behind(app: AppTest) -> None:
    start(app)
    press(app, "end")
    assert "lesson" not in app.query_params
    assert not [button for button in app.button if str(button.key).startswith("lesson_")]


def test_without_a_lesson_no_page_has_anything_of_it(app: AppTest) -> None:
    visit(app, "mlp/mlp")
    assert not [button for button in app.button if str(button.key).startswith("lesson")]


# ---------------------------------------------------------------- questions


def test_a_choice_is_checked_at_once_and_explained(app: AppTest) -> None:
    go_to(start(app), CHOICE)
    app.radio(key=given(app, CHOICE)).set_value(1).run()
    press(app, "answer")
    assert "✗ Your answer: a. Correct answer: u" in said(app)
    assert "Names copy English." in said(app)


def test_a_number_is_right_within_its_tolerance(app: AppTest) -> None:
    go_to(start(app), NUMBER)
    app.number_input(key=given(app, NUMBER)).set_value(26.0).run()
    press(app, "answer")
    assert "✓ Correct: 26 characters" in said(app)


def test_no_answer_is_answered_with_a_sentence(app: AppTest) -> None:
    go_to(start(app), CHOICE)
    press(app, "answer")
    assert "Choose one of the 3 options." in said(app)


def test_a_guess_with_markup_is_shown_as_text(app: AppTest) -> None:
    go_to(start(app), GUESS)
    app.text_input(key=given(app, GUESS)).set_value("<b>x</b> **y** :red[z]").run()
    press(app, "answer")
    (shown,) = (element.value for element in app.markdown if "Your answer" in element.value)
    assert r"\<b\>x\<\/b\> \*\*y\*\* \:red\[z\]" in shown


@pytest.mark.usefixtures("visitor")
def test_answers_survive_a_reload(app: AppTest) -> None:
    go_to(start(app), CHOICE)
    app.radio(key=given(app, CHOICE)).set_value(2).run()
    press(app, "answer")
    reloaded = AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)
    reloaded.query_params["lesson"] = "example.2"
    visit(reloaded, "data/dataset")
    assert "✓ Correct: u" in said(reloaded)


def test_the_summary_says_what_was_right_and_what_was_surprising(app: AppTest) -> None:
    go_to(start(app), CHOICE)
    app.radio(key=given(app, CHOICE)).set_value(3).run()
    press(app, "answer")
    go_to(app, 5)
    assert "You were right in **0 of 2** questions." in said(app)
    assert "✗ Your answer: -1. Correct answer: u" in said(app)
    assert "Surprising? Names copy English." in said(app)
    assert "Not answered." in said(app)


# ---------------------------------------------------------------- what happens to the run


def test_the_run_of_a_predicted_curve_begins_after_the_prediction(app: AppTest, engine: Engine) -> None:
    go_to(start(app), CURVE)
    assert title(app) == "MLP"
    assert app.number_input(key="mlp_hidden").value == 20
    assert app.number_input(key="mlp_seed").value == 3
    assert app.session_state["mlp.run"] is None
    app.session_state["lesson_given.example.5"] = {"points": CURVE_DRAWN}
    app.run()
    press(app, "answer")
    run_id = app.session_state["mlp.run"]
    until(lambda: engine.view(run_id).status == Status.PAUSED)
    assert engine.view(run_id).step == 40
    app.run()
    assert app.select_slider(key="mlp.at").value == 0
    assert "It falls at once." in said(app)


def address(app: AppTest) -> dict[str, str]:
    """The parameters of the address, each with one value."""
    return {name: text if isinstance(text, str) else text[0] for name, text in app.query_params.items()}


def test_a_page_leaves_the_address_as_a_step_has_opened_it(app: AppTest) -> None:
    start(app)
    assert address(app)["text"] == "given-names"  # another text may have been chosen before
    opened = address(app)
    app.run()
    assert address(app) == opened
    press(app, "next")
    assert address(app) == opened | {"lesson": "example.2"}


def test_skip_shows_it_without_a_prediction(app: AppTest, engine: Engine) -> None:
    go_to(start(app), CURVE)
    press(app, "skip")
    until(lambda: engine.view(app.session_state["mlp.run"]).status == Status.PAUSED)


CONTINUED = """---
title: Continued
minutes: 4
audience: Tests
---
## Train
```yaml
go: {page: mlp, set: {hidden: 10, steps: 60}}
do: [{action: start, until_step: 40}]
```
## Go on
```yaml
do: [{action: fork, set: {learning_rate: 0.01}}, {action: start}]
ask: {kind: curve, question: Where to, from_step: 20, steps: 60}
```
"""


def test_a_curve_that_goes_on_begins_where_the_run_has_come_to(
    app: AppTest, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(curve, "_component", lambda **options: drawn.append(options["data"]))
    (reading.FOLDER / "continued.md").write_text(CONTINUED)
    start(app, "continued")
    run_id = app.session_state["mlp.run"]
    until(lambda: engine.view(run_id).status == Status.PAUSED)
    go_to(app, 1)
    before = drawn[-1]
    assert before["steps"] == (20, 40, 60)
    assert [step for step, _ in before["actual"]] == list(range(20, 41))
    assert before["reached"] == before["actual"][-1][1]
    assert sum(before["losses"]) / 2 == pytest.approx(before["reached"])

    app.session_state["lesson_given.continued.2"] = {"points": [[40.0, 3.0], [60.0, 2.9]]}
    app.run()
    press(app, "answer")
    child = app.session_state["mlp.run"]
    until(lambda: engine.view(child).status == Status.FINISHED)
    app.run()
    after = drawn[-1]
    assert after["steps"] == (20, 40, 60)
    assert after["guess"] == ((40.0, 3.0), (60.0, 2.9))
    assert [step for step, _ in after["actual"]] == list(range(20, 61))
    low, high = after["losses"]
    assert all(low <= loss <= high for _, loss in (*after["actual"], *after["guess"]))


def test_a_fork_continues_from_the_snapshot_that_is_shown(app: AppTest, engine: Engine) -> None:
    go_to(start(app), CURVE)
    press(app, "skip")
    parent = app.session_state["mlp.run"]
    until(lambda: engine.view(parent).status == Status.PAUSED)
    app.run()
    app.session_state[actions.TODO] = deque([Do(action="rewind", until_step=20), Do(action="fork", set={"l2": 0.1})])
    app.run()
    child = app.session_state["mlp.run"]
    assert engine.view(child).origin == Fork(parent, 20)
    assert engine.view(child).config.train.l2 == 0.1
    until(lambda: engine.view(child).status == Status.FINISHED)


FORKS = """---
title: Forks
minutes: 4
audience: Tests
---
## Train
```yaml
go: {page: mlp, set: {hidden: 10}}
do: [{action: start, until_step: 20}]
```
## Rewind
```yaml
do: [{action: rewind, until_step: 10}]
```
## Go on
```yaml
do: [{action: start, until_step: 50}]
```
## Fork
```yaml
do: [{action: fork, set: {learning_rate: 0.01}}]
```
"""


def test_a_fork_begins_where_the_run_paused_last_and_not_where_it_was_rewound_to(app: AppTest, engine: Engine) -> None:
    (reading.FOLDER / "forks.md").write_text(FORKS)
    start(app, "forks")
    app.run()
    run_id = app.session_state["mlp.run"]
    until(lambda: engine.view(run_id).status == Status.PAUSED)
    app.run()
    press(app, "next")
    assert app.select_slider(key="mlp.at").value == 10
    press(app, "next")
    until(lambda: engine.view(run_id).step == 50 and engine.view(run_id).status == Status.PAUSED)
    app.run()
    assert app.select_slider(key="mlp.at").value == 50
    press(app, "next")
    fork = engine.view(app.session_state["mlp.run"])
    assert fork.origin == Fork(run_id, 50)


# ---------------------------------------------------------------- own lessons


def upload(app: AppTest, content: bytes, name: str = "My lesson!.md") -> AppTest:
    visit(app, "lab/lessons")
    app.file_uploader(key="lessons.upload").set_value((name, content, "text/markdown")).run()
    assert not app.exception
    return app


def test_an_uploaded_lesson_can_be_played(app: AppTest) -> None:
    upload(app, EXAMPLE.read_bytes().replace(b"An example", b"My own"))
    assert "My own" in said(app)
    (name,) = app.session_state["lessons.own"]
    app.button(key=f"lessons.start.{name}").click().run()
    assert title(app) == "Dataset"
    assert named(app) == f"{name}.1"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# x", b"---\ntitle: <script>\n---\n", b"x" * 200_000])
def test_a_broken_lesson_is_refused_with_line_and_reason(app: AppTest, content: bytes) -> None:
    upload(app, content)
    assert len(app.error) == 1
    assert re.match(r"My lesson!\.md: Line \d+: .+\.", plain(app.error[0].value))


# ---------------------------------------------------------------- classes


def test_a_student_joins_by_code_and_the_presenter_sees_the_answer(app: AppTest) -> None:
    started = class_session.start(example_lesson(), "teacher")
    visit(app, "lab/lessons")
    app.text_input(key="lessons.code").set_value(started.code.lower())
    app.button(key="lessons.join_go").click().run()
    assert title(app) == "Dataset"
    go_to(app, CHOICE)
    app.radio(key=f"lesson_given.class-{started.code}.2").set_value(2).run()
    press(app, "answer")
    assert list(class_session.presented(started.token).answers[CHOICE].values()) == [2]


def test_a_join_link_begins_the_lesson_once(app: AppTest) -> None:
    started = class_session.start(example_lesson(), "teacher")
    app.query_params["class"] = started.code
    visit(app, "lab/lessons")
    assert title(app) == "Dataset"
    assert named(app) == f"class-{started.code}.1"
    assert "class" not in app.query_params


def test_a_wrong_code_is_a_sentence(app: AppTest) -> None:
    visit(app, "lab/lessons")
    app.text_input(key="lessons.code").set_value("<b>no</b>")
    app.button(key="lessons.join_go").click().run()
    assert "is not a class code" in plain(app.error[0].value)


@pytest.mark.usefixtures("visitor")
def test_the_one_who_started_the_class_shows_where_it_is_and_answers_nothing(app: AppTest) -> None:
    started = class_session.start(example_lesson(), gate.owner("a" * 32))
    app.query_params["class"] = started.code
    visit(app, "lab/lessons")
    go_to(app, CHOICE)
    app.radio(key=f"lesson_given.class-{started.code}.2").set_value(2).run()
    press(app, "answer")
    session = class_session.presented(started.token)
    assert session.step == CHOICE
    assert session.answers == {}


@pytest.mark.usefixtures("visitor")
def test_answers_of_a_class_survive_a_restart_of_the_server(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    started = class_session.start(example_lesson(), "teacher")
    app.query_params["class"] = started.code
    visit(app, "lab/lessons")
    go_to(app, CHOICE)
    app.radio(key=f"lesson_given.class-{started.code}.2").set_value(2).run()
    press(app, "answer")
    monkeypatch.setattr(progress, "_kept", {})
    app.run()
    assert "✓ Correct: u" in said(app)


def test_a_class_that_has_ended_is_a_sentence_on_the_students_page(app: AppTest) -> None:
    started = class_session.start(example_lesson(), "teacher")
    app.query_params["class"] = started.code
    visit(app, "lab/lessons")
    class_session.end(started.token)
    app.run()
    assert "This class has ended" in said(app)
    assert "lesson" not in app.query_params


def test_start_a_class_opens_the_presenter_view(app: AppTest) -> None:
    visit(app, "lab/lessons")
    app.button(key="lessons.class.example").click().run()
    assert not app.exception
    token = named(app, "present")
    session = class_session.presented(token)
    assert f"# {session.code}" in said(app)
    assert "Say *hello*." in said(app)
    assert "**Next:** 2. Letters" in said(app)


def test_the_presenter_view_shows_the_answers_of_the_step_where_the_lesson_is(app: AppTest) -> None:
    started = class_session.start(example_lesson(), "teacher")
    class_session.answer(started.code, "ann", CHOICE, 2)
    class_session.move(started.code, "teacher", CHOICE)
    app.query_params["present"] = started.token
    visit(app, "lab/lessons")
    assert "**Which letter follows q?** (1 answers)" in said(app)
    app.selectbox(key="lessons.question").set_value(GUESS).run()
    assert "**What will it write?** (0 answers)" in said(app)


def test_a_token_of_no_class_is_a_sentence(app: AppTest) -> None:
    app.query_params["present"] = "<b>x</b>"
    visit(app, "lab/lessons")
    assert "This presenter link is of no class" in said(app)


def test_the_presenter_ends_the_class(app: AppTest) -> None:
    started = class_session.start(example_lesson(), "teacher")
    app.query_params["present"] = started.token
    visit(app, "lab/lessons")
    app.button(key="lessons.end").click().run()
    assert "the class has ended" in said(app)


def test_names_of_lessons_are_told_apart() -> None:
    assert library.name_of_class("K7QXPM").startswith(library.CLASS)
    assert library.keep(example_lesson()) == library.keep(example_lesson())
