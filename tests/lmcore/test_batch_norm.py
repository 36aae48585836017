"""Batch normalization taken apart: known answers, hand-written loops, and a net that folds."""

import math

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from torch import Tensor

from lmcore import figures, models
from lmcore.data.corpora import from_text
from lmcore.errors import UserError
from lmcore.inspection import batch_norm
from lmcore.inspection.batch_norm import Batches
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.nn.layers import BatchNorm1d, Linear, Sequential, Tanh
from lmcore.training.training import RunConfig, TrainConfig, Trainer
from tests.lmcore.test_training import small_corpus

MLP = MLPConfig(hidden=7, hidden_scheme="normal", batch_norm="hidden")
VALUES = np.random.default_rng(1).normal(2, 5, 32)


def config_of(model: models.ModelConfig = MLP, **train: int) -> RunConfig:
    return RunConfig(model=model, train=TrainConfig(**train))


def given(unit: int = 3) -> Batches:
    return batch_norm.batches(config_of(), unit, small_corpus())


# ---------------------------------------------------------------- one batch


def test_the_batches_are_those_of_the_run_and_the_truth_is_of_the_whole_split() -> None:
    record, trainer = given(), Trainer(config_of(), small_corpus())
    for values in record.inputs[:3]:
        trainer.model.forward(trainer.X[trainer.batches(1)[0]].long())
        assert values == pytest.approx(trainer.model.leaves["hidden"].out[:, 3].numpy(), abs=1e-4)
    trainer.model.forward(trainer.X.long())
    everywhere = trainer.model.leaves["hidden"].out[:, 3].double()
    assert (record.mean, record.variance) == pytest.approx((everywhere.mean().item(), everywhere.var().item()))
    assert len(record.contexts) == 32
    assert {len(context) for context in record.contexts} == {3}


def test_with_gain_one_and_no_bias_the_mean_is_zero_and_the_unbiased_variance_one() -> None:
    record = batch_norm.one_batch(VALUES)
    assert record.after.mean() == pytest.approx(0, abs=1e-12)
    assert record.after.var(ddof=1) == pytest.approx(1 / (1 + BatchNorm1d.EPS / VALUES.var(ddof=1)), abs=1e-12)
    assert (record.mean, record.variance) == pytest.approx((VALUES.mean(), VALUES.var(ddof=1)))
    assert not record.shifts.any()


def test_gain_is_the_deviation_and_bias_the_mean_of_what_comes_out() -> None:
    record = batch_norm.one_batch(VALUES, 2.5, -1.5)
    assert (record.after.std(ddof=1), record.after.mean()) == pytest.approx((2.5, -1.5), abs=1e-5)
    assert batch_norm.one_batch(VALUES, 0.0, 2.0).after == pytest.approx(np.full(32, 2.0))


@pytest.mark.parametrize("moved", [-30.0, 0.0, 30.0])
def test_dragging_one_example_moves_all_others_as_the_formula_says(moved: float) -> None:
    record = batch_norm.one_batch(VALUES, 1.5, 0.5, moved)
    others = VALUES[1:]
    mean = (others.sum() + moved) / 32
    deviation = math.sqrt((((others - mean) ** 2).sum() + (moved - mean) ** 2) / 31 + 1e-5)
    own = 1.5 * (others - VALUES.mean()) / math.sqrt(VALUES.var(ddof=1) + 1e-5) + 0.5
    assert record.shifts[1:] == pytest.approx(1.5 * (others - mean) / deviation + 0.5 - own, abs=1e-9)
    assert (abs(record.shifts[1:]) > 1e-4).all()
    assert record.before[0] == moved
    assert np.array_equal(record.own_before, VALUES)


def test_a_text_with_a_single_example_has_no_variance() -> None:
    with pytest.raises(UserError, match="at least two examples"):
        batch_norm.batches(config_of(), 0, from_text("abcab"))


# ---------------------------------------------------------------- running statistics


@pytest.mark.parametrize("momentum", [0.01, 0.3, 1.0])
def test_running_statistics_are_those_of_a_plain_loop(momentum: float) -> None:
    source = given()
    record = batch_norm.running(source, momentum)
    mean, variance = 0.0, 1.0
    for step, batch in enumerate(source.inputs):
        mean = (1 - momentum) * mean + momentum * batch.mean()
        variance = (1 - momentum) * variance + momentum * batch.var(ddof=1)
        assert (record.batch_mean[step], record.batch_deviation[step]) == pytest.approx(
            (batch.mean(), batch.std(ddof=1))
        )
        assert (record.mean[step], record.deviation[step]) == pytest.approx((mean, math.sqrt(variance)))
    example = source.inputs[0, 0]
    assert record.alone == pytest.approx((example - mean) / math.sqrt(variance + 1e-5))
    assert record.in_its_batch == record.alone  # in evaluation mode neighbors do not count
    assert record.by_truth == pytest.approx((example - source.mean) / math.sqrt(source.variance + 1e-5))


