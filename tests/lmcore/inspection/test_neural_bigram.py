import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.inspection import neural_bigram
from lmcore.inspection.ngrams import count_pairs
from lmcore.models.ngram import normalize

SEED = 2147483647
SMALL = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 20)


def small_counts() -> np.ndarray:
    return count_pairs(SMALL, "train")


def test_the_loss_of_the_first_word_is_as_published(names: Corpus) -> None:
    record = neural_bigram.train_on_text(names, "emma", 0, 50, SEED)
    assert record.losses == pytest.approx([3.769305], abs=1e-6)
    picked = next(view for view in record.tensors if view.name == "p picked")
    assert picked.value[:, 0] == pytest.approx([0.012286, 0.018051, 0.026692, 0.073677, 0.014978], abs=1e-6)
    assert picked.rows == [".→e", "e→m", "m→m", "m→a", "a→."]


@pytest.mark.parametrize("objective", ["mean of logs", "log of mean"])
def test_every_gradient_is_that_of_autograd(objective: neural_bigram.Objective) -> None:
    W = neural_bigram.initial_weights(len(SMALL.vocabulary), 1)
    views = {view.name: view for view in neural_bigram.forward_backward(SMALL, "olivia", W, objective)}
    ids, targets = neural_bigram.text_pairs(SMALL, "olivia")
    x = torch.nn.functional.one_hot(torch.from_numpy(ids), len(W)).double().requires_grad_()
    weights = torch.from_numpy(W).requires_grad_()
    logits = x @ weights
    counts = logits.exp()
    sums = counts.sum(1, keepdim=True)
    p = counts / sums
    picked = p[torch.arange(len(ids)), torch.from_numpy(targets)][:, None]
    last = picked.log() if objective == "mean of logs" else picked.mean().view(1, 1)
    loss = -(last.mean() if objective == "mean of logs" else last.log().sum())
    oracle = dict(zip(views, [x, weights, logits, counts, sums, p, picked, last, loss], strict=True))
    for tensor in oracle.values():
        tensor.retain_grad()
    loss.backward()
    for name, tensor in oracle.items():
        shape = views[name].shape
        assert np.allclose(views[name].value, tensor.detach().numpy().reshape(shape), atol=1e-14), name
        assert np.allclose(views[name].gradient, tensor.grad.numpy().reshape(shape), atol=1e-14), name
        assert shape == (len(views[name].rows), len(views[name].columns))


def test_only_documents_begin_and_end_at_a_boundary() -> None:
    running = from_text("abab" * 20, config=CorpusConfig(units="running"))
    a, b = (running.vocabulary.index[character] for character in "ab")
    ids, targets = neural_bigram.text_pairs(running, "aba")
    assert (ids.tolist(), targets.tolist()) == ([a, b], [b, a])
    ids, targets = neural_bigram.text_pairs(SMALL, "mia")
    assert (ids[0], targets[-1]) == (0, 0)


def test_steps_lower_the_loss_of_the_word() -> None:
    losses = neural_bigram.train_on_text(SMALL, "emma", 5, 1.0, SEED).losses
    assert len(losses) == 6
    assert np.all(np.diff(losses) < 0)


@pytest.mark.parametrize(("text", "words"), [("", "1 to 30"), ("a" * 40, "1 to 30"), ("q", "q")])
def test_a_text_that_is_too_short_or_too_long_is_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        neural_bigram.train_on_text(SMALL, text, 0, 1.0, SEED)


def test_training_on_counts_equals_a_full_batch_run() -> None:
    run = run_config_from_settings({"family": "neural-bigram", "learning_rate": 5, "full_batch": True, "seed": 7})
    losses = make_trainer(run, SMALL).train(50)
    record = neural_bigram.train_on_counts(small_counts(), 49, 5, 7, "mean of logs")
    assert record.mean_of_logs == pytest.approx(losses, abs=1e-5)


def test_the_mistake_puts_all_probability_of_a_row_on_one_pair() -> None:
    counts = small_counts()
    right, wrong = (
        neural_bigram.train_on_counts(counts, 3000, 5, 7, objective) for objective in ("mean of logs", "log of mean")
    )
    assert wrong.log_of_mean[-1] < right.log_of_mean[-1]
    assert wrong.mean_of_logs[-1] > right.mean_of_logs[-1] + 1
    seen = counts.sum(1) > 0
    assert np.all(wrong.probabilities[seen].max(1) > 0.97)
    assert np.any(right.probabilities[seen].max(1) < 0.6)
    assert wrong.mean_of_logs[0] != pytest.approx(wrong.log_of_mean[0], abs=1e-3)


@pytest.mark.slow
def test_gradient_descent_converges_to_the_penalized_weights() -> None:
    found = neural_bigram.softmax(neural_bigram.penalized_weights(small_counts(), 1e-3))
    settings = {"family": "neural-bigram", "learning_rate": 20, "full_batch": True, "l2": 1e-3}
    trainer = make_trainer(run_config_from_settings(settings), SMALL)
    trainer.train(5000)
    trained = neural_bigram.softmax(trainer.model.parameters["W.weight"].astype(np.float64))
    assert np.abs(trained - found).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("k", [0.5, 10.0, 300.0])
def test_the_equivalent_penalty_is_closer_than_its_neighbors(k: float) -> None:
    counts = small_counts()
    smoothed = normalize(counts, k)
    penalty = neural_bigram.equivalent_penalty(counts, k)
    divergences = [
        neural_bigram.kl_divergence(
            counts, smoothed, neural_bigram.softmax(neural_bigram.penalized_weights(counts, penalty * factor))
        )
        for factor in (0.5, 1.0, 2.0)
    ]
    assert divergences[1] < min(divergences[0], divergences[2])
    assert divergences[1] >= 0


@pytest.mark.slow
def test_more_smoothing_is_equivalent_to_a_larger_penalty() -> None:
    penalties = [neural_bigram.equivalent_penalty(small_counts(), k) for k in (1.0, 10.0, 100.0)]
    assert penalties == sorted(penalties)


def test_a_vocabulary_that_is_too_large_is_refused() -> None:
    with pytest.raises(UserError, match="max_vocabulary"):
        neural_bigram.penalized_weights(np.ones((200, 200), dtype=np.int64), 0.1)


@given(st.integers(0, 2**32 - 1))
def test_the_logarithm_of_counts_lies_on_the_diagonal_whatever_is_added_to_a_row(seed: int) -> None:
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 4, (5, 5))
    shifted = np.where(counts > 0, counts, 0.1) * np.exp(generator.normal(size=(5, 1)))
    record = neural_bigram.log_counts(counts, shifted, list("abcde"))
    assert len(record.pairs) == (counts > 0).sum()
    assert np.allclose(record.log_counts, record.weights)
