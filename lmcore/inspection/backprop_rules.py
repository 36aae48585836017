"""The forward pass of a BatchNorm MLP, tensor by tensor, and the gradient of each tensor, as expressions.

The network and the names of its tensors are those of Andrej Karpathy's lecture "Becoming a backprop ninja" (makemore,
part 4). Dimensions: n = 32 examples, T = 3 characters of context, E = 10 components per embedding, H = 64 hidden
units, V characters in the vocabulary.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """How a tensor is computed, and how the gradient of the loss with respect to it is computed."""

    name: str
    axes: str  # one letter per dimension, "" for a scalar
    forward: str  # an expression; for a parameter, its initialization
    gradient: str  # an expression
    hint: str  # Markdown
    shape_note: str  # why the gradient has this shape; Markdown


RULES = (
    Rule(
        "C",
        "V E",
        "torch.randn(V, 10)",
        "F.one_hot(Xb, V).view(-1, V).T @ demb.view(-1, 10)",
        "`C[Xb]` is `F.one_hot(Xb, V) @ C`, a matrix product, "
        "so each row of `dC` is the sum of the rows of `demb` that were copied from it.",
        "The one-hot characters as (96, V), transposed, times demb as (96, 10): (V, 96) @ (96, 10) is (V, 10).",
    ),
    Rule(
        "emb",
        "n T E",
        "C[Xb]",
        "dembcat.view(emb.shape)",
        "`view` only changes the shape, so change the shape of `dembcat` back to that of `emb`.",
        "dembcat (32, 30) has the same 960 numbers as (32, 3, 10).",
    ),
    Rule(
        "b1",
        "H",
        "torch.randn(64) * 0.1",
        "dhprebn.sum(0)",
        "`b1` is added to every row, so its gradient is the sum over the rows.",
        "b1 (64,) was broadcast over 32 rows, so dhprebn (32, 64) is summed over them. "
        "The sum is zero: BatchNorm subtracts whatever b1 adds.",
    ),
    Rule(
        "W1",
        "TE H",
        "torch.randn(30, 64) * (5/3) / 30**0.5",
        "embcat.T @ dhprebn",
        "For `y = x @ W` the gradient is `dW = x.T @ dy`; no other product has the right shape.",
        "Of embcat (32, 30) and dhprebn (32, 64), only (30, 32) @ (32, 64) gives (30, 64).",
    ),
    Rule(
        "embcat",
        "n TE",
        "emb.view(n, -1)",
        "dhprebn @ W1.T",
        "For `y = x @ W` the gradient is `dx = dy @ W.T`; no other product has the right shape.",
        "Of dhprebn (32, 64) and W1 (30, 64), only (32, 64) @ (64, 30) gives (32, 30).",
    ),
    Rule(
        "hprebn",
        "n H",
        "embcat @ W1 + b1",
        "dbndiff + dbnmeani / n",
        "`hprebn` is used twice, in `bndiff` and in `bnmeani`: add the two gradients. "
        "A mean passes 1/n of its gradient to each of its n terms.",
        "dbndiff is (32, 64); dbnmeani (1, 64) is broadcast over the rows.",
    ),
    Rule(
        "bnmeani",
        "1 H",
        "1/n * hprebn.sum(0, keepdim=True)",
        "-dbndiff.sum(0, keepdim=True)",
        "`bnmeani` is subtracted from every row, so its gradient is minus the sum over the rows.",
        "bnmeani (1, 64) was broadcast over 32 rows, so dbndiff (32, 64) is summed over them; keepdim keeps the 1.",
    ),
    Rule(
        "bndiff",
        "n H",
        "hprebn - bnmeani",
        "bnvar_inv * dbnraw + 2 * bndiff * dbndiff2",
        "`bndiff` is used twice, in `bnraw` and in `bndiff2`: add the two gradients. The derivative of x² is 2x.",
        "Both products have the shape (32, 64) of dbnraw and dbndiff2; bnvar_inv (1, 64) is broadcast over the rows.",
    ),
    Rule(
        "bndiff2",
        "n H",
        "bndiff**2",
        "torch.ones_like(bndiff2) * dbnvar / (n - 1)",
        "A sum passes its gradient to each of its terms; `torch.ones_like(bndiff2)` repeats it for every row.",
        "The sum turned (32, 64) into (1, 64), so dbnvar (1, 64) is broadcast over 32 rows.",
    ),
    Rule(
        "bnvar",
        "1 H",
        "1/(n-1) * bndiff2.sum(0, keepdim=True)",
        "-0.5 * (bnvar + 1e-5)**-1.5 * dbnvar_inv",
        "The derivative of x to the power p is p times x to the power p − 1.",
        "Elementwise, so the shape (1, 64) of dbnvar_inv does not change.",
    ),
    Rule(
        "bnvar_inv",
        "1 H",
        "(bnvar + 1e-5)**-0.5",
        "(bndiff * dbnraw).sum(0, keepdim=True)",
        "For `y = a * b` the gradient is `da = b * dy`; where `a` was broadcast over the rows, sum over the rows.",
        "bnvar_inv (1, 64) was broadcast over 32 rows, so the product (32, 64) is summed over them.",
    ),
    Rule(
        "bnraw",
        "n H",
        "bndiff * bnvar_inv",
        "bngain * dhpreact",
        "For `y = a * b` the gradient is `db = a * dy`.",
        "bngain (1, 64) is broadcast over the rows of dhpreact (32, 64).",
    ),
    Rule(
        "bnbias",
        "1 H",
        "torch.randn(1, 64) * 0.1",
        "dhpreact.sum(0, keepdim=True)",
        "`bnbias` is added to every row, so its gradient is the sum over the rows.",
        "bnbias (1, 64) was broadcast over 32 rows, so dhpreact (32, 64) is summed over them; keepdim keeps the 1.",
    ),
    Rule(
        "bngain",
        "1 H",
        "torch.randn(1, 64) * 0.1 + 1",
        "(bnraw * dhpreact).sum(0, keepdim=True)",
        "For `y = a * b` the gradient is `da = b * dy`; where `a` was broadcast over the rows, sum over the rows.",
        "bngain (1, 64) was broadcast over 32 rows, so the product (32, 64) is summed over them.",
    ),
    Rule(
        "hpreact",
        "n H",
        "bngain * bnraw + bnbias",
        "(1 - h**2) * dh",
        "The derivative of tanh(x) is 1 − tanh(x)², and tanh(hpreact) is `h`.",
        "Elementwise, so the shape (32, 64) of dh does not change.",
    ),
    Rule(
        "b2",
        "V",
        "torch.randn(V) * 0.1",
        "dlogits.sum(0)",
        "`b2` is added to every row, so its gradient is the sum over the rows.",
        "b2 (V,) was broadcast over 32 rows, so dlogits (32, V) is summed over them.",
    ),
    Rule(
        "W2",
        "H V",
        "torch.randn(64, V) * 0.1",
        "h.T @ dlogits",
        "For `y = x @ W` the gradient is `dW = x.T @ dy`; no other product has the right shape.",
        "Of h (32, 64) and dlogits (32, V), only (64, 32) @ (32, V) gives (64, V).",
    ),
    Rule(
        "h",
        "n H",
        "torch.tanh(hpreact)",
        "dlogits @ W2.T",
        "For `y = x @ W` the gradient is `dx = dy @ W.T`; no other product has the right shape.",
        "Of dlogits (32, V) and W2 (64, V), only (32, V) @ (V, 64) gives (32, 64).",
    ),
    Rule(
        "logits",
        "n V",
        "h @ W2 + b2",
        "dnorm_logits + F.one_hot(logits.max(1).indices, V) * dlogit_maxes",
        "`logits` is used twice, in `norm_logits` and in `logit_maxes`: add the two gradients. "
        "A maximum passes its gradient to the element it came from, `F.one_hot(logits.max(1).indices, V)`.",
        "The one-hot matrix (32, V) times dlogit_maxes (32, 1), which is broadcast over the columns.",
    ),
    Rule(
        "logit_maxes",
        "n 1",
        "logits.max(1, keepdim=True).values",
        "-dnorm_logits.sum(1, keepdim=True)",
        "`logit_maxes` is subtracted from every column, so its gradient is minus the sum over the columns.",
        "logit_maxes (32, 1) was broadcast over V columns, so dnorm_logits (32, V) is summed over them. "
        "The sum is zero: subtracting a constant from a row does not change its softmax.",
    ),
    Rule(
        "norm_logits",
        "n V",
        "logits - logit_maxes",
        "counts * dcounts",
        "The derivative of exp(x) is exp(x), and exp(norm_logits) is `counts`.",
        "Elementwise, so the shape (32, V) of dcounts does not change.",
    ),
    Rule(
        "counts",
        "n V",
        "norm_logits.exp()",
        "counts_sum_inv * dprobs + dcounts_sum",
        "`counts` is used twice, in `probs` and in `counts_sum`: add the two gradients.",
        "counts_sum_inv and dcounts_sum, both (32, 1), are broadcast over the columns of dprobs (32, V).",
    ),
    Rule(
        "counts_sum",
        "n 1",
        "counts.sum(1, keepdims=True)",
        "-counts_sum**-2 * dcounts_sum_inv",
        "The derivative of 1/x is −1/x².",
        "Elementwise, so the shape (32, 1) of dcounts_sum_inv does not change.",
    ),
    Rule(
        "counts_sum_inv",
        "n 1",
        "counts_sum**-1",
        "(counts * dprobs).sum(1, keepdim=True)",
        "For `y = a * b` the gradient is `db = a * dy`; where `b` was broadcast over the columns, sum over them.",
        "counts_sum_inv (32, 1) was broadcast over V columns, so the product (32, V) is summed over them.",
    ),
    Rule(
        "probs",
        "n V",
        "counts * counts_sum_inv",
        "dlogprobs / probs",
        "The derivative of log(x) is 1/x.",
        "Elementwise, so the shape (32, V) of dlogprobs does not change.",
    ),
    Rule(
        "logprobs",
        "n V",
        "probs.log()",
        "-F.one_hot(Yb, V) / n",
        "The loss is minus the mean of the n elements `[range(n), Yb]`; it does not depend on any other element. "
        "`F.one_hot(Yb, V)` is 1 at these elements and 0 elsewhere.",
        "A gradient has the shape of its tensor: (32, V), although only one element per row is not zero.",
    ),
    Rule(
        "loss",
        "",
        "-logprobs[range(n), Yb].mean()",
        "torch.ones_like(loss)",
        "The derivative of the loss with respect to itself is 1.",
        "The loss is a scalar.",
    ),
)
"""In the order of the forward pass. In reverse order, each gradient depends only on gradients already computed."""

BACKWARD = tuple(rule.name for rule in reversed(RULES) if rule.name != "loss")
"""Names of the tensors in the order of the backward pass."""

CROSS_ENTROPY = Rule(
    "logits",
    "n V",
    "h @ W2 + b2",
    "(F.softmax(logits, 1) - F.one_hot(Yb, V)) / n",
    "Write the loss of one row as `log(sum(exp(logits))) - logits[Yb]` and differentiate it: "
    "the softmax, minus 1 at the target character.",
    "The softmax and the one-hot matrix both have the shape of logits, (32, V).",
)
BATCH_NORM = Rule(
    "hprebn",
    "n H",
    "embcat @ W1 + b1",
    "bngain * bnvar_inv / n * (n*dhpreact - dhpreact.sum(0) - n/(n-1) * bnraw * (dhpreact*bnraw).sum(0))",
    "Substitute the formulas of `dbnraw`, `dbnvar`, `dbnmeani` and `dhprebn` into one another. "
    "The result is `bngain * bnvar_inv / n` times three terms: `n * dhpreact`, minus the sum of `dhpreact` over the "
    "rows, minus `n/(n-1) * bnraw` times the sum of `dhpreact * bnraw`.",
    "Both sums over the rows are (64,) and are broadcast over the rows of dhpreact (32, 64).",
)