def test_one_example_has_another_output_within_each_batch() -> None:
    source = given()
    record = batch_norm.running(source, 0.1)
    for i in (0, 1, 150):
        batch = source.inputs[i].copy()
        batch[0] = record.example
        expected = (record.example - batch.mean()) / math.sqrt(batch.var(ddof=1) + 1e-5)
        assert record.in_batches[i] == pytest.approx(expected)
    assert record.in_batches[0] == batch_norm.one_batch(source.inputs[0]).after[0]
    assert record.in_batches.std() > 0.05


def test_alone_in_training_mode_there_is_no_number() -> None:
    layer = BatchNorm1d(torch.ones(1), torch.zeros(1))
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert layer.forward(torch.tensor([[3.0]])).isnan().all()
    assert layer.statistics["variance"].isnan().all()


# ---------------------------------------------------------------- a wrong axis


def test_the_wrong_axis_makes_means_for_each_position_from_fewer_numbers() -> None:
    config = config_of(WaveNetConfig(hidden=6))
    record, trainer = batch_norm.wrong_axis(config, small_corpus()), Trainer(config, small_corpus())
    trainer.model.forward(trainer.X[trainer.batches(1)[0]].long())
    x = trainer.model.leaves["hidden"].out.double().numpy()
    assert record.before == pytest.approx(x)
    assert record.right_mean == pytest.approx(x.mean((0, 1), keepdims=True))
    assert record.wrong_mean == pytest.approx(x.mean(0, keepdims=True))
    assert record.right_mean.shape == (1, 1, 6)
    assert record.wrong_mean.shape == (1, 4, 6)
    both = [(record.right, (0, 1)), (record.wrong, 0)]
    for after, axes in both:
        deviation = np.sqrt(x.var(axes, ddof=1, keepdims=True) + 1e-5)
        assert after == pytest.approx((x - x.mean(axes, keepdims=True)) / deviation, abs=1e-6)
    assert record.right == pytest.approx(trainer.model.leaves["norm"].out.numpy(), abs=1e-5)


def test_means_of_fewer_numbers_spread_more() -> None:
    """Those of B independent numbers spread by 1 / sqrt(B), those of B * T by less."""
    corpus = from_text("".join(map(chr, np.random.default_rng(1).integers(97, 123, 20_000))))
    record = batch_norm.wrong_axis(config_of(WaveNetConfig(hidden=40), batch_size=64), corpus)
    assert record.wrong_spread == pytest.approx(1 / 8, rel=0.05)
    assert record.right_spread == pytest.approx(1 / 16, rel=0.05)


# ---------------------------------------------------------------- folding

NETS = {
    "hidden": (MLPConfig(hidden=9, batch_norm="hidden"), ["norm"]),
    "all": (MLPConfig(hidden=9, hidden_layers=2, batch_norm="all"), ["norm", "norm2", "output_norm"]),
    "direct": (MLPConfig(hidden=9, batch_norm="all", direct=True, activation="relu"), ["norm", "output_norm"]),
    "wavenet": (WaveNetConfig(hidden=9), ["norm", "norm2", "norm3"]),
    "nothing to fold": (MLPConfig(hidden=9), []),
}


def seasoned(config: models.ModelConfig, dtype: torch.dtype) -> tuple[Sequential, Tensor]:
    """A net whose gains, biases and running statistics have left where they start, and contexts for it."""
    dice = torch.Generator().manual_seed(5)
    model = models.build(config, 12, dice, dtype)
    model.theta.add_(0.3 * torch.randn(model.theta.shape, generator=dice).to(dtype))
    X = torch.randint(0, 12, (64, config.context), generator=dice)
    for _ in range(5):
        model.forward(X)
    return model, X


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("net", NETS)
def test_a_folded_net_has_no_batch_norm_and_the_same_logits(net: str, dtype: torch.dtype, tolerance: float) -> None:
    config, gone = NETS[net]
    model, X = seasoned(config, dtype)
    theta = model.theta.clone()
    folded = batch_norm.fold(model)
    assert [name for name in model.leaves if name not in folded.leaves] == gone
    assert not folded.normalizes
    assert not folded.statistics
    with model.evaluating():
        expected = model.forward(X).clone()
    assert (folded.forward(X) - expected).abs().max() <= tolerance
    assert expected.abs().max() > 0.5
    folded.theta.zero_()  # the nets share no memory
    assert torch.equal(model.theta, theta)
    with model.evaluating():
        assert torch.equal(model.forward(X), expected)


