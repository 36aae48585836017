"""Computations of pages: one that goes wrong is told in a sentence, and reaches nobody else."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from lmcore.errors import UserError
from lmcore.runs.computations import Computations
from lmcore.runs.worker_pool import GIGABYTE
from tests.lmcore.runs import faulty
from tests.waiting import until


def refuse() -> None:
    raise UserError("No.")


@pytest.fixture
def computations() -> Iterator[Computations]:
    computations = Computations(2, deadline=120, memory=GIGABYTE // 4)
    yield computations
    computations.close()


@pytest.mark.slow
def test_a_computation_has_normal_priority_and_its_errors_are_its_own(computations: Computations) -> None:
    assert computations.compute(os.nice, 0) == os.nice(0)
    with pytest.raises(UserError, match=r"^No\.$"):
        computations.compute(refuse)
    with pytest.raises(ZeroDivisionError):
        computations.compute(divmod, 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [(fault, "crashed") for fault in faulty.CRASHES]
    + [(fault, "more memory than allowed") for fault in faulty.MEMORY if sys.platform == "linux"],
)
def test_what_ended_two_workers_is_refused(
    computations: Computations, fault: Callable[[], None], reason: str, tmp_path: Path
) -> None:
    attempts = tmp_path / "attempts"
    for _ in range(3):
        with pytest.raises(UserError, match=rf"{reason}.* It happened twice.* Try a smaller"):
            computations.compute(faulty.noted, str(attempts), fault)
    assert len(set(attempts.read_text().splitlines())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("hang", faulty.HANGS)
def test_what_hung_is_tried_once_more_and_then_refused(hang: Callable[[], None]) -> None:
    computations = Computations(2, deadline=1, memory=GIGABYTE)
    for _ in range(2):
        with pytest.raises(UserError, match=r"within 1 s\. Try"):
            computations.compute(hang)
    with pytest.raises(UserError, match=r"within 1 s\. It happened twice"):
        computations.compute(hang)
    computations.close()


@pytest.mark.slow
def test_two_computations_that_hang_do_not_block_a_third(tmp_path: Path) -> None:
    computations = Computations(3, deadline=faulty.HANG, memory=GIGABYTE)
    notes = [tmp_path / hang.__name__ for hang in faulty.HANGS]
    with ThreadPoolExecutor() as visitors, closing(computations):
        hanging = [
            visitors.submit(computations.compute, faulty.noted, str(note), hang)
            for note, hang in zip(notes, faulty.HANGS, strict=True)
        ]
        until(lambda: all(note.exists() for note in notes))
        assert [computations.compute(abs, -number) for number in range(100)] == list(range(100))
        assert not any(future.done() for future in hanging)
        computations.close()
        assert all(isinstance(future.exception(60), UserError) for future in hanging)


@pytest.mark.slow
def test_nobody_waits_for_ever_for_a_free_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lmcore.runs.computations.PATIENCE", 0.1 - faulty.HANG)
    computations = Computations(1, deadline=faulty.HANG, memory=GIGABYTE)
    hangs = tmp_path / "hangs"
    with ThreadPoolExecutor() as visitors, closing(computations):
        hanging = visitors.submit(computations.compute, faulty.noted, str(hangs), faulty.hang)
        until(hangs.exists)
        with pytest.raises(UserError, match="Every worker is busy"):
            computations.compute(abs, -1)
        computations.close()
        assert hanging.exception(60)
