"""The rehearsal: every action, what is measured, what fails, and what a shortened pass leaves out."""

import math
from dataclasses import replace

import pytest

from lmcore import families
from lmcore.lessons import reading
from lmcore.lessons.lesson import Ask, Do, Expect, Go, Lesson, Step
from lmcore.lessons.pages import PAGES
from lmcore.lessons.rehearsal import Check, Rehearsal, minute_plan, rehearse

SMALL = Go(page="mlp", set={"hidden": 10, "embedding": 2, "steps": 60, "evaluate_every": 100})
COUNTS = Go(page="bigram", set={"smoothing": 0})


def lesson(*steps: Step) -> Lesson:
    return Lesson(name="x", title="x", minutes=5, audience="x", seed=3, steps=steps)


def step(go: Go | None = None, *do: Do, expect: tuple[Expect, ...] = (), minutes: float = 1) -> Step:
    return Step(title="s", go=go, do=do, expect=expect, minutes=minutes)


def near(metric: str, value: float, tolerance: float = 1e-6, by_step: int | None = None) -> Expect:
    return Expect(metric=metric, comparison="near", value=value, tolerance=tolerance, by_step=by_step)


def start(until: int | None = None, **values: float) -> Do:
    return Do(action="start", until_step=until, **values)


def measured(rehearsal: Rehearsal) -> list[float | None]:
    return [check.measured for one in rehearsal.steps for check in one.checks]


# ---------------------------------------------------------------- actions


def test_a_run_is_the_one_that_its_settings_describe() -> None:
    steps = step(SMALL, start(20), expect=(near("train", 0), near("train", 0, by_step=0), near("parameters", 0)))
    train, first, parameters = measured(rehearse(lesson(steps)))
    config = families.run_config_from_settings({"family": "mlp", "seed": 3, **SMALL.set})
    trainer = families.make_trainer(config)
    assert first == trainer.snapshot().loss("train")
    trainer.train(20)
    assert train == trainer.snapshot().loss("train")
    assert parameters == trainer.n_parameters


def test_every_action_can_be_rehearsed() -> None:
    rehearsal = rehearse(
        lesson(
            step(SMALL, Do(action="step"), Do(action="step")),
            step(None, start(50), Do(action="pause")),
            step(None, Do(action="rewind", until_step=10), Do(action="sample")),
            step(None, Do(action="fork", set={"learning_rate": 0.01})),
            step(None, start()),
            step(None, Do(action="reset")),
            step(COUNTS, Do(action="sample")),
        )
    )
    assert rehearsal.failures == []
    assert [one.step for one in rehearsal.steps] == [2, 50, 50, 10, 60, 0, 0]
    assert [len(one.samples) for one in rehearsal.steps] == [0, 0, 10, 0, 0, 0, 10]


def test_a_fork_continues_from_the_snapshot_that_is_shown_with_other_settings() -> None:
    fork = Do(action="fork", set={"learning_rate": 0.0})
    rehearsal = rehearse(
        lesson(
            step(SMALL, start(50), expect=(near("train", 0, by_step=20),)),
            step(None, Do(action="rewind", until_step=20), fork, start(), expect=(near("train", 0), near("step", 60))),
        )
    )
    at_20, at_end, steps = measured(rehearsal)
    assert steps == 60
    assert at_20 is not None
    assert at_end == pytest.approx(at_20, abs=0.02)  # measured on all examples at the end, on a part of them before


def test_a_run_pauses_at_the_first_snapshot_whose_loss_is_below() -> None:
    go = SMALL.updated(set={**SMALL.set, "steps": 500})
    reached, loss = measured(
        rehearse(lesson(step(go, start(until_loss=3.1), expect=(near("step", 0), near("train", 0)))))
    )
    before, *_ = measured(rehearse(lesson(step(go, start(until_loss=3.1), expect=(near("train", 0, by_step=5),)))))
    assert reached in (10, 20, 50, 100)
    assert loss is not None
    assert before is not None
    assert loss < 3.1 < before