def test_a_linear_with_a_bias_folds_and_what_has_no_linear_before_it_stays() -> None:
    x = torch.randn(20, 3, dtype=torch.float64)

    def norm() -> BatchNorm1d:
        return BatchNorm1d(torch.full((3,), 2.0, dtype=x.dtype), torch.ones(3, dtype=x.dtype))

    bias = torch.arange(3, dtype=x.dtype)
    linear = Linear(torch.eye(3, dtype=x.dtype), bias)
    model = Sequential({"first": norm(), "linear": linear, "norm": norm(), "tanh": Tanh(), "last": norm()})
    model.forward(x)
    folded = batch_norm.fold(model)
    assert list(folded.leaves) == ["first", "linear", "tanh", "last"]
    with model.evaluating(), folded.evaluating():
        assert torch.allclose(folded.forward(x), model.forward(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", [MLPConfig(hidden=8, batch_norm="hidden"), WaveNetConfig(hidden=8)])
def test_a_trained_net_and_its_folded_one_agree_on_dev_examples(model: models.ModelConfig) -> None:
    config = config_of(model, steps=100)
    record, trainer = batch_norm.folding(config, small_corpus()), Trainer(config, small_corpus())
    trainer.train(100)
    X, Y = (torch.from_numpy(array).long() for array in trainer.corpus.windows("dev", model.context))
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(record.folded_logits), Y).item()
    assert loss == pytest.approx(trainer.evaluate("dev"), abs=1e-5)
    assert record.split == "dev"
    assert record.logits.shape == record.folded_logits.shape == (len(X), len(trainer.corpus.vocabulary))
    assert 0 < abs(record.differences).max() < 1e-5
    norms = len(record.factors)
    assert record.numbers - record.folded_numbers == 3 * 8 * norms  # gain, bias, mean, variance become one bias
    assert len(record.layers) - len(record.folded_layers) == norms
    norm = trainer.model.leaves["norm"]
    expected = norm.parameters["gain"] / torch.sqrt(norm.statistics["variance"] + norm.EPS)
    assert record.factors["norm"] == pytest.approx(expected.numpy(), rel=1e-5)
    assert min(record.seconds, record.folded_seconds) > 0


def test_without_a_dev_split_the_training_split_is_compared() -> None:
    corpus = from_text("emma\nolivia\n")
    assert len(corpus.windows("dev", 3).X) == 0
    assert batch_norm.folding(config_of(steps=5), corpus).split == "train"


# ---------------------------------------------------------------- pictures


def checked(figure: go.Figure) -> go.Figure:
    """Plotly looks at every property; the pages' figures are built unchecked, for speed."""
    go.Figure(figure.to_plotly_json())
    assert all(axis.title.text for axis in (figure.layout.xaxis, figure.layout.yaxis))
    return figure


def test_the_axes_stay_while_an_example_is_dragged() -> None:
    for moved in (None, -30.0, 30.0):
        record = batch_norm.one_batch(VALUES, moved=moved)
        assert checked(figures.batch_values(record, after=False)).layout.xaxis.range == (-33, 33)
        assert checked(figures.batch_values(record, after=True)).layout.xaxis.range == (-6, 6)
        assert checked(figures.batch_map(record, ["<b>"] * 32)).layout.xaxis.range == (-33, 33)


def test_the_others_are_drawn_where_they_were_and_where_they_are() -> None:
    still, record = (batch_norm.one_batch(VALUES, moved=moved) for moved in (None, 30.0))
    drawn = checked(figures.batch_map(record, ["<b>"] * 32))
    untouched, moves, batch, dragged = drawn.data
    assert untouched.y == pytest.approx(np.sort(still.after), rel=1e-5)
    assert batch.y == pytest.approx(record.after[np.argsort(record.before)], rel=1e-5)
    assert (dragged.x[0], batch.customdata[0]) == (30, "&lt;b&gt;")
    assert moves.y.reshape(-1, 3)[:, 1] == pytest.approx(record.after[1:], rel=1e-5)
    bars = checked(figures.batch_shifts(record, ["a"] * 32))
    assert bars.data[0].y == pytest.approx(record.shifts[1:], rel=1e-5)
    assert not bars.layout.annotations
    assert "Drag" in checked(figures.batch_shifts(still, ["a"] * 32)).layout.annotations[0].text


def test_running_statistics_are_drawn_beside_the_truth() -> None:
    record = batch_norm.running(given(), 0.1)
    for deviation, truth in ((False, record.true_mean), (True, record.true_deviation)):
        drawn = checked(figures.running_statistic(record, deviation))
        assert [trace.name for trace in drawn.data] == ["each batch", "running", "whole split"]
        assert drawn.data[2].y == pytest.approx([truth, truth])
    marks = checked(figures.one_example(record)).data[1:]
    assert [trace.x[0] for trace in marks] == pytest.approx([record.alone, record.by_truth])


def test_the_chosen_position_is_drawn_last_and_named_in_order() -> None:
    record = batch_norm.wrong_axis(config_of(WaveNetConfig(hidden=6)), small_corpus())
    for drawn in (figures.axis_means(record, 1), figures.axis_map(record, 2, 1)):
        *wrong, right = checked(drawn).data
        assert wrong[-1].name == "wrong: position 2"
        assert [trace.name for trace in sorted(wrong, key=lambda trace: trace.legendrank)] == [
            f"wrong: position {t}" for t in (1, 2, 3, 4)
        ]
        assert right.name.startswith("right")


def test_folded_logits_lie_on_the_diagonal() -> None:
    record = batch_norm.folding(config_of(steps=20), small_corpus())
    dots = checked(figures.folded_logits(record)).data[1]
    assert dots.x == pytest.approx(dots.y, abs=1e-5)
    assert checked(figures.folding_differences(record)).data[0].y.sum() == pytest.approx(1)
