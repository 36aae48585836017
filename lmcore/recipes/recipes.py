"""Published experiments as recipes: what to run, what came out elsewhere, and how to read the same from a run.

The published numbers are data; the measured ones come from a run alone. Losses are in nats per character.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data import corpora
from lmcore.data.corpora import SPLITS, Corpus, CorpusConfig
from lmcore.errors import UserError
from lmcore.generation.sampling import sample_in_turn
from lmcore.inspection import activations
from lmcore.inspection.initialization import PRESETS, SATURATED
from lmcore.inspection.ngrams import counted
from lmcore.models.mlp import MLPConfig
from lmcore.models.neural_bigram import NeuralBigramConfig
from lmcore.models.ngram import CountConfig, NGram, score
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.training import trainers
from lmcore.training.history import Change, History, Snapshot
from lmcore.training.training import RunConfig, TrainConfig, Trainer

Verdict = Literal["reached", "differs", "not yet"]


class Evidence(Protocol):
    """What a recipe reads of a run; `runs.engine.RunView` has it, and so has `Start`."""

    @property
    def config(self) -> Any:
        """The run's config."""

    @property
    def parameters(self) -> int:
        """Numbers that are trained; 0 while unknown."""

    @property
    def history(self) -> History:
        """The loss of every step."""

    @property
    def snapshots(self) -> Sequence[Snapshot]:
        """By step."""

    @property
    def looks(self) -> Sequence[tuple[int, float | None]]:
        """Step and test loss, each time that it was asked for."""


Measure = Callable[[Evidence], float | None]
"""Reads one number from a run; None as long as the run does not show it."""


@dataclass(frozen=True)
class Published:
    """One published number and how to read it from a run."""

    what: str
    value: float
    tolerance: float  # largest difference that counts as the same
    measure: Measure
    kind: Literal["loss", "share", "count"] = "loss"  # in nats per character; of 1; a whole number
    step: int | None = None  # where it stands on the loss curve; None if it is no loss of a step
    characters: int = 1  # that a loss is summed over


@dataclass(frozen=True)
class Recipe:
    """A published experiment. What has no config is computed at once instead of trained."""

    title: str
    about: str  # one sentence: what it shows
    source: str
    published: tuple[Published, ...]
    config: RunConfig | None = None
    compute: "Callable[[], Computed] | None" = None
    needs: str = "names"  # the text of the catalog that it is about
    asks_for_test: bool = False  # whether a test loss was published


@dataclass(frozen=True)
class Check:
    """A published number beside the measured one."""

    published: Published
    measured: float | None
    verdict: Verdict


def check(recipe: Recipe, run: Evidence) -> list[Check]:
    """Each published number against what the run shows so far."""
    return [_compared(published, published.measure(run)) for published in recipe.published]


def _compared(published: Published, measured: float | None) -> Check:
    if measured is None:
        return Check(published, None, "not yet")
    near = abs(measured - published.value) <= published.tolerance
    return Check(published, measured, "reached" if near else "differs")


@dataclass(frozen=True)
class Board:
    """Published numbers against measured ones, each difference in units of what counts as the same."""

    names: list[str]  # (P,)
    distances: NDArray[np.float64]  # (P,), within ±1 where reached; nan where not yet
    verdicts: list[Verdict]  # (P,)
    words: list[str]  # (P,), both values


def board(checks: Sequence[Check]) -> Board:
    """The record of the picture of a recipe's numbers."""
    return Board(
        [check.published.what for check in checks],
        np.array([_distance(check) for check in checks], dtype=float),
        [check.verdict for check in checks],
        [in_words(check) for check in checks],
    )


def _distance(check: Check) -> float:
    if check.measured is None:
        return np.nan
    difference, within = check.measured - check.published.value, check.published.tolerance
    if not within:
        return float(np.sign(difference)) * np.inf if difference else 0.0
    return difference / within


@dataclass(frozen=True)
class Targets:
    """Where on the loss curve the published losses lie."""

    steps: NDArray[np.float64]  # (Q,)
    losses: NDArray[np.float64]  # (Q,), nats per character
    verdicts: list[Verdict]  # (Q,)
    words: list[str]  # (Q,)


