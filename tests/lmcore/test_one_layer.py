import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.corpora import Corpus, from_text
from lmcore.errors import UserError
from lmcore.inspection import neural_bigram, ngrams
from lmcore.models.ngram import normalize
from lmcore.training.training import RunConfig, Trainer

SEED = 2147483647
SMALL = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 20)


def small_counts() -> np.ndarray:
    return ngrams.counted(SMALL, "train")


def test_the_first_word_costs_what_is_published(names: Corpus) -> None:
    motion = neural_bigram.slow_motion(names, "emma", 0, 50, SEED)
    assert motion.losses == pytest.approx([3.769305], abs=1e-6)
    picked = next(stage for stage in motion.stages if stage.name == "p picked")
    assert picked.value[:, 0] == pytest.approx([0.012286, 0.018051, 0.026692, 0.073677, 0.014978], abs=1e-6)
    assert picked.rows == [".→e", "e→m", "m→m", "m→a", "a→."]


@pytest.mark.parametrize("objective", ["mean of logarithms", "logarithm of the mean"])
def test_every_gradient_is_that_of_autograd(objective: neural_bigram.Objective) -> None:
    W = neural_bigram.starting_weights(len(SMALL.vocabulary), 1)
    stages = {stage.name: stage for stage in neural_bigram.one_step(SMALL, "olivia", W, objective)}
    ids, targets = neural_bigram.pairs_of(SMALL, "olivia")
    x = torch.nn.functional.one_hot(torch.from_numpy(ids), len(W)).double().requires_grad_()
    weights = torch.from_numpy(W).requires_grad_()
    logits = x @ weights
    counts = logits.exp()
    sums = counts.sum(1, keepdim=True)
    p = counts / sums
    picked = p[torch.arange(len(ids)), torch.from_numpy(targets)][:, None]
    last = picked.log() if objective == "mean of logarithms" else picked.mean().view(1, 1)
    loss = -(last.mean() if objective == "mean of logarithms" else last.log().sum())
    oracle = dict(zip(stages, [x, weights, logits, counts, sums, p, picked, last, loss], strict=True))
    for tensor in oracle.values():
        tensor.retain_grad()
    loss.backward()
    for name, tensor in oracle.items():
        shape = stages[name].shape
        assert np.allclose(stages[name].value, tensor.detach().numpy().reshape(shape), atol=1e-14), name
        assert np.allclose(stages[name].gradient, tensor.grad.numpy().reshape(shape), atol=1e-14), name
        assert shape == (len(stages[name].rows), len(stages[name].columns))


def test_steps_lower_the_loss_of_the_word() -> None:
    losses = neural_bigram.slow_motion(SMALL, "emma", 5, 1.0, SEED).losses
    assert len(losses) == 6
    assert np.all(np.diff(losses) < 0)


@pytest.mark.parametrize(("text", "words"), [("", "1 to 30"), ("a" * 40, "1 to 30"), ("q", "q")])
def test_a_word_that_cannot_be_shown_is_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        neural_bigram.slow_motion(SMALL, text, 0, 1.0, SEED)


def test_descending_the_counts_is_what_a_full_batch_run_does() -> None:
    run = RunConfig.from_flat({"family": "neural-bigram", "learning_rate": 5, "full_batch": True, "seed": 7})
    losses = Trainer(run, SMALL).train(50)
    descent = neural_bigram.descend(small_counts(), 49, 5, 7, "mean of logarithms")
    assert descent.mean_of_logarithms == pytest.approx(losses, abs=1e-5)


def test_the_mistake_bets_each_row_on_a_single_pair() -> None:
    counts = small_counts()
    right, wrong = (
        neural_bigram.descend(counts, 3000, 5, 7, objective)
        for objective in ("mean of logarithms", "logarithm of the mean")
    )
    assert wrong.logarithm_of_mean[-1] < right.logarithm_of_mean[-1]
    assert wrong.mean_of_logarithms[-1] > right.mean_of_logarithms[-1] + 1
    seen = counts.sum(1) > 0
    assert np.all(wrong.probabilities[seen].max(1) > 0.97)
    assert np.any(right.probabilities[seen].max(1) < 0.6)
    assert wrong.mean_of_logarithms[0] != pytest.approx(wrong.logarithm_of_mean[0], abs=1e-3)


def test_the_penalized_net_is_where_gradient_descent_ends() -> None:
    found = neural_bigram.softmax(neural_bigram.decayed(small_counts(), 1e-3))
    settings = {"family": "neural-bigram", "learning_rate": 20, "full_batch": True, "l2": 1e-3}
    trainer = Trainer(RunConfig.from_flat(settings), SMALL)
    trainer.train(5000)
    trained = neural_bigram.softmax(trainer.model.parameters["W.weight"].double().numpy())
    assert np.abs(trained - found).max() < 1e-5


@pytest.mark.parametrize("k", [0.5, 10.0, 300.0])
def test_the_penalty_found_is_nearer_than_its_neighbors(k: float) -> None:
    counts = small_counts()
    smoothed = normalize(counts, k)
    penalty = neural_bigram.mimic(counts, k)
    apart = [
        neural_bigram.divergence(
            counts, smoothed, neural_bigram.softmax(neural_bigram.decayed(counts, penalty * factor))
        )
        for factor in (0.5, 1.0, 2.0)
    ]
    assert apart[1] < min(apart[0], apart[2])
    assert apart[1] >= 0


def test_more_smoothing_asks_for_a_larger_penalty() -> None:
    penalties = [neural_bigram.mimic(small_counts(), k) for k in (1.0, 10.0, 100.0)]
    assert penalties == sorted(penalties)


def test_a_vocabulary_too_large_to_wait_for_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="Max vocabulary"):
        neural_bigram.decayed(np.ones((200, 200), dtype=np.int64), 0.1)


@given(st.integers(0, 2**32 - 1))
def test_the_logarithm_of_counts_lies_on_the_diagonal_whatever_is_added_to_a_row(seed: int) -> None:
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 4, (5, 5))
    shifted = np.where(counts > 0, counts, 0.1) * np.exp(generator.normal(size=(5, 1)))
    record = neural_bigram.log_counts(counts, shifted, list("abcde"))
    assert len(record.pairs) == (counts > 0).sum()
    assert np.allclose(record.log_counts, record.weights)
