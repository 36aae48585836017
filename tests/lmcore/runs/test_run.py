from typing import Any

import numpy as np
import pytest

from lmcore.errors import UserError
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.runs.engine import Engine
from lmcore.runs.run import Fork, Run, Status
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training.checkpoint import decode_run
from lmcore.training.history import Change, TestEvaluation
from tests.lmcore.runs.training_runs import CONFIG, InlineExecutor, assert_same, compute, go_on, trained, weights

# ---------------------------------------------------------------- one run


def test_a_run_survives_its_bytes() -> None:
    run = Run(CONFIG)
    run.fold(*advance(*run.next_slice(), 60, 40))
    run.change({"learning_rate": 0.05})
    run.fold(*advance(*run.next_slice(), 60, 90))
    store = Store()
    store.create(run)
    store.save(run.id, run.encode())
    again = store.load(run.id)
    assert again.current == run.current
    assert again.config == CONFIG
    assert again.changes == run.changes
    assert again.step == run.step
    assert weights(again.state) == weights(run.state)
    assert np.array_equal(again.history.curve()[1], run.history.curve()[1])
    assert [s.samples for s in again.snapshots] == [s.samples for s in run.snapshots]
    assert np.array_equal(again.snapshots[-1].arrays["next_character"], run.snapshots[-1].arrays["next_character"])
    assert again.status == Status.INTERRUPTED


@pytest.mark.parametrize(("step", "stop"), [(0, 1), (20, 30), (30, 50), (6000, 10_000)])
def test_a_run_that_pauses_at_a_loss_stops_at_every_snapshot(step: int, stop: int) -> None:
    run = Run(run_config_from_settings({"evaluate_every": 5000}))
    run.step, run.pause_at, run.pause_below = step, 30 if step < 30 else None, 2.0
    assert run.next_stop == stop


def test_a_run_that_is_beyond_the_step_where_it_was_to_pause_pauses() -> None:
    run = Run(CONFIG)
    run.status = Status.RUNNING
    slice_in_flight = advance(*run.next_slice(), 60, 20)
    run.pause_at = 1  # "one step", asked for while the slice was in flight
    run.fold(*slice_in_flight)
    assert (run.status, run.step) == (Status.PAUSED, 20)


def test_evaluations_are_in_the_order_of_their_steps_whichever_was_measured_first() -> None:
    run = trained({}, 50)
    for step in (40, 20, 60):  # the run was set back from step 60 meanwhile
        run.add_test_evaluation(TestEvaluation(step, {"loss": 2.0}))
    assert [evaluation.step for evaluation in run.test_evaluations] == [20, 40]


def test_the_same_changes_at_the_same_steps_give_the_same_weights() -> None:
    def trained(interrupt: bool) -> bytes:
        run, store = Run(CONFIG), Store()
        store.create(run)
        for at, rate in ((100, 0.2), (250, 0.05), (400, 0.01), (600, 0.01)):
            run.pause_at = at
            while run.step < at:
                run.status = Status.RUNNING
                run.fold(*advance(*run.next_slice(), 0.02, run.pause_at))
            run.change({"learning_rate": rate})
            if interrupt and at in (250, 400):
                run.next_slice()  # the change takes effect, then the server dies
                store.save(run.id, run.encode())
                run = store.load(run.id)
        return weights(run.state)

    assert trained(interrupt=True) == trained(interrupt=False)


PLAN = (Change(60, {"learning_rate": 0.2}), Change(150, {"learning_rate": 0.05, "batch_size": 7}))


def go_to(run: Run, step: int) -> Run:
    run.status, run.pause_at = Status.RUNNING, step
    while run.step < step:
        run.fold(*advance(*run.next_slice(), 0.01, run.next_stop))
    return run