def targets(checks: Sequence[Check]) -> Targets:
    """The published losses that belong to a step."""
    on_curve = [check for check in checks if check.published.step is not None]
    return Targets(
        np.array([check.published.step for check in on_curve], dtype=float),
        np.array([check.published.value / check.published.characters for check in on_curve], dtype=float),
        [check.verdict for check in on_curve],
        [in_words(check) for check in on_curve],
    )


def finding(checks: Sequence[Check]) -> str:
    """How it stands, in a sentence."""
    verdicts = [check.verdict for check in checks]
    reached, differ, waiting = (verdicts.count(one) for one in ("reached", "differs", "not yet"))
    sentence = f"{reached} of {len(checks)} published numbers are reached"
    if differ:
        sentence += f", {differ} differ{'s' if differ == 1 else ''}"
    return sentence + (f", {waiting} cannot be told yet." if waiting else ".")


def in_words(check: Check) -> str:
    """One line: the verdict, what, and both values."""
    measured = "–" if check.measured is None else shown(check.published, check.measured)
    return f"{check.verdict:8} {check.published.what}: {measured}, published {expected(check.published)}"


def as_json(check: Check) -> dict[str, Any]:
    """The check as plain data."""
    published = check.published
    return {
        "what": published.what,
        "published": published.value,
        "tolerance": published.tolerance,
        "measured": check.measured,
        "verdict": check.verdict,
    }


def expected(published: Published) -> str:
    """The published number with its tolerance, as its kind is written."""
    value, within = shown(published, published.value), published.tolerance
    if not within:
        return value
    return f"{value} ± {within:.2%}" if published.kind == "share" else f"{value} ± {within:g}"


def shown(published: Published, value: float) -> str:
    """A number as its kind is written, with as many digits as the tolerance deserves."""
    match published.kind:
        case "share":
            return f"{value:.2%}"
        case "count":
            return f"{value:,.0f}"
    digits = 6 if published.tolerance < 1e-5 else 4 if published.tolerance < 0.1 else 1
    return f"{value:.{digits}f}"


# ---------------------------------------------------------------- how numbers are read from a run


def parameters(run: Evidence) -> float | None:
    """Numbers that are trained."""
    return run.parameters or None


def first_loss(run: Evidence) -> float | None:
    """The loss of the first minibatch."""
    return float(run.history.head[0]) if len(run.history.head) else None


def train_loss(step: int) -> Measure:
    """The train loss in the snapshot of a step."""
    return lambda run: next((s.train for s in run.snapshots if s.step == step), None)


def dev_loss(step: int) -> Measure:
    """The dev loss in the snapshot of a step."""
    return lambda run: next((s.dev for s in run.snapshots if s.step == step), None)


def test_loss(step: int) -> Measure:
    """The test loss that was asked for at a step."""
    return lambda run: next((loss for at, loss in run.looks if at == step), None)


def smoothed_loss(step: int) -> Measure:
    """The smoothed loss of a recurrent network in the snapshot of a step: over a whole sequence, in nats."""
    return lambda run: next((float(s.arrays["smoothed"][0]) for s in run.snapshots if s.step == step), None)


def saturated(layer: str, threshold: float, step: int = 0) -> Measure:
    """The share of a layer's outputs beyond a threshold, on the minibatch that follows a step."""

    def measure(run: Evidence) -> float | None:
        snapshot = next((s for s in run.snapshots if s.step == step and activations.can_look(s)), None)
        if snapshot is None:
            return None
        layers = _after(run.config, snapshot).activations
        return float(activations.stuck(layers[layer].kind, layers[layer].out, threshold).mean())

    return measure


@functools.lru_cache(maxsize=32)
def _after(config: RunConfig, snapshot: Snapshot) -> activations.Inside:
    """The net of a snapshot on the minibatch of its next step."""
    trainer = Trainer(config)
    trainer.restore_weights(snapshot.arrays)
    return activations.on_batch(trainer, trainer.batches(snapshot.step + 1)[-1])


# ---------------------------------------------------------------- before the first click


@dataclass(frozen=True)
class Start:
    """A run's first step, taken here: what a recipe shows at once."""

    config: RunConfig
    parameters: int
    history: History
    snapshots: tuple[Snapshot, ...]
    looks: tuple[tuple[int, float | None], ...] = ()
    changes: tuple[Change, ...] = ()


