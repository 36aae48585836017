"""Which lesson is meant by a name: one that comes with Glassbox, an uploaded one, or that of a class."""

import hashlib
import threading
from typing import NamedTuple

import cachetools

from lmcore.errors import UserError
from lmcore.lessons import class_session, reading
from lmcore.lessons.lesson import Lesson

OWN, CLASS = "own-", "class-"  # beginnings of names
MAX_UPLOADED = 200  # lessons of all visitors; the one that nobody has opened for longest goes first

_uploaded: cachetools.LRUCache[str, Lesson] = cachetools.LRUCache(MAX_UPLOADED)
_lock = threading.Lock()


class Found(NamedTuple):
    """A lesson, and the class that plays it."""

    lesson: Lesson
    code: str = ""  # of the class; empty for somebody who plays alone


def find(name: str) -> Found:
    """The lesson of a name, as the address has it.

    Raises:
        UserError: if there is none.
    """
    if name.startswith(CLASS):
        session = class_session.join(name.removeprefix(CLASS))
        return Found(session.lesson, session.code)
    if name.startswith(OWN):
        with _lock:
            lesson = _uploaded.get(name)
        if lesson is None:
            raise UserError("The server no longer has this lesson file. Upload it again on the page Lessons.")
        return Found(lesson)
    return Found(reading.load(name))


def keep(lesson: Lesson) -> str:
    """Keeps an uploaded lesson until the server stops; returns its name."""
    name = OWN + hashlib.sha256(lesson.model_dump_json().encode()).hexdigest()[:16]
    with _lock:
        _uploaded[name] = lesson
    return name


def name_of_class(code: str) -> str:
    """The name of the lesson that a class plays."""
    return CLASS + code
