"""Backpropagation by hand: a BatchNorm MLP on one small batch, tensor by tensor, and an exam on its gradients.

The net and the names of its tensors are those of Andrej Karpathy's lecture "Becoming a backprop ninja" (makemore,
part 4). Dimensions: n = 32 examples, T = 3 characters of context, E = 10 numbers an embedding, H = 64 hidden units,
V characters in the vocabulary. The loss is in nats per character.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from torch import Tensor

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection.expressions import evaluate
from lmcore.inspection.neural_bigram import Stage

BATCH, CONTEXT, EMBEDDING, HIDDEN = 32, 3, 10, 64
MAX_CHARACTERS = 1000  # of a vocabulary whose gradients fit into an expression's bounds
MAX_DRAWN = 128  # rows, and columns, of a tensor


@dataclass(frozen=True)
class Rule:
    """How a tensor comes about, and how the gradient of the loss with respect to it does."""

    name: str
    axes: str  # one letter a dimension, "" for a number
    forward: str  # an expression; for a parameter, how it is drawn
    gradient: str  # an expression
    hint: str  # markdown
    why: str  # how the gradient's shape follows; markdown


RULES = (
    Rule(
        "C",
        "V E",
        "torch.randn(V, 10)",
        "F.one_hot(Xb, V).view(-1, V).T @ demb.view(-1, 10)",
        "`C[Xb]` is `F.one_hot(Xb, V) @ C`, a matrix product. "
        "So each row of `dC` adds up the rows of `demb` that were copied from it.",
        "The one-hot characters as (96, V), transposed, times demb as (96, 10): (V, 96) @ (96, 10) is (V, 10).",
    ),
    Rule(
        "emb",
        "n T E",
        "C[Xb]",
        "dembcat.view(emb.shape)",
        "`view` moves no number; give `dembcat` the shape of `emb` again.",
        "dembcat (32, 30) holds the same 960 numbers as (32, 3, 10).",
    ),
    Rule(
        "b1",
        "H",
        "torch.randn(64) * 0.1",
        "dhprebn.sum(0)",
        "`b1` is added to every row, so its gradient is the sum over the rows.",
        "b1 (64,) was repeated for 32 rows, so dhprebn (32, 64) is summed over them. "
        "It comes to zero: BatchNorm takes away again whatever b1 adds.",
    ),
    Rule(
        "W1",
        "TE H",
        "torch.randn(30, 64) * (5/3) / 30**0.5",
        "embcat.T @ dhprebn",
        "For `y = x @ W` the gradient is `dW = x.T @ dy`; the shapes leave no other choice.",
        "From embcat (32, 30) and dhprebn (32, 64) only (30, 32) @ (32, 64) makes (30, 64).",
    ),
    Rule(
        "embcat",
        "n TE",
        "emb.view(n, -1)",
        "dhprebn @ W1.T",
        "For `y = x @ W` the gradient is `dx = dy @ W.T`; the shapes leave no other choice.",
        "From dhprebn (32, 64) and W1 (30, 64) only (32, 64) @ (64, 30) makes (32, 30).",
    ),
    Rule(
        "hprebn",
        "n H",
        "embcat @ W1 + b1",
        "dbndiff + dbnmeani / n",
        "`hprebn` is used twice, in `bndiff` and in `bnmeani`: add what comes back from both. "
        "A mean gives each of its n numbers 1/n.",
        "dbndiff is (32, 64); dbnmeani (1, 64) is repeated for every row.",
    ),
    Rule(
        "bnmeani",
        "1 H",
        "1/n * hprebn.sum(0, keepdim=True)",
        "-dbndiff.sum(0, keepdim=True)",
        "`bnmeani` is subtracted from every row: minus the sum over the rows.",
        "bnmeani (1, 64) was repeated for 32 rows, so dbndiff (32, 64) is summed over them; keepdim keeps the 1.",
    ),
    Rule(
        "bndiff",
        "n H",
        "hprebn - bnmeani",
        "bnvar_inv * dbnraw + 2 * bndiff * dbndiff2",
        "`bndiff` is used twice, in `bnraw` and in `bndiff2`: add what comes back from both. "
        "The derivative of x² is 2x.",
        "Both products have dbnraw's and dbndiff2's shape (32, 64); bnvar_inv (1, 64) is repeated for every row.",
    ),
    Rule(
        "bndiff2",
        "n H",
        "bndiff**2",
        "torch.ones_like(bndiff2) * dbnvar / (n - 1)",
        "A sum passes its gradient on to each number that it added; "
        "`torch.ones_like(bndiff2)` repeats it for every row.",
        "The sum made (1, 64) of (32, 64), so dbnvar (1, 64) is repeated for 32 rows.",
    ),
    Rule(
        "bnvar",
        "1 H",
        "1/(n-1) * bndiff2.sum(0, keepdim=True)",
        "-0.5 * (bnvar + 1e-5)**-1.5 * dbnvar_inv",
        "The derivative of x to the power of p is p times x to the power of p − 1.",
        "Number by number, so dbnvar_inv's shape (1, 64) stays.",
    ),
    Rule(
        "bnvar_inv",
        "1 H",
        "(bnvar + 1e-5)**-0.5",
        "(bndiff * dbnraw).sum(0, keepdim=True)",
        "For `y = a * b` the gradient is `da = b * dy`; where `a` was repeated for every row, sum over the rows.",
        "bnvar_inv (1, 64) was repeated for 32 rows, so the product (32, 64) is summed over them.",
    ),
    Rule(
        "bnraw",
        "n H",
        "bndiff * bnvar_inv",
        "bngain * dhpreact",
        "For `y = a * b` the gradient is `db = a * dy`.",
        "bngain (1, 64) is repeated for every row of dhpreact (32, 64).",
    ),
    Rule(
        "bnbias",
        "1 H",
        "torch.randn(1, 64) * 0.1",
        "dhpreact.sum(0, keepdim=True)",
        "`bnbias` is added to every row: sum over the rows.",
        "bnbias (1, 64) was repeated for 32 rows, so dhpreact (32, 64) is summed over them; keepdim keeps the 1.",
    ),
    Rule(
        "bngain",
        "1 H",
        "torch.randn(1, 64) * 0.1 + 1",
        "(bnraw * dhpreact).sum(0, keepdim=True)",
        "For `y = a * b` the gradient is `da = b * dy`; where `a` was repeated for every row, sum over the rows.",
        "bngain (1, 64) was repeated for 32 rows, so the product (32, 64) is summed over them.",
    ),
    Rule(
        "hpreact",
        "n H",
        "bngain * bnraw + bnbias",
        "(1 - h**2) * dh",
        "The derivative of tanh(x) is 1 − tanh(x)², and tanh(hpreact) is `h`.",
        "Number by number, so dh's shape (32, 64) stays.",
    ),
    Rule(
        "b2",
        "V",
        "torch.randn(V) * 0.1",
        "dlogits.sum(0)",
        "`b2` is added to every row, so its gradient is the sum over the rows.",
        "b2 (V,) was repeated for 32 rows, so dlogits (32, V) is summed over them.",
    ),
    Rule(
        "W2",
        "H V",
        "torch.randn(64, V) * 0.1",
        "h.T @ dlogits",
        "For `y = x @ W` the gradient is `dW = x.T @ dy`; the shapes leave no other choice.",
        "From h (32, 64) and dlogits (32, V) only (64, 32) @ (32, V) makes (64, V).",
    ),
    Rule(
        "h",
        "n H",
        "torch.tanh(hpreact)",
        "dlogits @ W2.T",
        "For `y = x @ W` the gradient is `dx = dy @ W.T`; the shapes leave no other choice.",
        "From dlogits (32, V) and W2 (64, V) only (32, V) @ (V, 64) makes (32, 64).",
    ),
    Rule(
        "logits",
        "n V",
        "h @ W2 + b2",
        "dnorm_logits + F.one_hot(logits.max(1).indices, V) * dlogit_maxes",
        "`logits` is used twice, in `norm_logits` and in `logit_maxes`: add what comes back from both. "
        "A maximum passes its gradient on to the place it came from, `F.one_hot(logits.max(1).indices, V)`.",
        "The one-hot places (32, V) times dlogit_maxes (32, 1), which is repeated for every column.",
    ),
    Rule(
        "logit_maxes",
        "n 1",
        "logits.max(1, keepdim=True).values",
        "-dnorm_logits.sum(1, keepdim=True)",
        "`logit_maxes` is subtracted from every column: minus the sum over the columns.",
        "logit_maxes (32, 1) was repeated for V columns, so dnorm_logits (32, V) is summed over them. "
        "It comes to zero: the softmax does not notice what is subtracted from a whole row.",
    ),
    Rule(
        "norm_logits",
        "n V",
        "logits - logit_maxes",
        "counts * dcounts",
        "The derivative of exp(x) is exp(x), and exp(norm_logits) is `counts`.",
        "Number by number, so dcounts' shape (32, V) stays.",
    ),
    Rule(
        "counts",
        "n V",
        "norm_logits.exp()",
        "counts_sum_inv * dprobs + dcounts_sum",
        "`counts` is used twice, in `probs` and in `counts_sum`: add what comes back from both.",
        "counts_sum_inv and dcounts_sum, (32, 1), are repeated for every column of dprobs (32, V).",
    ),
    Rule(
        "counts_sum",
        "n 1",
        "counts.sum(1, keepdims=True)",
        "-counts_sum**-2 * dcounts_sum_inv",
        "The derivative of 1/x is −1/x².",
        "Number by number, so dcounts_sum_inv's shape (32, 1) stays.",
    ),
    Rule(
        "counts_sum_inv",
        "n 1",
        "counts_sum**-1",
        "(counts * dprobs).sum(1, keepdim=True)",
        "For `y = a * b` the gradient is `db = a * dy`; where `b` was repeated for every column, sum over the columns.",
        "counts_sum_inv (32, 1) was repeated for V columns, so the product (32, V) is summed over them.",
    ),
    Rule(
        "probs",
        "n V",
        "counts * counts_sum_inv",
        "dlogprobs / probs",
        "The derivative of log(x) is 1/x.",
        "Number by number, so dlogprobs' shape (32, V) stays.",
    ),
    Rule(
        "logprobs",
        "n V",
        "probs.log()",
        "-F.one_hot(Yb, V) / n",
        "The loss is minus the mean of the n numbers at `[range(n), Yb]`; no other number matters. "
        "`F.one_hot(Yb, V)` is 1 in these places and 0 elsewhere.",
        "A gradient has the shape of its tensor: (32, V), though only one number a row is not zero.",
    ),
    Rule(
        "loss",
        "",
        "-logprobs[range(n), Yb].mean()",
        "torch.ones_like(loss)",
        "A change of the loss changes the loss by as much.",
        "The loss is one number.",
    ),
)
"""In the order of the forward pass; backwards, each gradient needs only those before it."""

BACKWARD = tuple(rule.name for rule in reversed(RULES) if rule.name != "loss")

CROSS_ENTROPY = Rule(
    "logits",
    "n V",
    "h @ W2 + b2",
    "(F.softmax(logits, 1) - F.one_hot(Yb, V)) / n",
    "Write the loss of one row as `log(sum(exp(logits))) - logits[Yb]` and differentiate that: "
    "the softmax, less 1 at the right character.",
    "softmax and one-hot both have the shape of logits, (32, V).",
)
BATCHNORM = Rule(
    "hprebn",
    "n H",
    "embcat @ W1 + b1",
    "bngain * bnvar_inv / n * (n*dhpreact - dhpreact.sum(0) - n/(n-1) * bnraw * (dhpreact*bnraw).sum(0))",
    "Put the formulas of `dbnraw`, `dbnvar`, `dbnmeani` and `dhprebn` into one another. "
    "`bngain * bnvar_inv / n` stands before three terms: `n * dhpreact`, less the sum of `dhpreact` over the rows, "
    "less `n/(n-1) * bnraw` times the sum of `dhpreact * bnraw`.",
    "Both sums over the rows are (64,) and are repeated for every row of dhpreact (32, 64).",
)


@dataclass(frozen=True, eq=False)
class Step:
    """One tensor of the pass, with the gradient of the loss by its rule and by autograd."""

    rule: Rule
    value: Tensor
    gradient: Tensor
    autograd: Tensor


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward and backward pass on a batch."""

    steps: dict[str, Step]  # by name, in the order of the forward pass
    Xb: Tensor  # (n, T), characters of the contexts
    Yb: Tensor  # (n,), the characters that follow
    labels: tuple[str, ...]  # (V,)

    @property
    def constants(self) -> dict[str, Tensor | int]:
        """What every expression may name."""
        return {"n": BATCH, "V": len(self.labels), "Xb": self.Xb, "Yb": self.Yb}


