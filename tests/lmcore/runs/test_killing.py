"""Runs whose workers and server are killed end as if nothing had happened; `killing` does it a hundred times."""

import pytest

from tests.lmcore.runs import killing


@pytest.mark.slow
def test_killed_runs_end_with_the_same_bits() -> None:
    kinds = list(killing.KINDS)
    assert killing.killed(kinds, killing.VICTIMS, seed=1) == [killing.undisturbed(kind) for kind in kinds]
