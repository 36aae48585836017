from lmcore.runs.worker import advance
from tests.lmcore.runs.training_runs import CONFIG, straight, weights

# ---------------------------------------------------------------- slices


def test_slices_give_the_same_weights_as_one_go() -> None:
    config, step, state, snapshots = CONFIG.with_train(steps=1000), 0, b"", []
    while step < 1000:
        state, report = advance(state, config.model_dump(), 0.01)
        step = report.step
        snapshots += [snapshot.step for snapshot in report.snapshots]
    assert weights(state) == straight(config)
    assert snapshots == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def test_a_slice_is_pure() -> None:
    state, _ = advance(b"", CONFIG.model_dump(), 0.0)
    config = CONFIG.updated(train={**CONFIG.train.model_dump(), "steps": 50}).model_dump()
    first, _ = advance(state, config, 60)
    advance(b"", CONFIG.updated(train={**CONFIG.train.model_dump(), "seed": 1}).model_dump(), 0.0)
    again, _ = advance(state, config, 60)
    assert weights(first) == weights(again)


def test_a_diverged_slice_returns_the_state_it_was_given() -> None:
    state, _ = advance(b"", CONFIG.model_dump(), 0.0)
    after, report = advance(
        state, CONFIG.updated(train={**CONFIG.train.model_dump(), "learning_rate": 900}).model_dump(), 5
    )
    assert after == state
    assert "learning rate of 900" in report.diverged