def test_planned_changes_are_made_at_their_steps_whatever_happens_between() -> None:
    trainer = make_trainer(CONFIG)
    trainer.train(60)
    for change, steps in zip(PLAN, (90, 50), strict=True):
        trainer.config = trainer.config.with_train(**change.settings)
        trainer.train(steps)
    expected = trainer.state_dict()["weights"].tobytes()

    run, store = Run(CONFIG, planned=PLAN), Store()
    store.create(run)
    go_to(run, 60)
    assert run.changes == []  # due, but no further step is taken yet
    store.save(run.id, run.encode())
    run = go_to(store.load(run.id), 170)
    assert run.changes == list(PLAN)
    assert weights(go_to(run, 200).state) == expected
    fork = run.fork(100)
    assert fork.changes == [PLAN[0]]
    assert weights(go_to(fork, 200).state) == expected


def test_a_plan_is_made_once_though_a_slice_is_submitted_again() -> None:
    run = go_to(Run(CONFIG, planned=PLAN), 60)
    run.next_slice()
    run.change({"learning_rate": 0.3})
    assert run.next_slice()[1]["train"]["learning_rate"] == 0.3
    assert run.next_slice()[1]["train"]["learning_rate"] == 0.3


def test_a_setting_that_waits_for_the_next_slice_is_saved_with_the_run() -> None:
    run, store = go_to(Run(CONFIG), 60), Store()
    store.create(run)
    run.change({"learning_rate": 0.3})
    store.save(run.id, run.encode())
    again = store.load(run.id)
    assert again.next_slice()[1]["train"]["learning_rate"] == 0.3
    assert again.changes == [Change(60, {"learning_rate": 0.3})]


def test_only_training_settings_change_during_a_run() -> None:
    run = Run(CONFIG)
    with pytest.raises(UserError, match="Reset first"):
        run.change({"seed": 3})
    with pytest.raises(UserError, match="learning_rate"):
        run.change({"learning_rate": -1})
    assert run.pending == {}


def test_the_budget_of_minutes_ends_a_run() -> None:
    run = Run(CONFIG.updated(train={**CONFIG.train.model_dump(), "minutes": 0.0001, "steps": 10**7}))
    run.status = Status.RUNNING
    run.fold(*advance(*run.next_slice(), 0.05))
    assert run.status == Status.FINISHED
    assert "minutes" in run.message


# ---------------------------------------------------------------- forks


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 1, 500, 1500, 1700])
@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": 20},
        {"hidden": 20, "optimizer": "adam", "learning_rate": 0.01, "schedule": "cosine"},
        {"hidden": 20, "optimizer": "momentum", "batch_norm": "hidden"},
        {"family": "rnn", "hidden": 20, "learning_rate": 0.1},
    ],
    ids=["sgd", "adam", "momentum and BatchNorm", "rnn"],
)
def test_a_fork_with_equal_settings_takes_the_steps_of_its_parent(settings: dict[str, Any], at: int) -> None:
    parent = trained(settings, 1700, {300: {"learning_rate": 0.02}})
    child = parent.fork(at)
    if at < 300:
        go_on(child, 300)
        child.change({"learning_rate": 0.02})
    go_on(parent, 2200)
    go_on(child, 2200)
    assert_same(child, parent)
    assert child.origin == Fork(parent.id, at)


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 100])
def test_a_fork_with_equal_settings_draws_the_dropout_of_its_parent(at: int) -> None:
    model = {"family": "recurrent", "hidden": 8, "sequence": 8, "batch_size": 2, "dropout": 0.2, "optimizer": "adam"}
    parent = trained(model, 150)
    child = parent.fork(at)
    go_on(parent, 250)
    go_on(child, 250)
    assert_same(child, parent)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{"learning_rate": 0.3}, {"batch_size": 16}, {"optimizer": "adam"}])
def test_a_fork_with_another_setting_shares_the_beginning_only(changed: dict[str, Any]) -> None:
    parent = trained({"hidden": 20}, 600)
    child = parent.fork(100)
    child.change(changed)
    go_on(child, 600)
    shared = [(s.step, s.loss("train")) for s in parent.snapshots if s.step <= 100]
    assert [(s.step, s.loss("train")) for s in child.snapshots][: len(shared)] == shared
    assert child.snapshots[-1].loss("train") != parent.snapshots[-1].loss("train")
    assert child.history.head[:100].tobytes() == parent.history.head[:100].tobytes()
    same_batch = "batch_size" not in changed  # the loss is taken before the update
    assert (child.history.head[100] == parent.history.head[100]) == same_batch
    assert child.history.head[101] != parent.history.head[101]
    assert child.changes[-1].step == 100


