"""Class sessions: codes, tokens, limits, and no answer lost."""

import csv
import io
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lmcore.errors import UserError
from lmcore.lessons import class_session
from lmcore.lessons.class_session import Started
from lmcore.runs.store import Store, runs_folder
from tests.lmcore.lessons.lessons import CHOICE, CURVE, GUESS, NUMBER, example_lesson


@pytest.fixture
def started() -> Started:
    return class_session.start(example_lesson(), "teacher")


def files() -> list[Path]:
    return sorted((runs_folder() / ".lessons").glob("*"))


def answer_all(code: str, student: str) -> None:
    class_session.answer(code, student, CHOICE, 2)
    class_session.answer(code, student, NUMBER, 26)
    class_session.answer(code, student, GUESS, "emma")
    class_session.answer(code, student, CURVE, [(0, 3.3), (40, 2.5)])


def answer_once(code: str, student: str) -> None:  # in a process of its own
    class_session.answer(code, student, GUESS, f"a guess of {student}")


def test_students_answer_and_the_presenter_sees_all_of_it(started: Started) -> None:
    answer_all(started.code, "ann")
    class_session.answer(started.code, "bob", CHOICE, 1)
    class_session.answer(started.code, "bob", CHOICE, 3)
    session = class_session.presented(started.token)
    assert session.answers[CHOICE] == {"ann": 2, "bob": 3}
    assert session.n_students == 2
    assert session.given_by("ann") == {CHOICE: 2, NUMBER: 26.0, GUESS: "emma", CURVE: ((0.0, 3.3), (40.0, 2.5))}
    assert session.lesson == example_lesson()


@pytest.mark.slow
def test_no_answer_of_thirty_processes_is_lost(started: Started) -> None:
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(answer_once, started.code, f"student {i}") for i in range(30)]:
            done.result(120)
    given = class_session.presented(started.token).answers[GUESS]
    assert given == {f"student {i}": f"a guess of student {i}" for i in range(30)}


def test_no_answer_of_thirty_threads_is_lost(started: Started) -> None:
    with ThreadPoolExecutor(30) as pool:
        for done in [pool.submit(answer_all, started.code, f"student {i}") for i in range(30)]:
            done.result(120)
    session = class_session.presented(started.token)
    assert [len(session.answers[step]) for step in (CHOICE, NUMBER, GUESS, CURVE)] == [30] * 4


def test_only_the_token_opens_the_answers_and_it_is_kept_nowhere(started: Started) -> None:
    answer_all(started.code, "ann")
    for wrong in ("", started.code, started.token[:-1], "*", "../../etc/passwd"):
        for function in (class_session.presented, class_session.export, class_session.end):
            with pytest.raises(UserError, match="presenter link"):
                function(wrong)
    (file, *_) = [path for path in files() if path.suffix == ".jsonl"]
    assert started.token not in file.name + file.read_text()
    assert len(started.token) >= 32


def test_a_code_may_be_typed_in_any_case_with_spaces(started: Started) -> None:
    typed = f" {started.code[:3].lower()} {started.code[3:].lower()}-"
    assert class_session.join(typed).code == started.code


@pytest.mark.parametrize("typed", ["", "ABC", "ABC0O1", "A" * 100, "*", "../..", "<b>abc</b>", "ÄÖÜÄÖÜ"])
def test_what_is_no_code_is_refused_in_a_sentence(typed: str) -> None:
    with pytest.raises(UserError, match="is not a class code"):
        class_session.join(typed)


def test_a_code_of_no_class_is_refused_in_a_sentence(started: Started) -> None:
    other = "K7QXPM" if started.code != "K7QXPM" else "K7QXPN"
    with pytest.raises(UserError, match="mistyped"):
        class_session.join(other)


