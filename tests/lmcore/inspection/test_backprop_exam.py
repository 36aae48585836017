import numpy as np
import pytest

from lmcore.data.corpora import from_text
from lmcore.errors import UserError
from lmcore.inspection import backprop
from lmcore.inspection.backprop import BackpropPass
from lmcore.inspection.backprop_exam import QUESTIONS, Question, allowed_names, grade
from lmcore.inspection.backprop_rules import BACKWARD

TITLES = [question.title for question in QUESTIONS]


@pytest.mark.parametrize("question", QUESTIONS, ids=TITLES)
def test_the_answer_to_every_question_is_right(backprop_pass: BackpropPass, question: Question) -> None:
    result = grade(backprop_pass, question, question.rule.gradient)
    assert result.passes
    assert result.difference < 1e-12
    assert question.rule.hint.endswith(".")
    assert question.rule.shape_note.endswith(".")


@pytest.mark.parametrize("question", QUESTIONS, ids=TITLES)
def test_the_gradient_in_question_cannot_be_used(backprop_pass: BackpropPass, question: Question) -> None:
    with pytest.raises(UserError, match=f"d{question.rule.name} is not known"):
        grade(backprop_pass, question, f"d{question.rule.name}")
    names = allowed_names(backprop_pass, question)
    assert {"n", "V", "Xb", "Yb", "C", "loss"} < names.keys()
    assert not {f"d{name}" for name in BACKWARD[BACKWARD.index(question.rule.name) :]} & names.keys()


def test_the_questions_go_back_from_the_loss_and_end_with_two_in_one_expression() -> None:
    assert TITLES[:2] == ["dlogprobs", "dprobs"]
    assert TITLES[25:] == ["dC", "dlogits in one expression", "dhprebn in one expression"]
    assert not QUESTIONS[26].known
    assert QUESTIONS[27].known[-1] == "hpreact"
    assert QUESTIONS[4].forward_lines == (
        "counts_sum = counts.sum(1, keepdims=True)",
        "probs = counts * counts_sum_inv",
    )
    assert [line.split()[0] for line in QUESTIONS[27].forward_lines] == [
        *("bnmeani", "bndiff", "bndiff2", "bnvar", "bnvar_inv", "bnraw", "hpreact")
    ]


@pytest.mark.parametrize(
    ("title", "answer", "kind", "difference", "index"),
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
    backprop_pass: BackpropPass,
    title: str,
    answer: str,
    kind: str,
    difference: float | None,
    index: tuple[int, ...] | None,
) -> None:
    result = grade(backprop_pass, QUESTIONS[TITLES.index(title)], answer)
    assert result.kind == kind
    assert result.passes == (kind in ("exact", "approximate"))
    if kind == "approximate":
        assert 0 < result.difference < 1e-12
    if difference is not None:
        assert result.difference == pytest.approx(difference)
        assert result.index == index
    assert (result.shape == result.expected_shape) == (kind != "wrong shape")


def test_the_largest_vocabulary_leaves_room_for_every_answer() -> None:
    corpus = from_text("".join(chr(0x4E00 + i) for i in range(backprop.MAX_VOCABULARY)) * 2)
    record = backprop.forward_backward(corpus, 1)
    assert all(grade(record, question, question.rule.gradient).passes for question in QUESTIONS)