def test_a_fork_knows_its_parent_after_a_reload_and_can_be_forked_again() -> None:
    store, parent = Store(), trained({"hidden": 20}, 600)
    child = parent.fork(200)
    for run in (parent, child):
        store.create(run)
        store.save(run.id, run.encode())
    assert {header.id: header.origin for header in store.headers()} == {parent.id: None, child.id: Fork(parent.id, 200)}
    again = store.load(child.id)
    assert again.origin == Fork(parent.id, 200)
    assert again.fork_steps == [0, 1, 2, 5, 10, 20, 50, 100, 200]
    grandchild = store.load(parent.id).fork(100)  # from the arrays on disk
    go_on(grandchild, 600)
    assert_same(grandchild, parent)


def test_times_of_a_fork_go_on_from_its_parents() -> None:
    parent = trained({"hidden": 20}, 600)
    times = [snapshot.wall_seconds for snapshot in parent.snapshots]
    assert times == sorted(times)
    assert 0 < times[-1] <= parent.wall_seconds
    child = parent.fork(200)
    assert child.wall_seconds == next(snapshot.wall_seconds for snapshot in parent.snapshots if snapshot.step == 200)


def test_a_step_of_which_nothing_is_kept_cannot_be_forked() -> None:
    parent = trained({"hidden": 20}, 60)
    with pytest.raises(UserError, match="at step 33"):
        parent.fork(33)


def test_the_engine_forks_a_run_and_refuses_one_without_steps_left(inline: tuple[Engine, InlineExecutor]) -> None:
    engine, executor = inline
    parent = engine.start(CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 120}))
    while engine.view(parent).status.is_active:
        compute(engine, executor, parent)
    with pytest.raises(UserError, match="Raise the number of steps"):
        engine.fork(parent)
    with pytest.raises(UserError, match="cannot change during a run"):
        engine.fork(parent, 100, seed=1)
    child = engine.fork(parent, 100, "me", learning_rate=0.2)
    while engine.view(child).status.is_active:
        compute(engine, executor, child)
    view = engine.view(child)
    assert view.origin == Fork(parent, 100)
    assert (view.step, view.config.train.learning_rate) == (120, 0.2)
    assert len(engine.store.headers()) == 2


# ---------------------------------------------------------------- after a divergence


def diverge(run: Run, slice_steps: int) -> None:
    """Train in slices of some steps until the run fails."""
    while run.status != Status.FAILED:
        run.status = Status.RUNNING
        state, config = run.next_slice()
        run.fold(*advance(state, config, 60, run.step + slice_steps))


@pytest.mark.parametrize("slice_steps", [1, 3, 100])
def test_after_a_divergence_better_settings_work_whatever_the_slices_were(slice_steps: int) -> None:
    settings = {"family": "softmax-regression", "separation": 0.1, "learning_rate": 900, "steps": 500}
    run = Run(run_config_from_settings(settings))
    diverge(run, slice_steps)
    assert run.step in (0, 1)
    assert run.current.train.learning_rate == 900
    run.change({"learning_rate": 0.1})
    run.fold(*advance(*run.next_slice(), 60))
    assert (run.step, run.history.steps) == (500, 500)
    assert run.snapshots[-1].loss("train") < run.snapshots[0].loss("train")


def test_a_run_that_a_change_ruined_is_set_back_to_its_last_good_snapshot() -> None:
    settings = {"family": "softmax-regression", "separation": 0.1, "steps": 500, "evaluate_every": 10}
    run = Run(run_config_from_settings(settings))
    run.fold(*advance(*run.next_slice(), 60, 113))
    run.change({"learning_rate": 900})
    diverge(run, 1)
    assert run.message.endswith("The run is set back to step 113, its last good state.")
    assert (run.step, run.history.steps, run.snapshots[-1].step) == (113, 113, 113)
    assert (run.current.train.learning_rate, run.pending) == (900, {})
    run.decode(*decode_run(run.encode()))
    run.change({"learning_rate": 0.1})
    run.fold(*advance(*run.next_slice(), 60))
    assert run.step == 500