def start(config: RunConfig) -> Start:
    """The untrained model of a recipe, and the loss of its first minibatch.

    Raises:
        UserError: if the text is not on this computer.
    """
    trainer = trainers.make(config)
    snapshot, history = trainer.snapshot(), History()
    history.add(trainer.train(1))
    return Start(config, trainer.parameters, history, (snapshot,))


@dataclass(frozen=True)
class Computed:
    """What a recipe without training shows: numbers by what they are, and the losses on the way if there are any."""

    values: Mapping[str, float]
    losses: History = field(default_factory=History)


def check_computed(recipe: Recipe, computed: Computed) -> list[Check]:
    """Each published number against what was computed."""
    return [_compared(published, computed.values.get(published.what)) for published in recipe.published]


# ---------------------------------------------------------------- counting, and the neural bigram on all names


NAMES = CorpusConfig(source="names")
LECTURES = "Karpathy, Neural networks: zero to hero (makemore)"
PUBLISHED_NAMES = ["mor", "axx", "minaymoryles", "kondlaisah", "anchshizarie"]
PAIRS = {"n.": 6763, "a.": 6640, "an": 5438, ".a": 4410, "e.": 3983}
SEED = 2147483647


def count_names() -> Computed:
    """Bigrams of all names: counts, losses, and names drawn from them."""
    corpus = corpora.load(NAMES)
    plain, smoothed = (NGram(corpus, CountConfig(order=2, smoothing=k, counted="all")) for k in (0, 1))
    counts, index = counted(corpus), corpus.vocabulary.index
    drawn = sample_in_turn(smoothed, corpus, 1, len(PUBLISHED_NAMES), SEED)
    values = {
        "bigrams": float(counts.sum()),
        "distinct bigrams": float((counts > 0).sum()),
        **{f"count of {pair}": float(counts[index[pair[0]], index[pair[1]]]) for pair in PAIRS},
        "loss without smoothing": _loss(plain, corpus),
        "loss with one added to every count": _loss(smoothed, corpus),
        "loss of andrejq, one added": score(smoothed, corpus, "andrejq").loss,
        "names drawn that are the published ones": float(sum(map(str.__eq__, drawn, PUBLISHED_NAMES))),
    }
    return Computed(values)


def _loss(model: NGram, corpus: Corpus) -> float:
    return model.loss(corpus, "all") or 0.0


def descend_on_all_names() -> Computed:
    """The neural bigram by full-batch gradient descent on the bigrams of all names, not of the training split only."""
    settings = TrainConfig(steps=1001, learning_rate=50, full_batch=True, l2=0.01 / 27**2, seed=SEED)
    trainer = Trainer(RunConfig(corpus=NAMES, model=NeuralBigramConfig(), train=settings))
    parts = [trainer.corpus.windows(split, 1) for split in SPLITS]
    trainer.X = torch.from_numpy(np.concatenate([part.X for part in parts]))
    trainer.Y = torch.from_numpy(np.concatenate([part.Y for part in parts]))
    history, losses = History(), trainer.train(1001)
    history.add(losses)
    return Computed({f"loss after {step:,} steps": float(losses[step]) for step in (0, 100, 1000)}, history)


def _computed(what: str, value: float, tolerance: float, step: int | None = None, **kind: Any) -> Published:
    return Published(what, value, tolerance, lambda run: None, step=step, **kind)


COUNTING = Recipe(
    "Counting bigrams",
    "No training at all: pairs of characters are counted, and their shares are the model.",
    f"{LECTURES}, part 1",
    (
        _computed("bigrams", 228_146, 0, kind="count"),
        _computed("distinct bigrams", 627, 0, kind="count"),
        *(_computed(f"count of {pair}", count, 0, kind="count") for pair, count in PAIRS.items()),
        _computed("loss without smoothing", 2.454014, 5e-7),
        _computed("loss with one added to every count", 2.454577, 5e-7),
        _computed("loss of andrejq, one added", 3.4834, 5e-5),
        _computed("names drawn that are the published ones", 5, 0, kind="count"),
    ),
    compute=count_names,
)

NEURAL = Recipe(
    "Neural bigram, full batch",
    "One layer of weights, rate 50, a penalty of 0.01 × the mean of W²: gradient descent comes near the counts.",
    f"{LECTURES}, part 1",
    (
        _computed("loss after 0 steps", 3.7590, 5e-5, 0),
        _computed("loss after 100 steps", 2.4748, 5e-5, 100),
        _computed("loss after 1,000 steps", 2.4604, 5e-5, 1000),
    ),
    compute=descend_on_all_names,
)

