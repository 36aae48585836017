import math

import pytest

from lmcore.inspection import advice
from lmcore.training.history import Change, Snapshot
from lmcore.training.training import TrainConfig

LN = math.log(27)


def snapshots(*losses: tuple[int, float, float | None]) -> list[Snapshot]:
    return [Snapshot(step, train, dev, ()) for step, train, dev in losses]


def test_a_good_run_gets_no_advice() -> None:
    good = snapshots((0, 3.3, 3.3), (1000, 2.4, 2.41), (2000, 2.3, 2.32), (3000, 2.2, 2.25))
    assert advice.hints(good, LN) == []
    assert advice.hints([], LN) == []
    assert advice.hints(good[:1], LN) == []


def test_a_bad_start_is_named_beside_guessing() -> None:
    (sentence,) = advice.hints(snapshots((0, 27.4, 27.5), (1000, 2.5, 2.5)), LN)
    assert "27.4, guessing costs 3.3" in sentence
    assert "weights start" in sentence


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (snapshots((0, 3.3, 3.3), (1000, 2.3, 2.4), (2000, 2.1, 2.3)), "Train 2.10, dev 2.30: over-fitting"),
        (snapshots((0, 3.3, 3.3), (1000, 2.3, 2.4), (2000, 2.1, 2.45)), "2.40 at step 1,000 and is 2.45 now"),
    ],
)
def test_over_fitting_is_told_from_the_gap_and_from_a_rising_dev_loss(course: list[Snapshot], words: str) -> None:
    (sentence,) = advice.hints(course, LN)
    assert words in sentence


def test_a_flat_loss_is_told_with_the_step_since_when() -> None:
    course = snapshots((0, 3.3, 3.3), *((i * 1000, 2.1 if i > 3 else 2.5, 2.1) for i in range(1, 10)))
    (sentence,) = advice.hints(course, LN)
    assert "flat since step 4,000, at 2.10" in sentence
    assert advice.hints(course[:6], LN) == []


def test_tries_have_a_row_for_each_stretch() -> None:
    changes = [
        Change(1000, {"learning_rate": 0.05}),
        Change(2000, {"learning_rate": 0.01}),
        Change(2000, {"l2_hidden": 0.1}),
    ]
    course = snapshots((0, 3.3, 3.3), (500, 2.6, 2.7), (1000, 2.5, 2.6), (1500, 2.4, 2.5))
    table = advice.tries(TrainConfig(), changes, course, 2500)
    assert table["from step"].tolist() == [0, 1000, 2000]
    assert table["to step"].tolist() == [1000, 2000, 2500]
    assert table["learning_rate"].tolist() == [0.1, 0.05, 0.01]
    assert table["l2_hidden"].tolist() == [0, 0, 0.1]
    assert table["train loss"].tolist()[:2] == [2.5, 2.4]
    assert math.isnan(table["train loss"][2])


def test_the_table_of_a_race_has_the_losses_at_its_milestones() -> None:
    course = snapshots((0, 3.3, 3.3), (1000, 2.5, 2.6), (10_000, 2.2, 2.3), (20_000, 2.1, 2.25))
    table = advice.race_table({"long": course, "begun": course[:1], "queued": []})
    assert table.loc[0, ["first", "after 1,000", "after 10,000", "train", "dev"]].tolist() == [3.3, 2.5, 2.2, 2.1, 2.25]
    assert table["last step"].tolist() == [20_000, 0, 0]
    assert math.isnan(table["after 1,000"][1])
