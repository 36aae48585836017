import math

import pytest

from lmcore.inspection import advice
from lmcore.training.config import TrainConfig
from lmcore.training.history import Change, Snapshot

LN = math.log(27)


def snapshots(*losses: tuple[int, float, float]) -> list[Snapshot]:
    return [Snapshot(step, {"train/loss": train, "dev/loss": dev}) for step, train, dev in losses]


def test_a_good_run_gets_no_advice() -> None:
    good = snapshots((0, 3.3, 3.3), (1000, 2.4, 2.41), (2000, 2.3, 2.32), (3000, 2.2, 2.25))
    assert advice.advice(good, LN) == []
    assert advice.advice([], LN) == []
    assert advice.advice(good[:1], LN) == []


def test_without_a_dev_split_there_is_no_overfitting() -> None:
    assert advice.advice([Snapshot(0, {"train/loss": 3.3}), Snapshot(1000, {"train/loss": 0.1})], LN) == []


def test_a_bad_start_is_compared_with_guessing() -> None:
    (sentence,) = advice.advice(snapshots((0, 27.4, 27.5), (1000, 2.5, 2.5)), LN)
    assert "first loss was 27.4, although guessing costs only 3.3" in sentence
    assert "initial weights" in sentence


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (snapshots((0, 3.3, 3.3), (1000, 2.3, 2.4), (2000, 2.1, 2.3)), "train loss is 2.10, but the dev loss is 2.30"),
        (snapshots((0, 3.3, 3.3), (1000, 2.3, 2.4), (2000, 2.1, 2.45)), "2.40 at step 1,000 and is 2.45 now"),
    ],
)
def test_overfitting_is_found_by_the_gap_and_by_a_rising_dev_loss(run: list[Snapshot], words: str) -> None:
    (sentence,) = advice.advice(run, LN)
    assert sentence.startswith("Overfitting: ")
    assert words in sentence


def test_a_plateau_is_found_with_the_step_where_it_started() -> None:
    run = snapshots((0, 3.3, 3.3), *((i * 1000, 2.1 if i > 3 else 2.5, 2.1) for i in range(1, 10)))
    (sentence,) = advice.advice(run, LN)
    assert "flat at 2.10 since step 4,000" in sentence
    assert advice.advice(run[:6], LN) == []


def test_the_settings_table_has_a_row_for_each_stretch() -> None:
    changes = [
        Change(1000, {"learning_rate": 0.05}),
        Change(2000, {"learning_rate": 0.01}),
        Change(2000, {"l2_hidden": 0.1}),
    ]
    run = snapshots((0, 3.3, 3.3), (500, 2.6, 2.7), (1000, 2.5, 2.6), (1500, 2.4, 2.5))
    table = advice.settings_table(TrainConfig(), changes, run, 2500)
    assert table["from step"].tolist() == [0, 1000, 2000]
    assert table["to step"].tolist() == [1000, 2000, 2500]
    assert table["learning_rate"].tolist() == [0.1, 0.05, 0.01]
    assert table["l2_hidden"].tolist() == [0, 0, 0.1]
    assert table["train loss"].tolist()[:2] == [2.5, 2.4]
    assert math.isnan(table["train loss"][2])


def test_the_race_table_has_the_losses_at_its_milestones() -> None:
    run = snapshots((0, 3.3, 3.3), (1000, 2.5, 2.6), (10_000, 2.2, 2.3), (20_000, 2.1, 2.25))
    table = advice.race_table({"long": run, "just started": run[:1], "queued": []})
    assert table.loc[0, ["first", "after 1,000", "after 10,000", "train", "dev"]].tolist() == [3.3, 2.5, 2.2, 2.1, 2.25]
    assert table["last step"].tolist() == [20_000, 0, 0]
    assert math.isnan(table["after 1,000"][1])