# ---------------------------------------------------------------- what is trained


ROUNDING = 0.001
"""Nats that final losses may differ with the same draws: additions in another order drive long trainings apart."""


def _ends(step: int, train: float | None, dev: float, tolerance: float = ROUNDING) -> list[Published]:
    """Train and dev loss at the last step, over the whole splits."""
    both = [] if train is None else [Published("train loss at the end", train, tolerance, train_loss(step), step=step)]
    return [*both, Published("dev loss at the end", dev, tolerance, dev_loss(step), step=step)]


def _first(loss: float, tolerance: float = 1e-4) -> Published:
    return Published("first loss", loss, tolerance, first_loss, step=0)


def _size(count: int) -> Published:
    return Published("parameters", count, 0, parameters, "count")


TEST = "test loss at the end"
FALLING = {"learning_rate": 0.1, "schedule": "step", "factor": 0.1}


def _initialization(
    preset: str, size: int, first: float, stuck: float, train: float, dev: float, tolerance: float = ROUNDING
) -> Recipe:
    digits = 0.005 if stuck > 0.5 else 0.0005
    return Recipe(
        f"MLP, {preset}",
        "Batch 32, embedding 10, hidden 200, rate 0.1 and from step 100,000 on 0.01: where the weights start decides.",
        f"{LECTURES}, part 3",
        (
            _size(size),
            _first(first),
            Published("saturated at the start", stuck, digits, saturated("tanh", SATURATED), "share"),
            *_ends(200_000, train, dev, tolerance),
        ),
        RunConfig(
            corpus=NAMES,
            model=MLPConfig(**PRESETS[preset]),
            train=TrainConfig(steps=200_000, decay_at=100_000, seed=SEED, **FALLING),
        ),
    )


def _exercise(title: str, steps: int, published: Sequence[Published], **model: Any) -> Recipe:
    return Recipe(
        title,
        "Embedding 50, hidden 100, batch 16,384, rate 0.1, then 0.01: the output layer decides the first loss, direct "
        "connections the last. How the hidden weights started was not published; here they are standard normal.",
        "Bengio et al. 2003, equation 1, on the names; exercises to makemore, part 2",
        tuple(published),
        RunConfig(
            corpus=NAMES,
            model=MLPConfig(embedding=50, hidden=100, hidden_scheme="normal", hidden_bias_scale=1.0, **model),
            train=TrainConfig(
                steps=steps, batch_size=16_384, decay_at=steps // 2, seed=SEED, minutes=24 * 60, **FALLING
            ),
        ),
        asks_for_test=any(one.what == TEST for one in published),
    )


DEEP_STEPS = 1001
DEEP = Recipe(
    "Deep net with BatchNorm",
    "Five hidden layers of 100 tanh units, BatchNorm after every Linear: each layer keeps its spread.",
    f"{LECTURES}, part 3",
    (
        _size(47_024),
        _first(3.2870),
        *(
            Published(
                f"saturated in tanh{number}", share, 6e-5, saturated(f"tanh{number}", 0.97, DEEP_STEPS - 1), "share"
            )
            for number, share in zip(["", 2, 3, 4, 5], [0.0278, 0.0256, 0.0225, 0.0169, 0.0188], strict=True)
        ),
        *_ends(DEEP_STEPS, 2.4003, 2.3982),
    ),
    RunConfig(
        corpus=NAMES,
        model=MLPConfig(
            hidden_layers=5,
            hidden=100,
            hidden_scale=0.6,  # of the gain 5 / 3: weights of 1 / sqrt(inputs), which BatchNorm makes enough
            batch_norm="all",
            output_scheme="kaiming",
            output_scale=0.1,
        ),
        train=TrainConfig(steps=DEEP_STEPS, seed=SEED),
    ),
)


def _wavenet(title: str, published: Sequence[Published], model: MLPConfig | WaveNetConfig) -> Recipe:
    return Recipe(
        title,
        "Batch 32, rate 0.1 and from step 150,000 on 0.01: more context helps, and a hierarchy helps when it is large.",
        f"{LECTURES}, part 5",
        tuple(published),
        RunConfig(corpus=NAMES, model=model, train=TrainConfig(steps=200_000, decay_at=150_000, seed=42, **FALLING)),
    )


