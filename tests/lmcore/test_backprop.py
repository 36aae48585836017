import numpy as np
import plotly.graph_objects as go
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lmcore import figures
from lmcore.data.corpora import Corpus, from_text
from lmcore.errors import UserError
from lmcore.inspection import backprop
from lmcore.inspection.backprop import BACKWARD, QUESTIONS, RULES, Pass
from lmcore.inspection.expressions import evaluate

SEED = 2147483647
NAMES = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 20)
RUNNING = from_text("It was the best of times, it was the worst of times; it was the age of wisdom. " * 5)
TITLES = [question.title for question in QUESTIONS]


@pytest.fixture(scope="module")
def record() -> Pass:
    return backprop.forward_backward(NAMES, SEED)


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
    assert list(record.steps) == list(oracle)
    assert len(BACKWARD) == 26
    for name, step in record.steps.items():
        assert step.value.dtype == torch.float64
        assert torch.allclose(step.value, oracle[name], rtol=0, atol=1e-12), name
        assert step.gradient.shape == step.value.shape, name
        assert (step.gradient - oracle[name].grad).abs().max() < 1e-12, name
        assert torch.equal(step.autograd, oracle[name].grad), name


@pytest.mark.parametrize("seed", [SEED, 1, 2])
@pytest.mark.parametrize("question", QUESTIONS[-2:], ids=TITLES[-2:])
def test_cross_entropy_and_batch_norm_in_one_expression_are_autograd(question: backprop.Question, seed: int) -> None:
    record = backprop.forward_backward(NAMES, seed)
    gradient = evaluate(question.rule.gradient, backprop.names_for(record, question))
    assert (gradient - lecture(NAMES, seed)[question.rule.name].grad).abs().max() < 1e-12


def test_the_net_is_that_of_the_lecture(names: Corpus) -> None:
    steps = backprop.forward_backward(names, SEED).steps
    parameters = [step.value for step in steps.values() if "randn" in step.rule.forward]
    assert len(parameters) == 7
    assert sum(parameter.numel() for parameter in parameters) == 4137
    for name, step in steps.items():
        if "randn" in step.rule.forward:
            drawn = step.rule.forward.replace("torch.randn", "torch.ones")
            assert evaluate(drawn, {"V": 27}).shape == step.value.shape, name


def test_what_batch_norm_and_softmax_undo_has_no_gradient(record: Pass) -> None:
    for name in ("b1", "logit_maxes"):
        assert record.steps[name].gradient.abs().max() < 1e-15
    for name in set(BACKWARD) - {"b1", "logit_maxes"}:
        assert record.steps[name].gradient.abs().max() > 1e-5


# ---------------------------------------------------------------- the exam


@pytest.mark.parametrize("question", QUESTIONS, ids=TITLES)
def test_the_answer_to_every_question_is_right(record: Pass, question: backprop.Question) -> None:
    verdict = backprop.grade(record, question, question.rule.gradient)
    assert verdict.is_right
    assert verdict.difference < 1e-12
    assert question.rule.hint.endswith(".")
    assert question.rule.why.endswith(".")


@pytest.mark.parametrize("question", QUESTIONS, ids=TITLES)
def test_what_is_asked_for_may_not_be_named(record: Pass, question: backprop.Question) -> None:
    with pytest.raises(UserError, match=f"d{question.rule.name} is not known"):
        backprop.grade(record, question, f"d{question.rule.name}")
    names = backprop.names_for(record, question)
    assert {"n", "V", "Xb", "Yb", "C", "loss"} < names.keys()
    assert not {f"d{name}" for name in BACKWARD[BACKWARD.index(question.rule.name) :]} & names.keys()


def test_the_questions_go_back_from_the_loss_and_end_with_the_two_at_once() -> None:
    assert TITLES[:2] == ["dlogprobs", "dprobs"]
    assert TITLES[25:] == ["dC", "dlogits at once", "dhprebn at once"]
    assert not QUESTIONS[26].known
    assert QUESTIONS[27].known[-1] == "hpreact"
    assert QUESTIONS[4].lines == ("counts_sum = counts.sum(1, keepdims=True)", "probs = counts * counts_sum_inv")
    assert [line.split()[0] for line in QUESTIONS[27].lines] == [
        *("bnmeani", "bndiff", "bndiff2", "bnvar", "bnvar_inv", "bnraw", "hpreact")
    ]


