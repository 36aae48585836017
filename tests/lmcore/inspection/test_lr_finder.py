import numpy as np
import pytest

from lmcore import figures
from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.families import make_trainer
from lmcore.inspection import lr_finder
from lmcore.inspection.lr_finder import RULES, Finding, SweepConfig
from lmcore.models.mlp import MLPConfig
from lmcore.training.config import RunConfig, TrainConfig

CORPUS = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\nnoah\nliam\n" * 9, config=CorpusConfig(units="lines"))
CONFIG = RunConfig(model=MLPConfig(hidden=20), train=TrainConfig(seed=5))
RATES = np.geomspace(1e-4, 10, 200)


def bowl() -> np.ndarray:
    """A curve whose features are known: flat to 0.001, a straight fall to 0.1, flat, then steeply up from 1."""
    x = np.log10(RATES)
    return np.interp(x, [-4, -3, -1, 0, 1], [3.3, 3.3, 2.3, 2.29, 2.29]) + 7 * np.maximum(x, 0) ** 3


def sweep(config: RunConfig, settings: SweepConfig) -> Finding:
    return lr_finder.read_sweeps(lr_finder.run_sweeps(config, settings, corpus=CORPUS))


def test_a_sweep_takes_the_steps_that_a_run_would() -> None:
    settings = SweepConfig(lowest=0.1, highest=0.1001, sweep_steps=35, seeds=2)
    taken = lr_finder.run_sweeps(CONFIG, settings, corpus=CORPUS)
    assert taken.done
    assert not taken.diverged
    for i in range(2):
        trainer = make_trainer(RunConfig(model=CONFIG.model, train=TrainConfig(seed=5 + i)), CORPUS)
        assert taken.losses[:, i] == pytest.approx(trainer.train(35), abs=1e-3)
    weights = 0.95 ** np.arange(34, -1, -1)
    found = lr_finder.read_sweeps(taken)
    expected = (taken.losses * weights[:, None]).sum(0) / weights.sum()
    assert found.mean[-1] == pytest.approx(expected.mean())
    assert (found.low[-1], found.high[-1]) == pytest.approx((expected.min(), expected.max()))
    assert found.mean[0] == pytest.approx(taken.losses[0].mean())


@pytest.mark.parametrize(("growth", "middle"), [("exponential", 0.01), ("linear", 0.50005)])
def test_rates_grow_as_chosen(growth: str, middle: float) -> None:
    settings = SweepConfig(lowest=1e-4, highest=1.0, sweep_steps=21, growth=growth)
    assert sweep(CONFIG, settings).rates[[0, 10, 20]] == pytest.approx([1e-4, middle, 1.0])


@pytest.mark.parametrize("highest", [1.0, 100.0])
def test_sweeps_in_slices_give_the_same_as_at_once(highest: float) -> None:
    settings = SweepConfig(highest=highest, sweep_steps=95, seeds=2)
    at_once = lr_finder.run_sweeps(CONFIG, settings, corpus=CORPUS)
    sliced, slices = lr_finder.run_sweeps(CONFIG, settings, seconds=0, corpus=CORPUS), 1
    assert len(sliced.losses) == 10
    assert lr_finder.read_sweeps(sliced).suggestions == {}
    while not sliced.done:
        sliced, slices = lr_finder.run_sweeps(CONFIG, settings, sliced, 0, CORPUS), slices + 1
    assert np.array_equal(sliced.losses, at_once.losses)
    assert slices == -(-len(at_once.losses) // 10)
    assert sliced.diverged == at_once.diverged == (highest == 100.0)


def test_sweeps_end_where_the_first_of_them_blows_up() -> None:
    taken = lr_finder.run_sweeps(CONFIG, SweepConfig(highest=1000.0, sweep_steps=200, seeds=3), corpus=CORPUS)
    assert taken.diverged
    assert np.isfinite(taken.losses).all()
    means = np.array([lr_finder.read_sweeps(taken).mean[i] for i in (0, -1)])
    assert len(taken.losses) < 200
    assert means.max() < 4 * 4 * means.min()  # cut where it left, not long after


def test_a_finding_has_all_suggestions_within_the_range_and_repeats() -> None:
    settings = SweepConfig(highest=100.0, sweep_steps=200, seeds=2)
    first, again = (sweep(CONFIG, settings) for _ in range(2))
    assert first.suggestions.keys() == RULES.keys()
    assert first.suggestions == again.suggestions
    assert all(1e-5 <= rate <= 100 for rate in first.suggestions.values())
    assert first.remark == ""
    assert np.all(first.low <= first.mean)
    assert np.all(first.mean <= first.high)


def test_each_rule_reads_a_known_curve_as_it_says() -> None:
    losses = bowl()
    assert 1e-3 <= lr_finder.steepest(RATES, losses) <= 0.1
    assert lr_finder.tenth_of_minimum(RATES, losses) == pytest.approx(0.1, rel=0.1)
    assert 0.005 < lr_finder.valley(RATES, losses) < 0.1
    assert lr_finder.slide(RATES, losses) == pytest.approx(0.5, rel=0.1)  # 15 steps before the slope has grown by 0.005
    edge = 10 ** (((3.3 - 2.29) / 2 / 7) ** (1 / 3))
    assert lr_finder.below_divergence(RATES, losses) == pytest.approx(edge / 2, rel=0.06)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (SweepConfig(lowest=1e-5, highest=1e-4, sweep_steps=50, seeds=1), "never diverged"),
        (SweepConfig(lowest=90.0, highest=1000.0, sweep_steps=50, seeds=1), "too few to read"),
    ],
)
def test_a_curve_that_cannot_be_read_says_so_on_the_chart(settings: SweepConfig, words: str) -> None:
    found = sweep(CONFIG, settings)
    assert words in found.remark
    drawn = figures.lr_finder(found, (1e-5, 1000.0))
    assert drawn.layout.xaxis.title.text == "Learning rate"
    assert bool(found.suggestions) == (words == "never diverged")
    assert bool(drawn.layout.annotations) != bool(found.suggestions)


def test_a_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(UserError, match="below the highest"):
        sweep(CONFIG, SweepConfig(lowest=1.0, highest=0.1))


def test_the_figure_names_every_suggestion() -> None:
    found = sweep(CONFIG, SweepConfig(sweep_steps=150, seeds=2, highest=50))
    names = [trace.name for trace in figures.lr_finder(found, (1e-5, 1000.0)).data]
    for rule, rate in found.suggestions.items():
        assert f"{rule}: {rate:.2g}" in names