OTHER_DICE = 0.02
"""Nats: what seeds differ by, where the published starting weights and batches are not known to be drawn as these."""

LONG, LONG_NOISE = 100_000, 0.02
"""Steps that stand for "long training", which was published without their number."""


def _flat(context: int) -> MLPConfig:
    return MLPConfig(context=context, batch_norm="hidden")


CHARACTERS = Recipe(
    "Character RNN from scratch",
    "Hidden 100, sequences of 25, AdaGrad 0.1, a lower-case novel. The published novel is another one, so its numbers "
    "are a guide only.",
    "Karpathy, min-char-rnn, on a novel of 1.1 MB with 54 characters",
    tuple(
        Published(f"smoothed loss, {at:,}", loss, 1.5, smoothed_loss(at), step=at, characters=25)
        for at, loss in [(10_000, 53.0), (40_000, 49.8), (120_000, 47.2)]
    ),
    RunConfig(
        corpus=CorpusConfig(source="war-and-peace", lower_case=True),
        model=RNNConfig(),
        train=TrainConfig(steps=120_000, evaluate_every=10_000, seed=SEED),
    ),
    needs="war-and-peace",
)

RECIPES: dict[str, Recipe] = {
    "counting": COUNTING,
    "neural-bigram": NEURAL,
    "mlp-naive": _initialization("everything standard normal", 11_897, 27.8817, 0.61, 2.12, 2.17, 0.01),
    "mlp-output": _initialization("output × 0.01", 11_897, 3.3221, 0.61, 2.0696, 2.1311),
    "mlp-scaled": _initialization("output × 0.01, hidden × 0.2", 11_897, 3.3135, 0.010, 2.0356, 2.1027),
    "mlp-kaiming": _initialization("output × 0.01, hidden Kaiming", 11_897, 3.3179, 0.081, 2.0377, 2.1070),
    "mlp-batchnorm": _initialization("output × 0.01, hidden Kaiming, BatchNorm", 12_097, 3.3239, 0.004, 2.0674, 2.1057),
    "exercise-naive": _exercise(
        "Embedding 50, naive start", 1000, [_first(17.5, 0.5)], output_scale=1.0, output_bias_scheme="normal"
    ),
    "exercise-zero": _exercise("Embedding 50, output zero", 1000, [_first(3.2958)], output_scheme="zeros"),
    "exercise": _exercise("Embedding 50", LONG, [_first(3.299, 0.003), *_ends(LONG, None, 2.1466, LONG_NOISE)]),
    "exercise-direct": _exercise(
        "Embedding 50, direct connections",
        LONG,
        [
            *_ends(LONG, None, 2.1274, LONG_NOISE),
            Published(TEST, 2.1239, LONG_NOISE, test_loss(LONG), step=LONG),
        ],
        direct=True,
    ),
    "deep-batchnorm": DEEP,
    "wavenet-flat-3": _wavenet("Flat, context 3", _ends(200_000, 2.058, 2.105, OTHER_DICE), _flat(3)),
    "wavenet-flat-8": _wavenet("Flat, context 8", [_size(22_097), *_ends(200_000, 1.918, 2.027, OTHER_DICE)], _flat(8)),
    "wavenet": _wavenet("Hierarchy", [_size(22_397), *_ends(200_000, 1.912, 2.022, OTHER_DICE)], WaveNetConfig()),
    "wavenet-large": _wavenet(
        "Hierarchy, embedding 24, hidden 128",
        [_size(76_579), *_ends(200_000, 1.769, 1.9937)],
        WaveNetConfig(embedding=24, hidden=128),
    ),
    "char-rnn": CHARACTERS,
}
"""By name. Another one is another line here: a config, and its numbers with their tolerances and their source."""


def find(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        UserError: lists the names there are.
    """
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}; choose one of: {', '.join(RECIPES)}.")
    return RECIPES[name]


def name_of(config: Any) -> str | None:
    """The recipe that a run's config belongs to, whatever its number of steps; None if to none."""
    for name, recipe in RECIPES.items():
        if recipe.config is not None and type(config) is type(recipe.config):
            same = config.train.updated(steps=recipe.config.train.steps)
            if config.model_copy(update={"train": same}) == recipe.config:
                return name
    return None