@pytest.mark.parametrize(
    ("title", "answer", "kind", "difference", "where"),
    [
        ("dlogprobs", "-F.one_hot(Yb, V) / n", "exact", 0, (0, 0)),
        ("dprobs", "dlogprobs * 3 / probs / 3", "approximate", None, None),
        ("dlogits", "dnorm_logits", "approximate", None, None),
        ("dh", "(dlogits @ W2.T).T", "wrong shape", np.inf, ()),
        ("dbnmeani", "-dbndiff.sum(0)", "wrong shape", np.inf, ()),
        ("db2", "dlogits.sum()", "wrong shape", np.inf, ()),
        ("dW2", "h.T @ dlogits + 2 * F.one_hot(range(64), 64)[:, 5:6] * F.one_hot(range(V), V)[3]", "wrong", 2, (5, 3)),
        ("dhpreact", "dh * (1 - h**2) * 1.001", "wrong", None, None),
    ],
)
def test_an_answer_is_graded(
    record: Pass, title: str, answer: str, kind: str, difference: float | None, where: tuple[int, ...] | None
) -> None:
    verdict = backprop.grade(record, QUESTIONS[TITLES.index(title)], answer)
    assert verdict.kind == kind
    assert verdict.is_right == (kind in ("exact", "approximate"))
    if kind == "approximate":
        assert 0 < verdict.difference < 1e-12
    if difference is not None:
        assert verdict.difference == pytest.approx(difference)
        assert verdict.where == where
    assert (verdict.shape == verdict.expected) == (kind != "wrong shape")


# ---------------------------------------------------------------- what is drawn


def test_a_stage_has_the_numbers_of_its_tensor_and_a_label_for_each(record: Pass) -> None:
    for name, step in record.steps.items():
        stage = backprop.stage(record, name)
        assert stage.shape == (len(stage.rows), len(stage.columns))
        assert np.array_equal(stage.value.ravel(), step.value.numpy().ravel()), name
        assert np.array_equal(stage.gradient.ravel(), step.gradient.numpy().ravel()), name
    logits = backprop.stage(record, "logits")
    context, target = record.Xb[7].tolist(), record.Yb[7].item()
    assert logits.rows[7] == "".join(record.labels[i] for i in context) + "→" + record.labels[target]
    assert logits.columns == list(NAMES.vocabulary.labels)
    assert backprop.stage(record, "emb").columns[:11][-1] == "2·0"


def test_a_drawn_tensor_names_only_as_many_columns_as_one_can_read(record: Pass) -> None:
    for name in record.steps:
        stage = backprop.stage(record, name)
        for gradient in (False, True):
            drawn = go.Figure(figures.step_tensor(stage, gradient).to_dict())  # which checks every property
            named = drawn.layout.xaxis.tickvals
            assert drawn.layout.xaxis.ticktext == tuple(stage.columns[at] for at in named)
            assert sum(len(stage.columns[at]) for at in named) <= 32
            assert list(drawn.data[0].customdata[-1]) == stage.columns
            assert drawn.data[0].zmax == np.abs(stage.gradient if gradient else stage.value).max(initial=1e-12)
    assert len(figures.step_tensor(backprop.stage(record, "logits")).layout.xaxis.tickvals) == len(record.labels)


def test_shapes_are_told_once_of_tensors_only(record: Pass) -> None:
    assert backprop.shapes(record, "(h * dh).sum(0) / n + h") == ["h (32, 64)", "dh (32, 64)"]


def test_a_large_vocabulary_is_cut_when_drawn_and_a_larger_one_refused() -> None:
    def chinese(V: int) -> Corpus:
        return from_text("".join(chr(0x4E00 + i) for i in range(V)) * 2)

    record = backprop.forward_backward(chinese(backprop.MAX_CHARACTERS), SEED)
    assert all(backprop.grade(record, question, question.rule.gradient).is_right for question in QUESTIONS)
    assert backprop.stage(record, "W2").shape == (64, 128)
    assert backprop.stage(record, "C").shape == (128, 10)
    with pytest.raises(UserError, match="at most 999"):
        backprop.forward_backward(chinese(backprop.MAX_CHARACTERS + 1), SEED)


def test_a_text_too_short_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="too short"):
        backprop.forward_backward(from_text("abc"), SEED)