def test_a_shown_snapshot_is_what_is_sampled() -> None:
    sample, rewind = Do(action="sample"), Do(action="rewind", until_step=0)
    before, after, again = rehearse(
        lesson(
            step(SMALL, Do(action="step"), rewind, sample), step(None, start(60), sample), step(None, rewind, sample)
        )
    ).steps
    assert before.samples == again.samples != after.samples


@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if page.family])
def test_every_page_that_trains_can_be_rehearsed(page: str) -> None:
    rehearsal = rehearse(
        lesson(step(Go(page=page), start(2), expect=(Expect(metric="train", comparison="below", value=99),)))
    )
    assert rehearsal.failures == []


@pytest.mark.parametrize("data", PAGES["linear"].variants)
def test_a_classifier_of_any_toy_data_can_be_rehearsed(data: str) -> None:
    expect = (near("accuracy train", 0, 1), near("accuracy dev", 0, 1), near("accuracy test", 0, 1))
    fork = Do(action="fork", set={"learning_rate": 0.1, "descent": "batch"})
    go = Go(page="linear", set={"data": data, "test_share": 0.3})
    rehearsal = rehearse(lesson(step(go, start(5), expect=expect), step(None, fork, Do(action="step"))))
    assert rehearsal.failures == []
    assert [one.step for one in rehearsal.steps] == [5, 6]


def test_a_classifier_is_the_one_that_its_settings_describe() -> None:
    settings = {"examples": 300, "data_seed": 5, "hidden": 20, "learning_rate": 0.1, "evaluate_every": 100}
    go = Go(page="images", set=settings)
    metrics = ("train", "dev", "test", "accuracy train", "accuracy dev", "accuracy test", "parameters")
    found = measured(rehearse(lesson(step(go, start(50), expect=tuple(near(metric, 0) for metric in metrics)))))
    given = {"family": "mlp-classifier", "source": "digits", "initialization": "0.01", "seed": 3, "steps": 20_000}
    trainer = families.make_trainer(families.run_config_from_settings(given | settings))
    trainer.train(50)
    splits = [trainer.metrics(split) for split in ("train", "dev", "test")]
    assert found == [*(one["loss"] for one in splits), *(one["accuracy"] for one in splits), trainer.n_parameters]


def test_a_softmax_regression_of_images_has_no_hidden_units() -> None:
    softmax = Go(page="images", set={"model": "softmax-regression"})
    (parameters,) = measured(rehearse(lesson(step(softmax, expect=(near("parameters", 0),)))))
    assert parameters == (64 + 1) * 10


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ([start(20), start(10)], "at step 20 already"),
        ([start(70)], "ends at step 60"),
        ([start(until_loss=0.001)], "not below 0.001"),
        ([start(20), Do(action="rewind", until_step=15)], "no snapshot at step 15"),
        ([start(20), Do(action="fork", set={"learning_rate": 1000.0}), start()], "diverged"),
    ],
)
def test_an_action_that_is_impossible_is_a_failure_of_its_step(actions: list[Do], reason: str) -> None:
    rehearsal = rehearse(lesson(step(SMALL, *actions, expect=(near("train", 0),)), step(COUNTS)))
    (failure,) = rehearsal.failures
    assert reason in failure
    assert rehearsal.steps[0].checks == ()
    assert rehearsal.steps[1].problem == ""


# ---------------------------------------------------------------- expectations


def test_an_expectation_that_does_not_hold_is_a_failure() -> None:
    rehearsal = rehearse(lesson(step(COUNTS, expect=(near("vocabulary", 27), near("vocabulary", 28)))))
    assert rehearsal.failures == ["s: FAILS    vocabulary near 28 ± 1e-06: 27"]


def test_what_nothing_can_be_measured_on_is_a_failure() -> None:
    rehearsal = rehearse(lesson(step(SMALL, start(20), expect=(near("train", 3, tolerance=9, by_step=30),))))
    assert rehearsal.failures == ["s: FAILS    train by step 30 near 3 ± 9: nothing to measure"]


