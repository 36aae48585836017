"""Batch normalization: known answers, handwritten loops, and folding."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.corpora import Corpus, from_text
from lmcore.errors import UserError
from lmcore.families import make_trainer
from lmcore.inspection import batch_norm
from lmcore.inspection.batch_norm import UnitBatches
from lmcore.models import MLPConfig, ModelConfig, WaveNetConfig
from lmcore.nn.containers import Sequential
from lmcore.nn.layers import BatchNorm1d, Linear, Tanh
from lmcore.training.config import RunConfig, TrainConfig

MLP = MLPConfig(hidden=7, hidden_scheme="normal", batch_norm="hidden")
VALUES = np.random.default_rng(1).normal(2, 5, 32)


def config_of(model: ModelConfig = MLP, **train: int) -> RunConfig:
    return RunConfig(model=model, train=TrainConfig(**train))


@pytest.fixture(scope="module")
def given(corpus: Corpus) -> UnitBatches:
    return batch_norm.unit_batches(config_of(), 3, corpus)


# ---------------------------------------------------------------- one batch


def test_the_batches_are_those_of_the_run_and_the_statistics_those_of_the_split(
    given: UnitBatches, corpus: Corpus
) -> None:
    trainer = make_trainer(config_of(), corpus)
    for values in given.values[:3]:
        trainer.model.forward(trainer.training_examples(trainer.draw_batches(1)[0])[0])
        assert values == pytest.approx(trainer.model.leaves["hidden"].out[:, 3], abs=1e-4)
    trainer.model.forward(trainer.training_examples(np.arange(len(trainer.X)))[0])
    everywhere = trainer.model.leaves["hidden"].out[:, 3].astype(np.float64)
    assert (given.mean, given.variance) == pytest.approx((everywhere.mean(), everywhere.var(ddof=1)))
    assert len(given.contexts) == 32
    assert {len(context) for context in given.contexts} == {3}


def test_with_gain_one_and_no_bias_the_mean_is_zero_and_the_unbiased_variance_one() -> None:
    record = batch_norm.normalize_batch(VALUES)
    assert record.after.mean() == pytest.approx(0, abs=1e-12)
    assert record.after.var(ddof=1) == pytest.approx(1 / (1 + BatchNorm1d.EPS / VALUES.var(ddof=1)), abs=1e-12)
    assert (record.mean, record.variance) == pytest.approx((VALUES.mean(), VALUES.var(ddof=1)))
    assert not record.shifts.any()


def test_gain_is_the_deviation_and_bias_the_mean_of_what_comes_out() -> None:
    record = batch_norm.normalize_batch(VALUES, 2.5, -1.5)
    assert (record.after.std(ddof=1), record.after.mean()) == pytest.approx((2.5, -1.5), abs=1e-5)
    assert batch_norm.normalize_batch(VALUES, 0.0, 2.0).after == pytest.approx(np.full(32, 2.0))


@pytest.mark.parametrize("first_value", [-30.0, 0.0, 30.0])
def test_moving_one_example_moves_all_others_as_the_formula_says(first_value: float) -> None:
    record = batch_norm.normalize_batch(VALUES, 1.5, 0.5, first_value)
    others = VALUES[1:]
    mean = (others.sum() + first_value) / 32
    deviation = math.sqrt((((others - mean) ** 2).sum() + (first_value - mean) ** 2) / 31 + 1e-5)
    own = 1.5 * (others - VALUES.mean()) / math.sqrt(VALUES.var(ddof=1) + 1e-5) + 0.5
    assert record.shifts[1:] == pytest.approx(1.5 * (others - mean) / deviation + 0.5 - own, abs=1e-9)
    assert (abs(record.shifts[1:]) > 1e-4).all()
    assert record.before[0] == first_value
    assert np.array_equal(record.original_before, VALUES)


def test_a_text_with_a_single_example_has_no_variance() -> None:
    with pytest.raises(UserError, match="at least two examples"):
        batch_norm.unit_batches(config_of(), 0, from_text("abcab"))


# ---------------------------------------------------------------- running statistics


@pytest.mark.parametrize("momentum", [0.01, 0.3, 1.0])
def test_running_statistics_are_those_of_a_plain_loop(momentum: float, given: UnitBatches) -> None:
    record = batch_norm.running_statistics(given, momentum)
    mean, variance = 0.0, 1.0
    for step, batch in enumerate(given.values):
        mean = (1 - momentum) * mean + momentum * batch.mean()
        variance = (1 - momentum) * variance + momentum * batch.var(ddof=1)
        assert (record.batch_means[step], record.batch_stds[step]) == pytest.approx((batch.mean(), batch.std(ddof=1)))
        assert (record.means[step], record.stds[step]) == pytest.approx((mean, math.sqrt(variance)))
    example = given.values[0, 0]
    assert record.alone == pytest.approx((example - mean) / math.sqrt(variance + 1e-5))
    assert record.in_own_batch == record.alone  # in evaluation mode neighbors do not count
    assert record.with_true_statistics == pytest.approx((example - given.mean) / math.sqrt(given.variance + 1e-5))


def test_one_example_has_another_output_within_each_batch(given: UnitBatches) -> None:
    record = batch_norm.running_statistics(given, 0.1)
    for i in (0, 1, 150):
        batch = given.values[i].copy()
        batch[0] = record.example
        expected = (record.example - batch.mean()) / math.sqrt(batch.var(ddof=1) + 1e-5)
        assert record.in_batches[i] == pytest.approx(expected)
    assert record.in_batches[0] == pytest.approx(batch_norm.normalize_batch(given.values[0]).after[0])
    assert record.in_batches.std() > 0.05


def test_alone_in_training_mode_there_is_no_number() -> None:
    layer = BatchNorm1d(np.ones(1), np.zeros(1))
    assert np.isnan(layer.forward(np.array([[3.0]]))).all()
    assert np.isnan(layer.statistics["variance"]).all()


# ---------------------------------------------------------------- a wrong axis


def test_the_wrong_axis_makes_means_for_each_position_from_fewer_numbers(corpus: Corpus) -> None:
    config = config_of(WaveNetConfig(hidden=6))
    record, trainer = batch_norm.wrong_axis(config, corpus), make_trainer(config, corpus)
    trainer.model.forward(trainer.training_examples(trainer.draw_batches(1)[0])[0])
    x = trainer.model.leaves["hidden"].out.astype(np.float64)
    assert record.before == pytest.approx(x)
    assert record.right_mean == pytest.approx(x.mean((0, 1), keepdims=True))
    assert record.wrong_mean == pytest.approx(x.mean(0, keepdims=True))
    assert record.right_mean.shape == (1, 1, 6)
    assert record.wrong_mean.shape == (1, 4, 6)
    both = [(record.right, (0, 1)), (record.wrong, 0)]
    for after, axes in both:
        deviation = np.sqrt(x.var(axes, ddof=1, keepdims=True) + 1e-5)
        assert after == pytest.approx((x - x.mean(axes, keepdims=True)) / deviation, abs=1e-6)
    assert record.right == pytest.approx(trainer.model.leaves["norm"].out, abs=1e-5)


def test_means_of_fewer_numbers_spread_more() -> None:
    """Those of B independent numbers spread by 1 / sqrt(B), those of B * T by less."""
    corpus = from_text("".join(map(chr, np.random.default_rng(1).integers(97, 123, 20_000))))
    record = batch_norm.wrong_axis(config_of(WaveNetConfig(hidden=40), batch_size=64), corpus)
    assert record.wrong_spread == pytest.approx(1 / 8, rel=0.05)
    assert record.right_spread == pytest.approx(1 / 16, rel=0.05)


# ---------------------------------------------------------------- folding

MODELS = {
    "hidden": (MLPConfig(hidden=9, batch_norm="hidden"), ["norm"]),
    "all": (MLPConfig(hidden=9, hidden_layers=2, batch_norm="all"), ["norm", "norm2", "output_norm"]),
    "direct": (
        MLPConfig(hidden=9, batch_norm="all", direct_connections=True, activation="relu"),
        ["norm", "output_norm"],
    ),
    "wavenet": (WaveNetConfig(hidden=9), ["norm", "norm2", "norm3"]),
    "nothing to fold": (MLPConfig(hidden=9), []),
}


def trained_on_noise(config: ModelConfig, dtype: type[np.floating]) -> tuple[Sequential, NDArray[np.int64]]:
    """A model whose gains, biases and running statistics are not the initial ones, and contexts for it."""
    generator = torch.Generator().manual_seed(5)
    model = families.build_network(RunConfig(model=config), 12, generator, dtype)
    model.theta += 0.3 * torch.randn(model.theta.shape, generator=generator).numpy()
    X = torch.randint(0, 12, (64, config.context), generator=generator).numpy()
    for _ in range(5):
        model.forward(X)
    return model, X


def test_a_folded_model_is_in_evaluation_mode_where_a_batch_norm_cannot_be_folded() -> None:
    model, X = trained_on_noise(WaveNetConfig(hidden=9, norm_axes="batch"), np.float64)
    folded = batch_norm.fold(model)
    assert folded.has_batch_norm
    with model.evaluation_mode():
        expected = model.forward(X).copy()
    assert np.abs(folded.forward(X) - expected).max() < 1e-12


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("name", MODELS)
def test_a_folded_model_has_no_batch_norm_and_the_same_logits(
    name: str, dtype: type[np.floating], tolerance: float
) -> None:
    config, gone = MODELS[name]
    model, X = trained_on_noise(config, dtype)
    theta = model.theta.copy()
    folded = batch_norm.fold(model)
    assert [name for name in model.leaves if name not in folded.leaves] == gone
    assert not folded.has_batch_norm
    assert not folded.statistics
    with model.evaluation_mode():
        expected = model.forward(X).copy()
    assert np.abs(folded.forward(X) - expected).max() <= tolerance
    assert np.abs(expected).max() > 0.5
    folded.theta[:] = 0  # the models share no memory
    assert np.array_equal(model.theta, theta)
    with model.evaluation_mode():
        assert np.array_equal(model.forward(X), expected)


def test_a_linear_with_a_bias_folds_and_what_has_no_linear_before_it_stays() -> None:
    x = np.random.default_rng(0).standard_normal((20, 3))

    def norm() -> BatchNorm1d:
        return BatchNorm1d(np.full(3, 2.0), np.ones(3))

    linear = Linear(np.eye(3), np.arange(3.0))
    model = Sequential({"first": norm(), "linear": linear, "norm": norm(), "tanh": Tanh(), "last": norm()})
    model.forward(x)
    folded = batch_norm.fold(model)
    assert list(folded.leaves) == ["first", "linear", "tanh", "last"]
    with model.evaluation_mode(), folded.evaluation_mode():
        assert np.allclose(folded.forward(x), model.forward(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", [MLPConfig(hidden=8, batch_norm="hidden"), WaveNetConfig(hidden=8)])
def test_a_trained_model_and_its_folded_version_agree_on_dev_examples(model: ModelConfig, corpus: Corpus) -> None:
    config = config_of(model, steps=100)
    record, trainer = batch_norm.folding(config, corpus), make_trainer(config, corpus)
    trainer.train(100)
    X, Y = (torch.from_numpy(np.array(array)).long() for array in trainer.corpus.windows("dev", model.context))
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(record.folded_logits), Y).item()
    assert loss == pytest.approx(trainer.metrics("dev")["loss"], abs=1e-5)
    assert record.split == "dev"
    assert record.logits.shape == record.folded_logits.shape == (len(X), len(trainer.corpus.vocabulary))
    assert 0 < abs(record.differences).max() < 1e-5
    norms = len(record.factors)
    assert record.n_numbers - record.folded_n_numbers == 3 * 8 * norms  # gain, bias, mean, variance become one bias
    assert len(record.layers) - len(record.folded_layers) == norms
    norm = trainer.model.leaves["norm"]
    expected = norm.parameters["gain"] / np.sqrt(norm.statistics["variance"] + norm.EPS)
    assert record.factors["norm"] == pytest.approx(expected, rel=1e-5)
    assert min(record.seconds, record.folded_seconds) > 0


def test_without_a_dev_split_the_training_split_is_compared() -> None:
    corpus = from_text("emma\nolivia\n")
    assert len(corpus.windows("dev", 3).X) == 0
    assert batch_norm.folding(config_of(steps=5), corpus).split == "train"
