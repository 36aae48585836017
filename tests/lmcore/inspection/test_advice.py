import math
from typing import Any

import pytest

from lmcore.families import make_trainer, run_config_from_settings
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


START = ((0, 3.3, 3.3), (500, 2.5, 2.5), (1000, 2.3, 2.4))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (snapshots(*START, (2000, 2.1, 2.35), (3000, 2.0, 2.35)), "train loss is 2.00, but the dev loss is 2.35"),
        (snapshots(*START, (2000, 2.1, 2.65), (3000, 2.0, 2.9)), "2.40 at step 1,000 and is 2.90 now"),
    ],
)
def test_overfitting_is_found_by_the_gap_and_by_a_rising_dev_loss(run: list[Snapshot], words: str) -> None:
    (sentence,) = advice.advice(run, LN)
    assert sentence.startswith("Overfitting: ")
    assert words in sentence
    assert advice.advice(run[:-1], LN) == []  # a single point proves nothing
    assert advice.advice(run, LN, n_dev=30) == []  # nor do a few examples


@pytest.mark.parametrize(
    "run",
    [
        snapshots(*START, (2000, 2.3, 2.36), (3000, 2.3, 2.38), (4000, 2.3, 2.38)),  # less than the sample's noise
        snapshots(*START, (2000, 2.4, 2.5), (3000, 2.4, 2.52), (4000, 2.42, 2.52)),  # train has risen as well
        snapshots(*START, (2000, 2.3, 2.6), (3000, 2.3, 2.3), (4000, 2.3, 2.36), (5000, 2.3, 2.4)),  # it wobbles
        snapshots(*START, (2000, 2.28, 2.39)),
    ],
)
def test_noise_is_no_overfitting(run: list[Snapshot]) -> None:
    assert not [sentence for sentence in advice.advice(run, LN) if "Overfitting" in sentence]


@pytest.mark.slow
def test_a_high_learning_rate_on_enough_text_is_no_overfitting_but_many_weights_on_little_text_are() -> None:
    def sentences(**settings: Any) -> list[str]:
        config = run_config_from_settings({"family": "mlp", "evaluate_every": 250} | settings)
        trainer = make_trainer(config)
        report = trainer.train_for(1e9)
        return advice.advice(report.snapshots, trainer.guessing_loss, len(trainer.data.streams["dev"]))

    fair = sentences(learning_rate=0.5, steps=5000)
    assert not [sentence for sentence in fair if "Overfitting" in sentence]
    little = {"locales": ("is_IS",), "hidden": 200, "context": 5, "batch_size": 64}
    assert [sentence for sentence in sentences(steps=5000, **little) if "Overfitting" in sentence]


def test_a_plateau_is_found_with_the_step_where_it_started() -> None:
    run = snapshots((0, 3.3, 3.3), *((i * 1000, 2.1 if i > 3 else 2.5, 2.1) for i in range(1, 10)))
    (sentence,) = advice.advice(run, LN)
    assert "not fallen below 2.10 since step 4,000" in sentence
    assert advice.advice(run[:6], LN) == []


def test_advice_on_a_plateau_does_not_come_and_go_with_the_noise_of_the_losses() -> None:
    noisy = [(i * 1000, 2.1 + (0.03 if i % 2 else 0.0), 2.1) for i in range(1, 20)]
    run = snapshots((0, 3.3, 3.3), *noisy)
    given = [bool(advice.advice(run[:n], LN)) for n in range(2, len(run) + 1)]
    assert given == sorted(given)
    assert any(given)
    lower = snapshots((20_000, 2.05, 2.05))
    assert advice.advice(run + lower, LN) == []
    memorized = snapshots((0, 3.3, 3.3), *((i * 1000, 0.001, 0.001) for i in range(1, 20)))
    assert advice.advice(memorized, LN) == []  # it cannot fall any further


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
