"""A class session: a class plays one lesson, and the presenter sees what it answers.

Each session is one file in ``.lessons`` beside the runs, named after its join code and the hash of its token.
The first line describes it; every further line is an answer, or where the presenter is. Lines are only appended, under
a lock, so that no answer is lost however many come at once. The file is deleted when the presenter ends the session,
or when it expires.
"""

import csv
import functools
import hashlib
import io
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from lmcore import strict_json
from lmcore.data.files import write_atomically
from lmcore.errors import UserError
from lmcore.lessons import answers
from lmcore.lessons.answers import Answer
from lmcore.lessons.lesson import Lesson
from lmcore.runs.store import runs_folder

HOURS = 12.0  # after which a session is deleted
MAX_SESSIONS, MAX_SESSIONS_PER_OWNER = 100, 5
MAX_STUDENTS = 300
MAX_LINES_PER_STUDENT = 200  # answers, changed ones included
MAX_MOVES = 2000  # of the presenter
MAX_BYTES = 4_000_000  # of a session's file

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # of join codes: none looks like another
CODE_LENGTH = 6
LOCK_SECONDS = 10.0

ENDED = "This class has ended, or its code was mistyped. Ask the presenter for the code of the class."
NO_SUCH_TOKEN = "This presenter link is of no class on this computer: the class has ended, or the link is incomplete."


class Started(NamedTuple):
    """A session that has just been started."""

    code: str  # with which students join
    token: str  # with which the presenter sees the answers; kept nowhere


@dataclass(frozen=True)
class ClassSession:
    """A session as its presenter sees it."""

    code: str
    lesson: Lesson
    owner: str  # of the runs of whoever started it
    began: float  # seconds since 1970
    step: int  # index of the presenter's step
    reached: float  # when the presenter came to this step, in seconds since 1970
    runs: Mapping[int, str]  # ids of the presenter's runs, by index of the step
    answers: Mapping[int, Mapping[str, Answer]]  # by index of the step, then by student

    def given_by(self, student: str) -> dict[int, Answer]:
        """The answers of one student by step."""
        return {step: given[student] for step, given in self.answers.items() if student in given}

    @property
    def n_students(self) -> int:
        """How many have answered something."""
        return len({student for given in self.answers.values() for student in given})


# ---------------------------------------------------------------- for everybody


def start(lesson: Lesson, owner: str) -> Started:
    """Start a session.

    Args:
        lesson: what the class plays.
        owner: of the runs of whoever starts it; a player of this owner shows where the presenter is.

    Raises:
        UserError: if there are too many sessions already, or the disk is full.
    """
    sessions = [_read(path) for path in _remove_expired()]
    if len(sessions) >= MAX_SESSIONS:
        raise UserError(f"There are {MAX_SESSIONS} class sessions on this computer already. Try again in some hours.")
    if sum(session.owner == owner for session in sessions) >= MAX_SESSIONS_PER_OWNER:
        raise UserError(f"You have {MAX_SESSIONS_PER_OWNER} class sessions already. End one of them first.")
    code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
    token = secrets.token_urlsafe(24)
    head = {"format": 1, "owner": owner, "began": time.time(), "lesson": lesson.model_dump(mode="json")}
    write_atomically(_folder() / f"{code}.{_digest(token)}.jsonl", strict_json.dumps(head).encode() + b"\n")
    return Started(code, token)


def join(code: str) -> ClassSession:
    """The session with a code. Only `presented` shows answers; whoever joins may use ``given_by`` for their own.

    Raises:
        UserError: if there is no such session.
    """
    return _read(_path_of_code(code))


def normalized(code: str) -> str:
    """A join code as it is kept, however somebody typed it.

    Raises:
        UserError: if it is no code.
    """
    typed = re.sub(r"[\s-]", "", code).upper()
    if not re.fullmatch(f"[{LETTERS}]{{{CODE_LENGTH}}}", typed):
        raise UserError(
            f"{code[:20]!r} is not a class code. A code has {CODE_LENGTH} letters and digits, such as K7QXPM."
        )
    return typed


def answer(code: str, student: str, step: int, given: Any) -> Answer:
    """Keep a student's answer; a later answer to the same question replaces it.

    Args:
        code: of the session.
        student: the same for all answers of one student; nobody can be recognized by it.
        step: index of the step that asks.
        given: the answer.

    Returns:
        The answer as it is kept.

    Raises:
        UserError: if it is no answer to the question, the class is full or has ended, or the disk is full.
    """
    path = _path_of_code(code)
    with _locked(path):
        session = _read(path)
        steps = session.lesson.steps
        ask = steps[step].ask if 0 <= step < len(steps) else None
        if ask is None:
            raise UserError(f"Step {step + 1} asks nothing.")
        kept = answers.checked(ask, given)
        if not session.given_by(student) and session.n_students >= MAX_STUDENTS:
            raise UserError(f"{MAX_STUDENTS} students have answered already, which is the limit of a class.")
        if _lines(path).count(student) >= MAX_LINES_PER_STUDENT:
            raise UserError("You have changed your answers too often.")
        _append(path, {"student": student, "step": step, "answer": kept})
    return kept


# ---------------------------------------------------------------- for the presenter