def forward_backward(corpus: Corpus, seed: int) -> Pass:
    """A pass of an untrained net on a batch of the training split, in double precision, every rule applied in turn.

    Args:
        seed: of the one generator that draws the parameters, then the batch.

    Raises:
        UserError: if the text is too short or its vocabulary too large.
    """
    V = len(corpus.vocabulary)
    if V > MAX_CHARACTERS:
        raise UserError(
            f"The vocabulary has {V:,} characters, too many to look at. Set 'Max vocabulary' to at most "
            f"{MAX_CHARACTERS - 1}."
        )
    windows = corpus.windows("train", CONTEXT)
    generator = torch.Generator().manual_seed(seed)
    tensors = {name: value.requires_grad_() for name, value in _parameters(V, generator).items()}
    chosen = torch.randint(0, len(windows.Y), (BATCH,), generator=generator).numpy()
    Xb, Yb = (torch.from_numpy(part[chosen]).long() for part in windows)
    batch = Pass({}, Xb, Yb, corpus.vocabulary.labels)

    for rule in RULES:
        if rule.name not in tensors:
            tensors[rule.name] = evaluate(rule.forward, batch.constants | tensors)
            tensors[rule.name].retain_grad()
    tensors["loss"].backward()  # type: ignore[no-untyped-call]
    values = {name: tensor.detach() for name, tensor in tensors.items()}

    gradients: dict[str, Tensor] = {}
    for rule in reversed(RULES):
        gradients[f"d{rule.name}"] = evaluate(rule.gradient, batch.constants | values | gradients)

    for rule in RULES:
        autograd = tensors[rule.name].grad
        assert autograd is not None
        batch.steps[rule.name] = Step(rule, values[rule.name], gradients[f"d{rule.name}"], autograd)
    return batch


