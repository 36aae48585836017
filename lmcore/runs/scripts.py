"""A run as a plain Python script and as a notebook: torch alone, the same generator and draws, so the same losses.

The code that is written here is what a teacher would put on the board for just this run: what the run does not use
is not in it, and settings that never change stand as numbers where they are used.
"""

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from lmcore.data import corpora, sources
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.models.mlp import MLPConfig, Scheme
from lmcore.models.neural_bigram import NeuralBigramConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.training.history import Change
from lmcore.training.training import RunConfig, TrainConfig, Trainer

SCRIPT, NOTEBOOK, TEXT = "experiment.py", "experiment.ipynb", "text.txt"
"""Names of the files."""


class Cell(NamedTuple):
    """A piece of a script, or a cell of a notebook."""

    kind: Literal["text", "code"]
    source: str


@dataclass(frozen=True)
class Experiment:
    """What is written down: a run's settings, what changed them on the way, and how many steps it took."""

    config: RunConfig  # as it was started
    changes: tuple[Change, ...]
    steps: int

    @classmethod
    def of(cls, config: Any, changes: Iterable[Change], step: int) -> "Experiment":
        """The experiment of a run at a step; of one that has not begun, all its steps.

        Raises:
            UserError: if there is no script for such a model.
        """
        if not isinstance(config, RunConfig) or type(config.model) not in (
            MLPConfig,
            NeuralBigramConfig,
            WaveNetConfig,
        ):
            raise UserError(
                "There is a script for the neural bigram, the MLP and the WaveNet only. Take the run's zip instead."
            )
        return cls(config, tuple(changes), step or config.train.steps)


def script(experiment: Experiment) -> str:
    """A Python script; the path of the text is its argument."""
    path = f'sys.argv[1] if len(sys.argv) > 1 else "{text_name(experiment.config.corpus)}"'
    pieces = []
    for cell in cells(experiment, path):
        comment = textwrap.indent(cell.source.removeprefix("# "), "# ", lambda line: True).replace("# \n", "#\n")
        pieces.append(f"{cell.source}\n\n\n" if cell.kind == "code" else f"{comment}\n\n")
    return "".join(pieces).rstrip() + "\n"


