"""A disk that fills up or becomes read-only while runs train: nothing is lost, and one sentence says what is wrong."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import filelock
import pytest

from lmcore.data import tables
from lmcore.errors import UserError
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from lmcore.runs.store import Annotations, Store
from tests.lmcore.runs.training_runs import CONFIG, InlineExecutor, compute, straight, weights
from tests.waiting import until

SHORT = CONFIG.with_train(steps=30)


@contextmanager
def fault(number: int, where: str) -> Iterator[None]:
    """Until the end of the block nothing can be created, or whatever was written cannot be kept."""

    def fail(*arguments: Any, **options: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patch:
        if where == "creating":
            patch.setattr(tempfile, "NamedTemporaryFile", fail)
            patch.setattr(filelock.FileLock, "_acquire", fail)
        else:
            patch.setattr(os, "fsync", fail)
        yield


FAULTS = [(errno.ENOSPC, "creating"), (errno.EROFS, "creating"), (errno.ENOSPC, "writing"), (errno.EIO, "writing")]
faulty_disk = pytest.mark.parametrize(("number", "where"), FAULTS, ids=[f"{errno.errorcode[n]}-{w}" for n, w in FAULTS])


def train(engine: Engine, executor: InlineExecutor, run_id: str) -> None:
    """To the end."""
    while engine.view(run_id).status.is_active:
        compute(engine, executor, run_id)
    assert engine.view(run_id).status == Status.FINISHED


@pytest.mark.slow
@faulty_disk
def test_a_run_outlives_a_disk_that_fails_in_its_middle(
    inline: tuple[Engine, InlineExecutor], number: int, where: str
) -> None:
    engine, executor = inline
    run_id = engine.start(SHORT)
    compute(engine, executor, run_id)
    with fault(number, where):
        engine.pause(run_id)
        compute(engine, executor, run_id)
        until(lambda: bool(engine.view(run_id).warning))
        assert os.strerror(number) in engine.view(run_id).warning
        assert [header.id for header in engine.headers()] == [run_id]
        engine.resume(run_id)
        compute(engine, executor, run_id)
        assert engine.view(run_id).status == Status.RUNNING
    train(engine, executor, run_id)
    until(lambda: not engine.view(run_id).warning and Store().load(run_id).status == Status.FINISHED)
    assert weights(Store().load(run_id).state) == straight(SHORT)


@pytest.mark.slow
@faulty_disk
def test_a_run_that_starts_on_a_disk_that_fails_is_saved_when_it_works_again(
    inline: tuple[Engine, InlineExecutor], number: int, where: str
) -> None:
    engine, executor = inline
    with fault(number, where):
        run_id = engine.start(SHORT)
        assert os.strerror(number) in engine.view(run_id).warning
        compute(engine, executor, run_id)
    train(engine, executor, run_id)
    until(lambda: not engine.view(run_id).warning and Store().load(run_id).status == Status.FINISHED)
    assert Store().is_locked(run_id), "another process could train the same run"
    assert weights(Store().load(run_id).state) == straight(SHORT)


@pytest.mark.slow
@faulty_disk
def test_whatever_else_is_saved_is_refused_in_one_sentence(
    inline: tuple[Engine, InlineExecutor], number: int, where: str
) -> None:
    engine, executor = inline
    run_id = engine.start(SHORT)
    train(engine, executor, run_id)
    saves: list[Callable[[], Any]] = [
        lambda: engine.store.annotate(run_id, Annotations(name="mine")),
        lambda: tables.save(b"width,height,kind\n" + b"1,2,a\n2,1,b\n" * 20, "table.csv"),
    ]
    for save in saves:
        with fault(number, where), pytest.raises(UserError, match=os.strerror(number)):
            save()
        save()
