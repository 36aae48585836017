"""What a visitor has answered in each lesson, kept by the server so that it survives a reload."""

import hashlib
import threading
from dataclasses import dataclass, field

import cachetools

from lmcore.lessons import answers, class_session
from lmcore.lessons.answers import Answer
from ui import gate
from ui.lesson.library import Found

MAX_KEPT = 1000  # visitors and lessons; the ones that were used longest ago go first


@dataclass
class Progress:
    """What came of a lesson so far, by index of the step."""

    answers: dict[int, Answer] = field(default_factory=dict)
    runs: dict[int, str] = field(default_factory=dict)  # id of the run that the step's page showed


_kept: cachetools.LRUCache[tuple[str, str], Progress] = cachetools.LRUCache(MAX_KEPT)
_lock = threading.Lock()


def of(name: str, found: Found) -> Progress:
    """The progress of this visitor in the lesson of a name; that of a class is also in the file of the class."""
    key = gate.visitor(), name
    with _lock:
        if key not in _kept:
            session = class_session.join(found.code) if found.code else None
            _kept[key] = Progress(session.given_by(_student(found.code)) if session else {})
        return _kept[key]


def forget(name: str) -> None:
    """Lets this visitor begin a lesson anew."""
    with _lock:
        _kept.pop((gate.visitor(), name), None)


def answer(name: str, found: Found, step: int, given: object) -> None:
    """Keeps an answer, and hands it to the class unless it is the presenter's.

    Raises:
        UserError: if it is no answer to the question, or the class does not take it.
    """
    ask = found.lesson.steps[step].ask
    assert ask is not None
    kept = answers.checked(ask, given)
    if found.code and class_session.join(found.code).owner != gate.visitor():
        class_session.answer(found.code, _student(found.code), step, kept)
    of(name, found).answers[step] = kept


def _student(code: str) -> str:
    """This visitor in a class: not who owns which run, and another one in each class."""
    return hashlib.sha256(f"{gate.visitor()} {code}".encode()).hexdigest()[:16]
