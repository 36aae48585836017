import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lmcore.data.corpora import Corpus, from_text
from lmcore.errors import UserError
from lmcore.inspection import backprop
from lmcore.inspection.backprop import BackpropPass
from lmcore.inspection.backprop_rules import BACKWARD, BATCH_NORM, CROSS_ENTROPY, RULES, Rule
from lmcore.inspection.expressions import evaluate

SEED = 2147483647
NAMES = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 20)
RUNNING = from_text("It was the best of times, it was the worst of times; it was the age of wisdom. " * 5)


def lecture(corpus: Corpus, seed: int) -> dict[str, Tensor]:
    """The forward pass as the lecture writes it, with autograd's gradients in ``.grad``."""
    V, n, g = len(corpus.vocabulary), 32, torch.Generator().manual_seed(seed)

    def randn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g).double()

    C = randn(V, 10)
    W1 = randn(30, 64) * (5 / 3) / 30**0.5
    b1 = randn(64) * 0.1
    W2 = randn(64, V) * 0.1
    b2 = randn(V) * 0.1
    bngain = randn(1, 64) * 0.1 + 1.0
    bnbias = randn(1, 64) * 0.1
    for parameter in (C, W1, b1, W2, b2, bngain, bnbias):
        parameter.requires_grad_()
    X, Y = (torch.from_numpy(np.array(part)).long() for part in corpus.windows("train", 3))
    ix = torch.randint(0, X.shape[0], (n,), generator=g)
    Xb, Yb = X[ix], Y[ix]

    emb = C[Xb]
    embcat = emb.view(emb.shape[0], -1)
    hprebn = embcat @ W1 + b1
    bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = torch.tanh(hpreact)
    logits = h @ W2 + b2
    logit_maxes = logits.max(1, keepdim=True).values
    norm_logits = logits - logit_maxes
    counts = norm_logits.exp()
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = probs.log()
    loss = -logprobs[range(n), Yb].mean()

    written = locals()
    tensors = {rule.name: written[rule.name] for rule in RULES}
    for tensor in tensors.values():
        tensor.retain_grad()
    loss.backward()
    assert torch.allclose(loss, F.cross_entropy(logits, Yb))
    return tensors


@pytest.mark.parametrize("corpus", [NAMES, RUNNING], ids=["names", "running text"])
@pytest.mark.parametrize("seed", [SEED, 1, 2])
def test_all_26_tensors_and_their_gradients_are_those_of_autograd(corpus: Corpus, seed: int) -> None:
    record = backprop.forward_backward(corpus, seed)
    oracle = lecture(corpus, seed)
    assert list(record.tensors) == list(oracle)
    assert len(BACKWARD) == 26
    for name, tensor in record.tensors.items():
        assert tensor.value.dtype == np.float64
        assert np.allclose(tensor.value, oracle[name].detach(), rtol=0, atol=1e-12), name
        assert tensor.gradient.shape == tensor.value.shape, name
        assert np.abs(tensor.gradient - oracle[name].grad.numpy()).max() < 1e-12, name
        assert np.array_equal(tensor.autograd, oracle[name].grad), name


@pytest.mark.parametrize("seed", [SEED, 1, 2])
@pytest.mark.parametrize("rule", [CROSS_ENTROPY, BATCH_NORM], ids=["cross-entropy", "BatchNorm"])
def test_cross_entropy_and_batch_norm_in_one_expression_equal_autograd(rule: Rule, seed: int) -> None:
    record = backprop.forward_backward(NAMES, seed)
    values = {name: tensor.value for name, tensor in record.tensors.items()}
    gradients = {f"d{name}": tensor.autograd for name, tensor in record.tensors.items()}
    gradient = evaluate(rule.gradient, record.constants | values | gradients)
    assert (gradient - lecture(NAMES, seed)[rule.name].grad).abs().max() < 1e-12


def test_the_network_is_that_of_the_lecture(names: Corpus) -> None:
    tensors = backprop.forward_backward(names, SEED).tensors
    parameters = [tensor.value for tensor in tensors.values() if "randn" in tensor.rule.forward]
    assert len(parameters) == 7
    assert sum(parameter.size for parameter in parameters) == 4137
    for name, tensor in tensors.items():
        if "randn" in tensor.rule.forward:
            drawn = tensor.rule.forward.replace("torch.randn", "torch.ones")
            assert evaluate(drawn, {"V": 27}).shape == tensor.value.shape, name


def test_what_batch_norm_and_softmax_undo_has_no_gradient(backprop_pass: BackpropPass) -> None:
    for name in ("b1", "logit_maxes"):
        assert np.abs(backprop_pass.tensors[name].gradient).max() < 1e-15
    for name in set(BACKWARD) - {"b1", "logit_maxes"}:
        assert np.abs(backprop_pass.tensors[name].gradient).max() > 1e-5


# ---------------------------------------------------------------- views


def test_a_view_has_the_numbers_of_its_tensor_and_a_label_for_each(backprop_pass: BackpropPass) -> None:
    for name, tensor in backprop_pass.tensors.items():
        view = backprop.tensor_view(backprop_pass, name)
        assert view.shape == (len(view.rows), len(view.columns))
        assert np.array_equal(view.value.ravel(), tensor.value.ravel()), name
        assert np.array_equal(view.gradient.ravel(), tensor.gradient.ravel()), name
    logits = backprop.tensor_view(backprop_pass, "logits")
    labels = backprop_pass.labels
    context, target = backprop_pass.Xb[7].tolist(), backprop_pass.Yb[7].item()
    assert logits.rows[7] == "".join(labels[i] for i in context) + "→" + labels[target]
    assert logits.columns == list(labels)
    assert backprop.tensor_view(backprop_pass, "emb").columns[:11][-1] == "2·0"


def test_the_named_tensors_are_listed_once_with_their_shapes(backprop_pass: BackpropPass) -> None:
    assert backprop.named_shapes(backprop_pass, "(h * dh).sum(0) / n + h") == ["h (32, 64)", "dh (32, 64)"]


def test_the_overview_has_a_row_per_tensor(backprop_pass: BackpropPass) -> None:
    table = backprop.overview(backprop_pass)
    assert table["tensor"].tolist() == [rule.name for rule in RULES]
    assert table["difference from autograd"].max() < 1e-12


def chinese(V: int) -> Corpus:
    return from_text("".join(chr(0x4E00 + i) for i in range(V)) * 2)


def test_a_large_vocabulary_is_cut_in_views_and_a_larger_one_refused() -> None:
    record = backprop.forward_backward(chinese(backprop.MAX_VOCABULARY), SEED)
    assert backprop.tensor_view(record, "W2").shape == (64, 128)
    assert backprop.tensor_view(record, "C").shape == (128, 10)
    with pytest.raises(UserError, match="max_vocabulary to at most 999"):
        backprop.forward_backward(chinese(backprop.MAX_VOCABULARY + 1), SEED)


def test_a_text_that_is_too_short_is_refused() -> None:
    with pytest.raises(UserError, match="too short"):
        backprop.forward_backward(from_text("abc"), SEED)
