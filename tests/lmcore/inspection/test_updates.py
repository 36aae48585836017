import numpy as np
import pytest

from lmcore.data.corpora import Corpus
from lmcore.families import make_trainer
from lmcore.inspection.updates import diagnose_updates, updates
from lmcore.models import MLPConfig
from lmcore.training.config import RunConfig
from lmcore.training.history import History
from lmcore.training.layered import update_ratio_steps


def history_of(sizes: list[float], n_steps: int) -> History:
    history = History()
    one = np.array(sizes, np.float32)
    history.add_update_ratios(np.arange(1, n_steps + 1), np.tile(np.stack([one, one], 1), (n_steps, 1, 1)))
    return history


def test_the_record_has_the_logarithms_of_the_measured_ratios(corpus: Corpus) -> None:
    trainer = make_trainer(RunConfig(model=MLPConfig(hidden=12)), corpus)
    trainer.train(30)
    steps, ratios = trainer.pop_update_ratios()
    history = History()
    history.add_update_ratios(steps, ratios)
    record = updates(history, list(trainer.model.matrices))
    assert np.array_equal(record.steps, steps)
    assert record.gradients == pytest.approx(np.log10(ratios[:, :, 0]), rel=1e-5)
    assert record.updates == pytest.approx(np.log10(ratios[:, :, 1]), rel=1e-5)


def test_weights_that_were_all_zero_have_no_ratio() -> None:
    record = updates(history_of([0.001, np.inf, np.nan, 0.0], 1), list("abcd"))
    assert np.isfinite(record.updates[0]).tolist() == [True, False, False, False]


def test_a_diagnosis_names_what_changes_too_much_and_too_little() -> None:
    record = updates(history_of([1e-3, 1e-6, 5e-2, np.nan], 20), ["good", "slow", "wild", "zero"])
    assert record.updates.shape == (20, 4)
    assert diagnose_updates(record) == [
        "slow barely changes: its updates are 10^-6.0 times the size of its weights.",
        "wild: the updates are 50 times as large as they should be.",
        "zero does not change at all.",
    ]


def test_good_updates_get_one_sentence_and_no_steps_none() -> None:
    history = History.from_arrays(history_of([1e-3], 2).arrays())
    assert diagnose_updates(updates(history, ["good"])) == [
        "The updates of every weight matrix are within a factor of 32 of a thousandth of its weights."
    ]
    assert diagnose_updates(updates(History(), ["a"])) == ["No updates yet: they are measured from the first step on."]


# ---------------------------------------------------------------- what a trainer measures


def test_measured_ratios_are_those_of_the_steps(corpus: Corpus) -> None:
    config = RunConfig(model=MLPConfig(hidden=12, hidden_layers=2))
    trainer, other = (make_trainer(config, corpus) for _ in range(2))
    trainer.train(30)
    steps, ratios = trainer.pop_update_ratios()
    assert steps.tolist() == [*range(1, 11), *range(12, 31, 2)]
    assert len(trainer.pop_update_ratios()[0]) == 0
    other.train(6)
    before = other.model.parameters["hidden.weight"].copy()
    other.train(1)
    after, gradient = other.model.parameters["hidden.weight"], other.model.gradients["hidden.weight"]
    column = list(other.model.matrices).index("hidden.weight")
    assert ratios[6, column, 0] == pytest.approx((gradient.std() / before.std()).item(), rel=1e-4)
    assert ratios[6, column, 1] == pytest.approx(((after - before).std() / before.std()).item(), rel=1e-4)


def test_the_same_steps_are_measured_however_a_run_is_cut() -> None:
    steps = update_ratio_steps(0, 5000)
    assert sorted(steps)[:55] == [*range(1, 10), *range(10, 100, 2), 100]
    assert {120, 140, 980, 1000, 1200, 4800, 5000} <= steps
    assert not {101, 110, 1100, 4900} & steps
    assert update_ratio_steps(0, 78) | update_ratio_steps(78, 1002) | update_ratio_steps(1080, 3920) == steps