def _parameters(V: int, generator: torch.Generator) -> dict[str, Tensor]:
    def randn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).double()

    return {
        "C": randn(V, EMBEDDING),
        "W1": randn(CONTEXT * EMBEDDING, HIDDEN) * (5 / 3) / (CONTEXT * EMBEDDING) ** 0.5,
        "b1": randn(HIDDEN) * 0.1,
        "W2": randn(HIDDEN, V) * 0.1,
        "b2": randn(V) * 0.1,
        "bngain": randn(1, HIDDEN) * 0.1 + 1,
        "bnbias": randn(1, HIDDEN) * 0.1,
    }


def stage(record: Pass, name: str) -> Stage:
    """A tensor of the pass as rows and columns with labels, at most the first 128 of each."""
    step = record.steps[name]
    letters = record.labels
    examples = [
        f"{''.join(letters[i] for i in context)}→{letters[target]}"
        for context, target in zip(record.Xb.tolist(), record.Yb.tolist(), strict=True)
    ]
    positions = [f"{t}·{e}" for t in range(1, CONTEXT + 1) for e in range(EMBEDDING)]
    numbers = [str(unit) for unit in range(HIDDEN)]
    labels = {"n": examples, "TE": positions, "E": numbers[:EMBEDDING], "H": numbers, "V": [*letters], "1": [name]}
    axes = ["1"] * (2 - len(step.rule.axes.split())) + step.rule.axes.split()
    rows, columns = labels[axes[0]], labels["".join(axes[1:])]
    value, gradient = (
        tensor.reshape(len(rows), len(columns))[:MAX_DRAWN, :MAX_DRAWN].numpy()
        for tensor in (step.value, step.gradient)
    )
    return Stage(name, step.rule.forward, value, gradient, rows[:MAX_DRAWN], columns[:MAX_DRAWN])