def notebook(experiment: Experiment) -> str:
    """A Jupyter notebook (format 4.5), as JSON; it expects the text beside it."""
    entries = []
    for number, cell in enumerate(cells(experiment, f'"{text_name(experiment.config.corpus)}"')):
        kind: dict[str, Any] = {"cell_type": "markdown"}
        if cell.kind == "code":
            kind = {"cell_type": "code", "execution_count": None, "outputs": []}
        entries.append(kind | {"id": f"cell-{number}", "metadata": {}, "source": cell.source.splitlines(True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": entries, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5},
        indent=1,
        ensure_ascii=False,
    )


def text_name(config: CorpusConfig) -> str:
    """The name of the file that holds the text of a run."""
    return f"{config.source}.txt" if config.source in _catalog() else TEXT


def text_of(config: CorpusConfig) -> str | None:
    """The text that goes along with a script; None for one of the catalog, whose address the script names.

    Raises:
        UserError: if the text is not on this computer.
    """
    return None if config.source in _catalog() else sources.read(config.source, config.locales, config.alphabet)


def _catalog() -> dict[str, sources.Source]:
    return {source.name: source for source in sources.catalog()}


# ---------------------------------------------------------------- the settings


class _Settings:
    """The training settings and how they change: each is written as a number, or looked up where it changes."""

    def __init__(self, experiment: Experiment) -> None:
        self.start = experiment.config.train
        self.changes = _effective(self.start, experiment.changes, experiment.steps)
        self.varied = {name for settings in self.changes.values() for name in settings}

    def __call__(self, name: str) -> str:
        """A setting in the words of the script."""
        return f'settings["{name}"]' if name in self.varied else repr(getattr(self.start, name))

    def values(self, name: str) -> list[Any]:
        """All values that a setting takes, in order, without repeats."""
        later = [settings[name] for settings in self.changes.values() if name in settings]
        return list(dict.fromkeys([getattr(self.start, name), *later]))

    def used(self, name: str) -> bool:
        """Whether a setting is ever other than off or zero."""
        return any(self.values(name))


def _effective(start: TrainConfig, changes: Sequence[Change], steps: int) -> dict[int, dict[str, Any]]:
    """By step, the settings that really become others there; only such as a step can feel."""
    now, felt = start, {}
    for step in sorted({change.step for change in changes if change.step < steps}):
        given: dict[str, Any] = {}
        for change in changes:
            given |= change.settings if change.step == step else {}
        then = now.updated(**given)
        told = {
            name: getattr(then, name)
            for name in given
            if getattr(then, name) != getattr(now, name) and name not in ("minutes", "evaluate_every")
        }
        now = then
        if told:
            felt[step] = told
    return felt


# ---------------------------------------------------------------- the cells


def cells(experiment: Experiment, path: str) -> list[Cell]:
    """The experiment piece by piece.

    Args:
        experiment: what is written down.
        path: the expression in Python for the path of the text.
    """
    settings, config = _Settings(experiment), experiment.config
    written = _written_model(config.model)
    body = [
        Cell("text", "The text: which characters there are, and what belongs to training."),
        Cell("code", _reading(config.corpus)),
        Cell("code", _examples(config)),
        Cell("text", "The starting weights, drawn one after the other from one generator."),
        Cell("code", written.weights),
        Cell("text", "The model."),
        Cell("code", written.forward),
        Cell("text", "The training. Losses are in nats per character, of each minibatch before its update."),
        Cell("code", _preparations(settings, written)),
        Cell("code", _loop(settings, written, experiment)),
        Cell("text", "What came of it: the loss over all examples, and texts from the model."),
        Cell("code", _ending(config)),
    ]
    code = "\n".join([path, *(cell.source for cell in body)])
    return [Cell("text", _heading(experiment)), Cell("code", _imports(experiment, path, code)), *body]


def _heading(experiment: Experiment) -> str:
    config = experiment.config
    source = _catalog().get(config.corpus.source)
    where = f"get it from {source.url}" if source else "it lies beside this file in the zip of the run"
    return (
        f"# {config.model.family}, {experiment.steps:,} steps\n\n"
        "An experiment from Glassbox, written out. It needs torch and nothing else.\n"
        f"The text is {text_name(config.corpus)}: {where}.\n"
        "The losses are those of the run, to about four digits over the first hundreds of steps;\n"
        "later, rounding in another order drives single minibatches apart, but not the course."
    )


def _imports(experiment: Experiment, path: str, code: str) -> str:
    used = [module for module in ("collections", "math", "random", "re", "sys") if f"{module}." in code]
    return "\n".join(
        [
            *(f"import {module}" for module in used),
            *([""] if used else []),
            "import torch",
            "import torch.nn.functional as F",
            "",
            "torch.set_num_threads(1)  # a second one makes small models slower",
            f"PATH = {path}",
            f"T = {_context(experiment.config)}  # characters of context",
            f"STEPS = {experiment.steps}",
            f"SEED = {experiment.config.train.seed}",
        ]
    )


def _context(config: RunConfig) -> int:
    assert not isinstance(config.model, RNNConfig | RecurrentConfig)
    return config.model.context


# ---------------------------------------------------------------- the text


def _reading(config: CorpusConfig) -> str:
    lines = ['with open(PATH, encoding="utf-8-sig") as file:', "    text = file.read()"]
    if config.lower_case:
        lines += ["text = text.lower()"]
    if config.only_letters:
        lines += [
            r'text = re.sub(r"[^\w\s]|[\d_]", "", text)  # letters, spaces and line ends',
            r'text = re.sub(r"[^\S\n]+", " ", text)',
        ]
    documents = corpora.load(config).is_documents
    if documents:
        lines += [r'words = [line.strip() for line in text.split("\n") if line.strip()]']
    if config.max_vocabulary:
        lines += _rare(config.max_vocabulary, documents)
    if documents:
        return "\n".join([*lines, *_words(config)])
    return "\n".join(
        [
            *lines,
            "characters = sorted(set(text))",
            "index = {character: i for i, character in enumerate(characters)}",
            "stream = torch.tensor([index[character] for character in text])",
            "first, second = max(1, int(0.8 * len(stream))), max(1, int(0.9 * len(stream)))",
            'print(f"{len(stream):,} characters, {len(characters)} different ones")',
        ]
    )


def _words(config: CorpusConfig) -> list[str]:
    return [
        'characters = [".", *sorted(set("".join(words)))]  # the first one marks where a word starts and ends',
        "index = {character: i for i, character in enumerate(characters) if i > 0}",
        f"random.Random({config.split_seed}).shuffle(words)",
        "first, second = max(1, int(0.8 * len(words))), max(1, int(0.9 * len(words)))",
        'print(f"{len(words):,} words, {len(characters)} characters")',
    ]


def _rare(most: int, documents: bool) -> list[str]:
    """Characters beyond the most frequent ones become one."""
    everything = '"".join(words)' if documents else "text"
    replaced = '"".join(c if c in kept else "\\ufffd" for c in {})'
    return [
        f"counts = collections.Counter({everything})",
        f"kept = set(sorted(counts, key=lambda c: (-counts[c], c))[:{most}])",
        f"words = [{replaced.format('word')} for word in words]" if documents else f"text = {replaced.format('text')}",
    ]


def _examples(config: RunConfig) -> str:
    if corpora.load(config.corpus).is_documents:
        return textwrap.dedent("""\
            def examples(words):
                \"\"\"Each context of T characters, filled up with 0, and the character that follows.\"\"\"
                X, Y = [], []
                for word in words:
                    context = [0] * T
                    for i in [*(index[character] for character in word), 0]:
                        X.append(context)
                        Y.append(i)
                        context = [*context[1:], i]
                return torch.tensor(X, dtype=torch.int64).view(-1, T), torch.tensor(Y, dtype=torch.int64)


            X, Y = examples(words[:first])  # (N, T), (N,)
            X_dev, Y_dev = examples(words[first:second])
            V = len(characters)""")
    return textwrap.dedent("""\
        def examples(stream):
            \"\"\"Each T characters in a row, as views of the text, and the character that follows.\"\"\"
            if len(stream) <= T:
                return stream.new_empty(0, T), stream.new_empty(0)
            return stream.unfold(0, T, 1)[:-1], stream[T:]


        X, Y = examples(stream[:first])  # (N, T), (N,)
        X_dev, Y_dev = examples(stream[first:second])
        V = len(characters)""")


# ---------------------------------------------------------------- the models


class _Written(NamedTuple):
    """A model in the words of the script."""

    weights: str
    forward: str
    penalized: dict[str, list[str]]  # the weight matrices of each group that has a penalty of its own


NORMALIZE = textwrap.dedent('''\
    def normalize(x, gain, shift, running, training):
        """BatchNorm (Ioffe and Szegedy 2015): over the batch each feature gets mean 0 and variance 1."""
        rows = x.reshape(-1, x.shape[-1])
        if training:
            mean, variance = rows.mean(0), rows.var(0)
            with torch.no_grad():
                running[0].lerp_(mean, MOMENTUM)
                running[1].lerp_(variance, MOMENTUM)
        else:
            mean, variance = running
        return ((rows - mean) / torch.sqrt(variance + 1e-5) * gain + shift).view(x.shape)


    ''')


def _written_model(model: Any) -> _Written:
    match model:
        case MLPConfig():
            return _mlp(model)
        case WaveNetConfig():
            return _wavenet(model)
    weights = ["W = torch.randn((V, V), generator=g)"]
    forward = 'def forward(x, training=True):\n    """Logits (B, V): the row of W for each character."""\n'
    return _Written(_weights(weights, ["W"]), f"{forward}    return W[x[:, 0]]", {"": ["W"]})


def _weights(lines: list[str], parameters: list[str], before: Iterable[str] = ()) -> str:
    return "\n".join(
        [
            "g = torch.Generator().manual_seed(SEED)",
            *before,
            *lines,
            f"parameters = [{', '.join(parameters)}]",
            "for p in parameters:",
            "    p.requires_grad_()",
            'print(f"{sum(p.numel() for p in parameters):,} parameters")',
        ]
    )


def _norm(number: str, features: str, gain: float = 1.0) -> list[str]:
    ones = f"torch.ones({features})" if gain == 1 else f"torch.full(({features},), {gain!r})"
    return [
        f"gain{number}, shift{number} = {ones}, torch.zeros({features})",
        f"running{number} = [torch.zeros({features}), torch.ones({features})]  # mean and variance, for evaluation",
    ]


def _start(scheme: Scheme, scale: float, shape: str, fan_in: int, gain: str = "1") -> str:
    """The expression that draws starting values, as `lmcore.models.mlp.starting_values` does."""
    times = "" if scale == 1 else f" * {scale!r}"
    match scheme:
        case "uniform":
            return f"torch.rand({shape}, generator=g){times}"
        case "pytorch":
            return f"(2 * torch.rand({shape}, generator=g) - 1) * ({scale!r} / math.sqrt({fan_in}))"
        case "kaiming":
            return f"torch.randn({shape}, generator=g) * ({gain} / math.sqrt({fan_in}){times})"
        case "zeros":
            return f"torch.randn({shape}, generator=g) * 0  # drawn all the same, so that the dice go on alike"
    return f"torch.randn({shape}, generator=g){times}"


def _mlp(m: MLPConfig) -> _Written:
    gain = {"tanh": "5 / 3", "relu": "math.sqrt(2)"}[m.activation]
    embedded, hidden, names = m.context * m.embedding, [f"W{i + 1}" for i in range(m.hidden_layers)], ["C"]
    lines = [f"C = {_start(m.embedding_scheme, m.embedding_scale, f'(V, {m.embedding})', 1)}"]
    forward, below = [f"    embedded = C[x].view(len(x), {embedded})"], "embedded"
    fan_in = embedded
    for i, W in enumerate(hidden, 1):
        lines.append(f"{W} = {_start(m.hidden_scheme, m.hidden_scale, f'({fan_in}, {m.hidden})', fan_in, gain)}")
        if m.batch_norm == "none":
            drawn = _start(m.hidden_bias_scheme, m.hidden_bias_scale, f"({m.hidden},)", fan_in, gain)
            lines.append(f"b{i} = {drawn}")
            names += [W, f"b{i}"]
            inner = f"{below} @ {W} + b{i}"
        else:
            lines += _norm(str(i), str(m.hidden))
            names += [W, f"gain{i}", f"shift{i}"]
            inner = f"normalize({below} @ {W}, gain{i}, shift{i}, running{i}, training)"
        forward.append(f"    h = torch.{m.activation}({inner})  # (B, {m.hidden})")
        fan_in, below = m.hidden, "h"
    output = _mlp_output(m, fan_in, lines, names)
    if m.direct:
        lines.append(f"D = {_start(m.output_scheme, m.output_scale, f'({embedded}, V)', embedded)}")
        names.append("D")
        output += " + embedded @ D"
    head = 'def forward(x, training=True):\n    """Logits (B, V) of the next character, from contexts x (B, T)."""'
    body = "\n".join([head, *forward, f"    return {output}"])
    momentum = [] if m.batch_norm == "none" else [f"MOMENTUM = {m.norm_momentum!r}  # of the running statistics"]
    groups = {"embedding": ["C"], "hidden": hidden, "output": ["W_out", *(["D"] if m.direct else [])]}
    return _Written(_weights(lines, names, momentum), (NORMALIZE if momentum else "") + body, groups)


def _mlp_output(m: MLPConfig, fan_in: int, lines: list[str], names: list[str]) -> str:
    """Adds the output layer's weights to the lines and names; returns the expression of the logits."""
    everything = m.batch_norm == "all"
    lines.append(f"W_out = {_start(m.output_scheme, 1.0 if everything else m.output_scale, f'({fan_in}, V)', fan_in)}")
    if everything:
        lines += _norm("_out", "V", m.output_scale)
        names += ["W_out", "gain_out", "shift_out"]
        return "normalize(h @ W_out, gain_out, shift_out, running_out, training)"
    lines.append(f"b_out = {_start(m.output_bias_scheme, m.output_bias_scale, '(V,)', fan_in)}")
    names += ["W_out", "b_out"]
    return "h @ W_out + b_out"


def _wavenet(m: WaveNetConfig) -> _Written:
    lines, names, hidden = [f"C = torch.randn((V, {m.embedding}), generator=g)"], ["C"], []
    forward = [f"    h = C[x]  # (B, {m.context}, {m.embedding})"]
    features: int = m.embedding
    positions: int = m.context
    for i in range(1, int(math.log2(m.context)) + 1):
        positions //= 2
        hidden.append(f"W{i}")
        drawn = _start("kaiming", m.hidden_scale, f"({2 * features}, {m.hidden})", 2 * features)
        lines.append(f"W{i} = {drawn}")
        if m.batch_norm:
            lines += _norm(str(i), str(m.hidden))
            names += [f"W{i}", f"gain{i}", f"shift{i}"]
            inner = f"normalize(h @ W{i}, gain{i}, shift{i}, running{i}, training)"
        else:
            lines.append(f"b{i} = torch.zeros({m.hidden})")
            names += [f"W{i}", f"b{i}"]
            inner = f"h @ W{i} + b{i}"
        fused = f"{positions}, {2 * features}" if positions > 1 else f"{2 * features}"
        forward += [
            f"    h = h.view(len(x), {fused})  # two neighbors side by side",
            f"    h = torch.tanh({inner})",
        ]
        features = m.hidden
    lines += [f"W_out = {_start('kaiming', m.output_scale, f'({features}, V)', features)}", "b_out = torch.zeros(V)"]
    head = 'def forward(x, training=True):\n    """Logits (B, V) of the next character, from contexts x (B, T)."""'
    body = "\n".join([head, *forward, "    return h @ W_out + b_out"])
    momentum = [f"MOMENTUM = {m.norm_momentum!r}  # of the running statistics"] if m.batch_norm else []
    groups = {"embedding": ["C"], "hidden": hidden, "output": ["W_out"]}
    return _Written(
        _weights(lines, [*names, "W_out", "b_out"], momentum), (NORMALIZE if momentum else "") + body, groups
    )


# ---------------------------------------------------------------- the training


def _preparations(settings: _Settings, written: _Written) -> str:
    """Settings that change, the rate, the penalty, the optimizer: what the loop calls."""
    parts = []
    if settings.changes:
        first = {name: getattr(settings.start, name) for name in sorted(settings.varied)}
        rows = [f"    {step}: {told!r}," for step, told in settings.changes.items()]
        parts.append("\n".join([f"settings = {first!r}", "changes = {  # before these steps", *rows, "}"]))
    if settings.used("full_batch"):
        parts.append(
            "# The loss over all examples depends on the counts of pairs only.\n"
            "pairs = torch.bincount(X[:, 0] * V + Y, minlength=V * V).view(V, V)\n"
            "shares = pairs / pairs.sum()"
        )
    if settings.values("schedule") != ["constant"] or settings.used("warmup"):
        parts.append(_rate(settings))
    if penalties := _penalties(settings, written):
        head = ["def penalty():", '    """L2: added to the loss, but not counted in it."""']
        terms = [f"    total = {penalties[0]}", *(f"    total = total + {term}" for term in penalties[1:])]
        parts.append("\n".join([*head, *terms, "    return total"]))
    if settings.values("optimizer") != ["sgd"]:
        parts.append(_optimisers(settings))
    return "\n\n\n".join([*parts, "losses = []"])


def _rate(settings: _Settings) -> str:
    factor = settings("factor")
    ways = {
        "constant": "1.0",
        "step": f"1.0 if step < {settings('decay_at')} else {factor}",
        "exponential": f"{factor} ** share",
        "cosine": f"{factor} + (1 - {factor}) * (1 + math.cos(math.pi * share)) / 2",
    }
    used = settings.values("schedule")
    lines = ["def rate(step):", '    """The learning rate of a step."""']
    if {"exponential", "cosine"} & set(used):
        lines.append(f"    share = min(step / max(1, {settings('steps')} - 1), 1.0)")
    lines.append(f"    factor = {ways[used[0]]}")
    for way in used[1:]:
        lines += [f'    if settings["schedule"] == "{way}":', f"        factor = {ways[way]}"]
    warm = f" * min((step + 1) / ({settings('warmup')} + 1), 1.0)" if settings.used("warmup") else ""
    return "\n".join([*lines, f"    return {settings('learning_rate')} * factor{warm}"])


def _penalties(settings: _Settings, written: _Written) -> list[str]:
    """The terms of the penalty, one for each group of weights that has any."""
    terms = []
    for group, names in written.penalized.items():
        own = [name for name in ("l2", f"l2_{group}") if name in TrainConfig.model_fields and settings.used(name)]
        factor = " + ".join(settings(name) for name in own)
        squares = " + ".join(f"({name}**2).sum()" for name in names)
        if own:
            terms.append(f"({factor}) * ({squares})")
    return terms


def _optimisers(settings: _Settings) -> str:
    made = {
        "momentum": f"torch.optim.SGD(parameters, 0.1, momentum={settings('momentum')})",
        "adam": "torch.optim.Adam(parameters)",
        "adamw": f"torch.optim.AdamW(parameters, weight_decay={settings('weight_decay')})",
        "adagrad": "torch.optim.Adagrad(parameters)",
        "rmsprop": "torch.optim.RMSprop(parameters)",
    }
    used = settings.values("optimizer")
    lines = ["def make_optimiser():", '    """Its rate is set before every step."""']
    for name in used[1:]:
        lines += [
            f'    if settings["optimizer"] == "{name}":',
            f"        return {made.get(name, 'None  # plain gradient descent')}",
        ]
    lines.append(f"    return {made.get(used[0], 'None  # plain gradient descent')}")
    return "\n".join([*lines, "", "", "optimizer = make_optimiser()"])


def _loop(settings: _Settings, written: _Written, experiment: Experiment) -> str:
    scheduled = settings.values("schedule") != ["constant"] or settings.used("warmup")
    rate = "rate(step)" if scheduled else settings("learning_rate")
    lines = ["for step in range(STEPS):"]
    if settings.changes:
        lines += ["    if step in changes:", "        settings |= changes[step]"]
        if "optimizer" in settings.varied:
            lines += ['        if "optimizer" in changes[step]:', "            optimizer = make_optimiser()"]
    lines += _loss(settings)
    penalized = _penalties(settings, written)
    lines += [
        "    for p in parameters:",
        "        p.grad = None",
        "    (loss + penalty()).backward()" if penalized else "    loss.backward()",
        *_update(settings, rate),
        "    losses.append(loss.item())",
        f"    if step % {max(1, experiment.steps // 20)} == 0:",
        '        print(f"step {step:>8,}   loss {losses[-1]:.4f}")',
    ]
    return "\n".join(lines)


def _loss(settings: _Settings) -> list[str]:
    """The lines that draw a minibatch and compute its loss."""
    draw = f"torch.randint(0, len(X), ({settings('batch_size')},), generator=%s)"
    own = draw % "torch.Generator().manual_seed(SEED)"
    batch = [
        *_either(
            settings,
            "one_batch",
            [f"rows = {own}  # the same ones every time"],
            [f"rows = {draw % 'g'}"],
        ),
        "loss = F.cross_entropy(forward(X[rows]), Y[rows])",
    ]
    whole = ["loss = -(shares * F.log_softmax(W, 1)).sum()"]
    return [f"    {line}" for line in _either(settings, "full_batch", whole, batch)]


def _either(settings: _Settings, name: str, lines_on: list[str], lines_off: list[str]) -> list[str]:
    """Lines for a switch that is on, those for off, or both where it changes."""
    match settings.values(name):
        case [True]:
            return lines_on
        case [False]:
            return lines_off
    on, off = ([f"    {line}" for line in lines] for lines in (lines_on, lines_off))
    return [f"if {settings(name)}:", *on, "else:", *off]


def _takes(settings: _Settings, name: str) -> bool:
    """Whether an optimizer of the run has such a setting."""
    owner = {"momentum": "momentum", "weight_decay": "adamw"}.get(name)
    return owner is None or owner in settings.values("optimizer")


def _update(settings: _Settings, rate: str) -> list[str]:
    plain = ["with torch.no_grad():", "    for p in parameters:", f"        p -= {rate} * p.grad"]
    given = {"lr": rate} | {name: settings(name) for name in ("momentum", "weight_decay") if name in settings.varied}
    stepped = ["for group in optimizer.param_groups:"]
    stepped += [f'    group["{name}"] = {value}' for name, value in given.items() if _takes(settings, name)]
    stepped.append("optimizer.step()")
    used = settings.values("optimizer")
    if "sgd" not in used:
        lines = stepped
    elif used == ["sgd"]:
        lines = plain
    else:
        lines = [
            "if optimizer is None:",
            *(f"    {line}" for line in plain),
            "else:",
            *(f"    {line}" for line in stepped),
        ]
    return [f"    {line}" for line in lines]


# ---------------------------------------------------------------- the end


def _ending(config: RunConfig) -> str:
    documents = corpora.load(config.corpus).is_documents
    count, length = (Trainer.SAMPLES.count, Trainer.SAMPLES.length) if documents else (3, 80)
    stop = ["        if i == 0:", "            break"] if documents else []
    return "\n".join(
        [
            "@torch.no_grad()",
            "def mean_loss(X, Y):",
            '    """Over all examples, in nats per character."""',
            "    total = 0.0",
            "    for x, y in zip(X.split(4096), Y.split(4096)):",
            '        total += F.cross_entropy(forward(x, training=False), y, reduction="sum").item()',
            '    return total / len(X) if len(X) else float("nan")',
            "",
            "",
            'print(f"train {mean_loss(X, Y):.4f}   dev {mean_loss(X_dev, Y_dev):.4f}")',
            "",
            "# Each character is where a dart falls on a bar that is stacked from the probabilities.",
            f"dice = torch.rand(({count}, {length}), dtype=torch.float64,"
            f" generator=torch.Generator().manual_seed({Trainer.SAMPLES.seed}))",
            "samples = []",
            "for darts in dice:",
            "    context, drawn = [0] * T, []",
            "    for dart in darts:",
            "        with torch.no_grad():",
            "            logits = forward(torch.tensor([context]), training=False)[0]",
            "        bar = torch.softmax(logits.double(), 0).cumsum(0)",
            "        i = int((bar < dart * bar[-1]).sum())",
            *stop,
            "        drawn.append(characters[i])",
            "        context = [*context[1:], i]",
            '    samples.append("".join(drawn))',
            "    print(repr(samples[-1]))",
        ]
    )