def test_the_untrained_model_can_be_measured_before_the_first_step() -> None:
    go = Go(page="activations", set={"gain": 3})
    guess = near("train", math.log(27), 0.05)
    assert rehearse(lesson(step(go, expect=(guess, near("saturated", 0.42, 0.05), near("dead", 0))))).failures == []


def test_another_seed_gives_another_run_and_the_same_counts() -> None:
    steps = (step(SMALL, start(20), expect=(near("train", 0),)), step(COUNTS, expect=(near("all", 0),)))
    passes = [measured(rehearse(lesson(*steps), seed)) for seed in (3, 3, 4)]
    assert passes[0] == passes[1]
    assert passes[0][0] != passes[2][0]
    assert passes[0][1] == passes[2][1]


# ---------------------------------------------------------------- shortened passes


def test_a_shortened_pass_skips_what_it_does_not_reach_and_says_so() -> None:
    expect = (near("train", 3.3, 0.1, by_step=0), near("train", 0), near("vocabulary", 27))
    rehearsal = rehearse(lesson(step(SMALL, start(50), expect=expect)), max_steps=5)
    assert rehearsal.shortened
    assert rehearsal.failures == []
    first, last, size = rehearsal.steps[0].checks
    assert first.measured is not None
    assert (last.measured, last.skipped) == (None, "the run was shortened to 5 steps")
    assert str(last).startswith("skipped  train near 0")
    assert size.measured == 27


def test_a_shortened_pass_still_measures_what_it_reaches() -> None:
    rehearsal = rehearse(lesson(step(SMALL, start(5), expect=(near("train", 0),))), max_steps=5)
    assert len(rehearsal.failures) == 1


@pytest.mark.parametrize(
    "actions",
    [
        [start(50), start(60)],
        [start(until_loss=0.001)],
        [start(50), Do(action="rewind", until_step=20), Do(action="fork"), start(60)],
    ],
)
def test_any_actions_can_be_shortened(actions: list[Do]) -> None:
    rehearsal = rehearse(lesson(step(SMALL, *actions, expect=(near("train", 0),))), max_steps=5)
    assert rehearsal.failures == []
    assert rehearsal.steps[0].step == 5
    assert rehearsal.steps[0].checks[0].skipped


# ---------------------------------------------------------------- the minute plan


def test_the_plan_has_the_median_and_the_slowest_of_all_passes() -> None:
    passed = rehearse(lesson(step(COUNTS, minutes=2), step(minutes=3)))
    passes = [replace(passed, steps=tuple(replace(one, seconds=s) for one in passed.steps)) for s in (1.0, 9.0, 2.0)]
    plan = minute_plan(passes)
    assert [(row.start, row.minutes) for row in plan] == [(0, 2), (2, 3)]
    assert [(row.median, row.slowest) for row in plan] == [(2, 9), (2, 9)]


def test_a_check_is_one_line() -> None:
    expect = Expect(metric="train", comparison="below", value=2.5, by_step=1000)
    assert str(Check(expect, 2.4)) == "holds    train by step 1,000 below 2.5: 2.4"
    assert str(Check(expect, math.inf)) == "FAILS    train by step 1,000 below 2.5: inf"


# ---------------------------------------------------------------- the lessons of the app


@pytest.mark.slow
@pytest.mark.parametrize("name", reading.names())
def test_a_lesson_of_the_app_can_be_given(name: str) -> None:
    found = reading.load(name)
    assert rehearse(found, max_steps=200).failures == []
    assert sum(one.minutes for one in found.steps) == pytest.approx(found.minutes)
    assert any(one.ask and one.ask.kind == "curve" for one in found.steps)
    assert all(one.notes for one in found.steps)


def test_a_curve_is_drawn_before_its_run_starts_and_as_far_as_it_goes() -> None:
    for name in reading.names():
        for one in reading.load(name).steps:
            if isinstance(one.ask, Ask) and one.ask.kind == "curve":
                assert [do.action for do in one.do][-1] == "start"