def shapes(record: Pass, expression: str) -> list[str]:
    """The tensors that an expression names, each with its shape."""
    known = record.constants
    for name, step in record.steps.items():
        known |= {name: step.value, f"d{name}": step.gradient}
    used = {name: known.get(name) for name in re.findall(r"[A-Za-z]\w*", expression)}
    return [f"{name} {tuple(tensor.shape)}" for name, tensor in used.items() if isinstance(tensor, Tensor)]


def overview(record: Pass) -> pd.DataFrame:
    """The whole pass, a row a tensor; "from autograd" is the largest distance from autograd's gradient."""
    return pd.DataFrame(
        {
            "tensor": name,
            "shape": str(tuple(step.value.shape)),
            "from autograd": float((step.gradient - step.autograd).abs().max()),
            "forward": step.rule.forward,
            "gradient": step.rule.gradient,
        }
        for name, step in record.steps.items()
    )


# ---------------------------------------------------------------- the exam


@dataclass(frozen=True)
class Question:
    """A gradient to write down."""

    title: str
    rule: Rule
    known: tuple[str, ...]  # tensors whose gradients may be used
    lines: tuple[str, ...]  # of the forward pass, that the gradient flows back through


def _lines(names: Iterable[str]) -> tuple[str, ...]:
    forward = {rule.name: rule.forward for rule in RULES}
    return tuple(f"{name} = {forward[name]}" for name in names)


