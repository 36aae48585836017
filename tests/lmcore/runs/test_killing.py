"""A run whose worker or server is killed ends as if nothing had happened; `killing` does it a hundred times."""

import pytest

from tests.lmcore.runs import killing

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("number", "kind"), list(enumerate(killing.KINDS)))
def test_a_killed_run_ends_with_the_same_bits(number: int, kind: str) -> None:
    assert killing.killed(kind, killing.VICTIMS[number % 2], number) == killing.undisturbed(kind)