@pytest.mark.parametrize(
    ("step", "given"),
    [
        (CHOICE, 0), (CHOICE, 4), (CHOICE, "2"), (CHOICE, True), (NUMBER, float("nan")), (NUMBER, 1e300), (NUMBER, "3"),
        (GUESS, " \n "), (GUESS, "x" * 201), (GUESS, 3), (CURVE, []), (CURVE, [(0, float("inf")), (1, 1)]),
        (CURVE, [(0, 1)] * 65), (CURVE, "ab"), (0, 1), (5, 1), (-1, 1),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(started: Started, step: int, given: Any) -> None:
    with pytest.raises(UserError):
        class_session.answer(started.code, "ann", step, given)
    assert class_session.presented(started.token).answers == {}


def test_limits_of_a_class(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_session, "MAX_STUDENTS", 2)
    monkeypatch.setattr(class_session, "MAX_LINES_PER_STUDENT", 3)
    for student in ("ann", "bob"):
        class_session.answer(started.code, student, CHOICE, 1)
    with pytest.raises(UserError, match="2 students have answered already"):
        class_session.answer(started.code, "eve", CHOICE, 1)
    class_session.answer(started.code, "ann", CHOICE, 2)
    class_session.answer(started.code, "ann", CHOICE, 3)
    with pytest.raises(UserError, match="too often"):
        class_session.answer(started.code, "ann", CHOICE, 1)


def test_a_file_does_not_grow_beyond_its_limit(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = files()
    monkeypatch.setattr(class_session, "MAX_BYTES", file.stat().st_size + 100)
    class_session.answer(started.code, "ann", CHOICE, 1)
    with pytest.raises(UserError, match="full"):
        class_session.answer(started.code, "ann", GUESS, "x" * 200)
    assert file.stat().st_size <= class_session.MAX_BYTES


def test_limits_of_sessions(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_session, "MAX_SESSIONS_PER_OWNER", 2)
    monkeypatch.setattr(class_session, "MAX_SESSIONS", 3)
    class_session.start(example_lesson(), "teacher")
    with pytest.raises(UserError, match="2 class sessions already"):
        class_session.start(example_lesson(), "teacher")
    class_session.start(example_lesson(), "another teacher")
    with pytest.raises(UserError, match="on this computer already"):
        class_session.start(example_lesson(), "a third one")


def test_a_session_that_was_ended_leaves_nothing(started: Started) -> None:
    answer_all(started.code, "ann")
    class_session.end(started.token)
    assert files() == []
    with pytest.raises(UserError, match="has ended"):
        class_session.answer(started.code, "ann", CHOICE, 1)
    assert files() == []


def test_a_session_expires(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_all(started.code, "ann")
    later = time.time() + 3600 * class_session.HOURS + 60
    monkeypatch.setattr(time, "time", lambda: later)
    for function, argument in ((class_session.join, started.code), (class_session.presented, started.token)):
        with pytest.raises(UserError, match="ended"):
            function(argument)
    newer = class_session.start(example_lesson(), "teacher")
    assert [path.name[:6] for path in files()] == [newer.code]


def test_a_line_that_was_cut_off_costs_no_other_answer(started: Started) -> None:
    class_session.answer(started.code, "ann", CHOICE, 1)
    class_session.answer(started.code, "bob", CHOICE, 1)
    (file,) = [path for path in files() if path.suffix == ".jsonl"]
    file.write_bytes(file.read_bytes()[:-10])
    class_session.answer(started.code, "eve", CHOICE, 3)
    assert class_session.presented(started.token).answers[CHOICE] == {"ann": 1, "eve": 3}


def test_where_the_presenter_is(started: Started) -> None:
    class_session.move(started.code, "somebody else", 3)
    assert class_session.presented(started.token).step == 0
    class_session.move(started.code, "teacher", 2)
    reached = class_session.presented(started.token).reached
    class_session.move(started.code, "teacher", 2, run="abc")
    session = class_session.presented(started.token)
    assert (session.step, session.runs, session.reached) == (2, {2: "abc"}, reached)
    assert session.reached > session.began


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\t="])
def test_no_cell_of_the_csv_is_a_formula(started: Started, start: str) -> None:
    class_session.answer(started.code, "ann", GUESS, f"{start}HYPERLINK(1)")
    class_session.answer(started.code, "ann", CHOICE, 3)  # the option "-1"
    class_session.answer(started.code, "ann", NUMBER, -3.5)
    rows = list(csv.reader(io.StringIO(class_session.export(started.token).decode("utf-8-sig"))))
    assert rows[0] == ["step", "question", "student", "answer", "right"]
    assert rows[1] == ["2", "Which letter follows q?", "1", "'-1", "no"]
    assert rows[2] == ["3", "How many?", "1", "-3.5", "no"]
    assert rows[3][3].startswith("'")


def test_class_sessions_are_no_runs(started: Started) -> None:
    assert Store().headers() == []