def _users(name: str) -> list[str]:
    return [rule.name for rule in RULES if name in re.findall(r"\w+", rule.forward)]


QUESTIONS = (
    *(
        Question(f"d{rule.name}", rule, BACKWARD[:at], _lines(_users(rule.name)))
        for at, rule in enumerate(reversed(RULES[:-1]))
    ),
    Question("dlogits at once", CROSS_ENTROPY, (), _lines([*reversed(BACKWARD[: BACKWARD.index("logits")]), "loss"])),
    Question(
        "dhprebn at once",
        BATCHNORM,
        BACKWARD[: BACKWARD.index("bngain")],
        _lines(name for name in reversed(BACKWARD) if name.startswith("bn") and name not in ("bngain", "bnbias"))
        + _lines(["hpreact"]),
    ),
)
"""One for each gradient, from the loss back to C; then cross-entropy and BatchNorm, each in one expression."""


def names_for(record: Pass, question: Question) -> dict[str, Tensor | int]:
    """What an answer may name: all of the forward pass, and the gradients that are known by then."""
    values = {name: step.value for name, step in record.steps.items()}
    gradients = {f"d{name}": record.steps[name].autograd for name in question.known}
    return record.constants | values | gradients


@dataclass(frozen=True)
class Verdict:
    """How an answer compares with autograd."""

    kind: Literal["exact", "approximate", "wrong", "wrong shape"]
    shape: tuple[int, ...]  # of the answer
    expected: tuple[int, ...]
    difference: float  # the largest, in absolute value; of a wrong shape, infinite
    where: tuple[int, ...]  # the index of that difference

    @property
    def is_right(self) -> bool:
        """Whether the answer passes."""
        return self.kind in ("exact", "approximate")


def grade(record: Pass, question: Question, answer: str) -> Verdict:
    """Compares a typed answer with autograd: exact is bit by bit, approximate what ``torch.allclose`` lets pass.

    Raises:
        UserError: if the answer cannot be worked out.
    """
    given = evaluate(answer, names_for(record, question))
    right = record.steps[question.rule.name].autograd
    shape, expected = tuple(given.shape), tuple(right.shape)
    if shape != expected:
        return Verdict("wrong shape", shape, expected, float("inf"), ())
    apart = (given - right).abs()
    at = int(apart.argmax())
    where = tuple(int(i) for i in torch.unravel_index(torch.tensor(at), apart.shape))
    kind: Literal["exact", "approximate", "wrong"] = (
        "exact" if torch.equal(given, right) else "approximate" if torch.allclose(given, right) else "wrong"
    )
    return Verdict(kind, shape, expected, float(apart.flatten()[at]), where)