def move(code: str, owner: str, step: int, run: str = "") -> None:
    """Keep where the presenter is.

    Args:
        code: of the session.
        owner: of the session; of others, nothing is kept.
        step: index of the step.
        run: id of the run that the presenter's page shows.

    Raises:
        UserError: if there is no such session, or the disk is full.
    """
    path = _path_of_code(code)
    session = _read(path)
    if session.owner != owner or (session.step, session.runs.get(step, "")) == (step, run):
        return
    with _locked(path):
        if _lines(path).count("") < MAX_MOVES:
            _append(path, {"at": step, "run": run, "time": time.time()})


def presented(token: str) -> ClassSession:
    """The session of a presenter's token, with all answers.

    Raises:
        UserError: if there is no such session.
    """
    return _read(_path_of_token(token))


def end(token: str) -> None:
    """Delete a session with all its answers.

    Raises:
        UserError: if there is no such session.
    """
    path = _path_of_token(token)
    with _locked(path):
        path.unlink(missing_ok=True)
    _lock_file(path).unlink(missing_ok=True)


def export(token: str) -> bytes:
    """All answers as CSV in UTF-8, one line each; students are numbered in no particular order.

    No spreadsheet takes a text for a formula: those that begin with ``=``, ``+``, ``-`` or ``@`` get an apostrophe.

    Raises:
        UserError: if there is no such session.
    """
    session = presented(token)
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(["step", "question", "student", "answer", "right"])
    students = sorted({student for given in session.answers.values() for student in given})
    for step, given in sorted(session.answers.items()):
        ask = session.lesson.steps[step].ask
        assert ask is not None
        for student, kept in given.items():
            right = ask.is_right(kept) if isinstance(kept, int | float) else None
            verdict = "" if right is None else "yes" if right else "no"
            number = students.index(student) + 1
            shown = kept if ask.kind == "number" else _harmless(answers.in_words(ask, kept))
            table.writerow([step + 1, _harmless(ask.question), number, shown, verdict])
    return written.getvalue().encode("utf-8-sig")


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


# ---------------------------------------------------------------- files


def _folder() -> Path:
    return runs_folder() / ".lessons"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:40]


def _path_of_code(code: str) -> Path:
    return _living(f"{normalized(code)}.*.jsonl", ENDED)


def _path_of_token(token: str) -> Path:
    return _living(f"*.{_digest(token)}.jsonl", NO_SUCH_TOKEN)


def _living(pattern: str, sentence: str) -> Path:
    """The file of a session that has not expired."""
    path = next(_folder().glob(pattern), None)
    if path is None or _is_expired(path):
        raise UserError(sentence)
    return path


def _is_expired(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            _, began, _ = _head(file.readline().rstrip())
    except FileNotFoundError:
        return True
    return time.time() - began > 3600 * HOURS


def _remove_expired() -> list[Path]:
    """Deletes sessions that have expired or cannot be read; returns the others."""
    kept = []
    for path in _folder().glob("*.jsonl"):
        with suppress(UserError):
            if not _is_expired(path):
                kept.append(path)
                continue
        path.unlink(missing_ok=True)
        _lock_file(path).unlink(missing_ok=True)
    return kept


@functools.lru_cache(MAX_SESSIONS)
def _head(line: bytes) -> tuple[str, float, Lesson]:
    """Owner, time of the start, and lesson, from the first line of a file."""
    try:
        head = json.loads(line)
        return str(head["owner"]), float(head["began"]), Lesson.parse(head["lesson"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError("The file of this class session is damaged. Start another one.") from None


def _read(path: Path) -> ClassSession:
    try:
        first, *lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise UserError(ENDED) from None
    owner, began, lesson = _head(first)
    step, reached = 0, began
    runs: dict[int, str] = {}
    given: dict[int, dict[str, Answer]] = {}
    for record in _records(lines):
        if "at" in record:
            if record["at"] != step:
                reached = record["time"]
            step = record["at"]
            runs |= {step: record["run"]} if record["run"] else {}
        else:
            kept = record["answer"]
            answer = tuple((x, y) for x, y in kept) if isinstance(kept, list) else kept
            given.setdefault(record["step"], {})[record["student"]] = answer
    return ClassSession(path.name[:CODE_LENGTH], lesson, owner, began, step, reached, runs, given)


def _records(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """The lines of a file after its first; one that was cut off when the machine failed is left out."""
    for line in lines:
        with suppress(ValueError):
            yield json.loads(line)


def _lines(path: Path) -> list[str]:
    """Who wrote each line of a file: a student, or the presenter, who has no name."""
    return [record.get("student", "") for record in _records(path.read_bytes().splitlines()[1:])]


def _append(path: Path, record: dict[str, Any]) -> None:
    """Adds a line, on the disk before this returns; the caller has locked the file."""
    line = strict_json.dumps(record).encode() + b"\n"
    try:
        with path.open("r+b") as file:  # a file that was deleted meanwhile does not come back
            size = file.seek(0, os.SEEK_END)
            if size + len(line) > MAX_BYTES:
                raise UserError("This class session is full. The presenter can start another one.")
            file.seek(size - 1)
            file.write(line if file.read(1) == b"\n" else b"\n" + line)
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        raise UserError(ENDED) from None
    except OSError as error:
        raise UserError(f"Your answer could not be saved ({error.strerror or error}). Try again.") from None


def _lock_file(path: Path) -> Path:
    return path.with_suffix(".lock")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        with FileLock(_lock_file(path), timeout=LOCK_SECONDS, poll_interval=0.01):
            yield
    except Timeout:
        raise UserError("Too many answers arrive at once. Try again.") from None
