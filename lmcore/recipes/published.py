"""The recipes: one entry per published experiment, with its config, its numbers, their tolerances and their source.

Losses are in nats per character.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from lmcore.data import cifar10
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.inspection.initialization import ALL_POSITIVE, PRESETS, SATURATION_THRESHOLD
from lmcore.models.mlp import MLPConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.recipes import measures
from lmcore.recipes.computed import NAMES, SEED, count_bigrams, train_neural_bigram, train_on_photographs
from lmcore.recipes.recipe import Evidence, PublishedNumber, Recipe, measure
from lmcore.training.config import BaseRunConfig, RunConfig, TrainConfig
from lmcore.training.history import Change

LECTURES = "Karpathy, Neural Networks: Zero to Hero (makemore)"

ROUNDING = 0.001
"""Tolerance of final losses with the same random draws: rounding in another order changes long runs by this much."""

OTHER_DRAWS = 0.02
"""Tolerance of final losses whose random draws are not known to be the same: seeds differ by this much."""

STEP_DECAY: dict[str, Any] = {"learning_rate": 0.1, "schedule": "step", "factor": 0.1}


# ---------------------------------------------------------------- kinds of numbers


def _n_parameters(value: int) -> PublishedNumber:
    return PublishedNumber("parameters", value, 0, measures.n_parameters, "count")


def _first_loss(value: float, tolerance: float = 1e-4) -> PublishedNumber:
    return PublishedNumber("first loss", value, tolerance, measures.first_loss, step=0)


def _final_losses(step: int, train: float | None, dev: float, tolerance: float = ROUNDING) -> list[PublishedNumber]:
    """Train and dev loss after the last step, over the whole splits."""
    numbers = [PublishedNumber("final dev loss", dev, tolerance, measures.dev_loss(step), step=step)]
    if train is not None:
        numbers.insert(0, PublishedNumber("final train loss", train, tolerance, measures.train_loss(step), step=step))
    return numbers


def _computed(name: str, value: float, tolerance: float, **options: Any) -> PublishedNumber:
    return PublishedNumber(name, value, tolerance, measures.computed(name), **options)


# ---------------------------------------------------------------- bigrams

COUNTING = Recipe(
    "Counting bigrams",
    "A bigram model without any training: relative frequencies of pairs of characters. It counts all names, so its "
    "losses are on all text, not held out.",
    f"{LECTURES}, part 1",
    (
        _computed("bigrams", 228_146, 0, kind="count"),
        _computed("distinct bigrams", 627, 0, kind="count"),
        _computed("count of n.", 6763, 0, kind="count"),
        _computed("count of a.", 6640, 0, kind="count"),
        _computed("count of an", 5438, 0, kind="count"),
        _computed("count of .a", 4410, 0, kind="count"),
        _computed("count of e.", 3983, 0, kind="count"),
        _computed("loss without smoothing", 2.454014, 5e-7),
        _computed("loss with add-one smoothing", 2.454577, 5e-7),
        _computed("loss of andrejq with add-one smoothing", 3.4834, 5e-5),
        _computed("sampled names that match", 5, 0, kind="count"),
    ),
    minutes=0.1,
    compute=count_bigrams,
)

NEURAL_BIGRAM = Recipe(
    "Neural bigram, full batch",
    "A single layer, learning rate 50, L2 penalty 0.01 × mean(W²): gradient descent approaches the loss of counting. "
    "It learns from all names, so its losses are on all text, not held out.",
    f"{LECTURES}, part 1",
    (
        _computed("loss after 0 steps", 3.7590, 5e-5, step=0),
        _computed("loss after 100 steps", 2.4748, 5e-5, step=100),
        _computed("loss after 1,000 steps", 2.4604, 5e-5, step=1000),
    ),
    minutes=0.1,
    compute=train_neural_bigram,
)

# ---------------------------------------------------------------- MLPs


def _initialization(
    preset: str,
    n_parameters: int,
    first_loss: float,
    saturation: float,
    train: float,
    dev: float,
    tolerance: float = ROUNDING,
) -> Recipe:
    model = MLPConfig(**PRESETS[preset])
    return Recipe(
        f"MLP, {preset}",
        "Batch size 32, embedding 10, 200 hidden units; the learning rate drops from 0.1 to 0.01 at step 100,000. "
        "The initial weights determine the first loss and the saturation, and with them the final loss.",
        f"{LECTURES}, part 3",
        (
            _n_parameters(n_parameters),
            _first_loss(first_loss),
            PublishedNumber(
                "initial saturation",
                saturation,
                0.005 if saturation > 0.5 else 0.0005,  # half a unit of the last published digit
                measures.saturation("tanh", SATURATION_THRESHOLD),
                "share",
            ),
            *_final_losses(200_000, train, dev, tolerance),
        ),
        1.5 if model.batch_norm == "none" else 2.6,
        RunConfig(
            corpus=NAMES,
            model=model,
            train=TrainConfig(steps=200_000, decay_at=100_000, seed=SEED, **STEP_DECAY),
        ),
    )


# ---------------------------------------------------------------- embedding 50, 100 hidden units

PUBLISHED_BATCH, SMALLER_BATCH = 16_384, 1024
"""Batch sizes of the exercise: the published one, and one with which the long runs take minutes instead of hours."""

ALL_NORMAL, SMALL_OUTPUT, UNIFORM = (
    PRESETS[name] for name in ("everything standard normal", "output × 0.01", ALL_POSITIVE)
)

NO_SEED = "No seed was published; seeds differ by this much."
ONE_MINIBATCH = "Published for one minibatch, reached on 5,000 training examples."
ONE_DRAW = "Over 23 seeds the first loss ranges from 17.1 to 21.5: the published one is one draw of it."


def _exercise(
    title: str,
    steps: int,
    numbers: Sequence[PublishedNumber],
    minutes: float,
    model: dict[str, Any],
    batch_size: int = PUBLISHED_BATCH,
    changes: Sequence[Change] = (),
    **train: Any,
) -> Recipe:
    batch = "" if batch_size == PUBLISHED_BATCH else f" instead of the published {PUBLISHED_BATCH:,}, which takes hours"
    settings: dict[str, Any] = {"learning_rate": 0.1, "evaluate_every": min(steps, 10_000)} | train
    return Recipe(
        title,
        f"Embedding 50, 100 hidden units, batch size {batch_size:,}{batch}. The output layer determines the first "
        "loss; inputs that are all positive saturate every hidden unit; direct connections lower the final loss.",
        "Bengio et al. 2003, equation 1, on the names; exercises of makemore, part 2",
        tuple(numbers),
        minutes,
        RunConfig(
            corpus=NAMES,
            model=MLPConfig(embedding=50, hidden=100, **model),
            train=TrainConfig(steps=steps, batch_size=batch_size, seed=SEED, minutes=24 * 60, **settings),
        ),
        tuple(changes),
        evaluates_test=any(number.name.startswith("final test") for number in numbers),
    )


def _losses_on_the_way(losses: dict[int, float]) -> list[PublishedNumber]:
    return [
        PublishedNumber(f"loss at {step:,}", loss, 0.03, measures.train_loss(step), step=step, reason=ONE_MINIBATCH)
        for step, loss in losses.items()
    ]


def _dev_losses(losses: dict[int, float]) -> list[PublishedNumber]:
    """Dev losses over the whole split."""
    return [
        PublishedNumber(
            f"dev loss at {step:,}", loss, OTHER_DRAWS, measures.whole_loss("dev", step), step=step, reason=NO_SEED
        )
        for step, loss in losses.items()
    ]


def _test_loss(step: int, loss: float) -> PublishedNumber:
    return PublishedNumber("final test loss", loss, OTHER_DRAWS, measures.test_loss(step), step=step, reason=NO_SEED)


FIVE_TRIES = (100_000, 400_000, 410_000, 420_000, 520_000)
"""The last step of each try."""

FIVE_RATES = (0.1, 0.01, 1.0, 0.1, 0.01)
DIRECT_STEPS = 100_000  # "long training", published without its number of steps

EXERCISES = {
    "exercise-naive": _exercise(
        "Embedding 50, naive initialization",
        1000,
        [PublishedNumber("first loss", 17.8, 4.4, measures.first_loss, step=0, reason=ONE_DRAW)],
        1.1,
        ALL_NORMAL,
    ),
    "exercise-zero": _exercise(
        "Embedding 50, output zero", 1000, [_first_loss(3.2958)], 1.1, SMALL_OUTPUT | {"output_scheme": "zeros"}
    ),
    "exercise-uniform-zero": _exercise(
        "Embedding 50, all-positive inputs, output zero",
        30_000,
        _losses_on_the_way({10_000: 2.824, 20_000: 2.825, 30_000: 2.821}),
        30,
        UNIFORM | {"output_scheme": "zeros"},
    ),
    "exercise-uniform": _exercise(
        "Embedding 50, all-positive inputs",
        20_000,
        _losses_on_the_way({10_000: 2.813, 20_000: 2.826}),
        20,
        UNIFORM,
    ),
    "exercise-normal": _exercise(
        "Embedding 50, normal inputs, uniform output",
        200_000,
        [*_losses_on_the_way({10_000: 2.176, 20_000: 2.179}), *_final_losses(200_000, None, 2.1343, OTHER_DRAWS)],
        12,
        SMALL_OUTPUT | {"output_scheme": "uniform"},
        SMALLER_BATCH,
    ),
    "exercise": _exercise(
        "Embedding 50, five tries of a learning rate",
        FIVE_TRIES[-1],
        [
            _first_loss(3.299, 0.003),
            *_dev_losses({100_000: 2.1680, 410_000: 2.1794, 420_000: 2.1472, 520_000: 2.1466}),
            _test_loss(FIVE_TRIES[-1], 2.1446),
        ],
        30,
        SMALL_OUTPUT,
        SMALLER_BATCH,
        [Change(step, {"learning_rate": rate}) for step, rate in zip(FIVE_TRIES, FIVE_RATES[1:], strict=False)],
    ),
    "exercise-direct": _exercise(
        "Embedding 50, direct connections",
        DIRECT_STEPS,
        [*_final_losses(DIRECT_STEPS, None, 2.1274, OTHER_DRAWS), _test_loss(DIRECT_STEPS, 2.1239)],
        8,
        SMALL_OUTPUT | {"direct_connections": True},
        SMALLER_BATCH,
        decay_at=DIRECT_STEPS // 2,
        **STEP_DECAY,
    ),
}

# ---------------------------------------------------------------- a deep MLP

DEEP_STEPS = 1001
DEEP_SATURATION = {"tanh": 0.0278, "tanh2": 0.0256, "tanh3": 0.0225, "tanh4": 0.0169, "tanh5": 0.0188}
DEEP = Recipe(
    "Deep MLP with BatchNorm",
    "Five hidden layers of 100 tanh units with BatchNorm after every linear layer: activations keep the same spread in "
    "all layers.",
    f"{LECTURES}, part 3",
    (
        _n_parameters(47_024),
        _first_loss(3.2870),
        *(
            PublishedNumber(
                f"saturation of {layer}", share, 6e-5, measures.saturation(layer, 0.97, DEEP_STEPS - 1), "share"
            )
            for layer, share in DEEP_SATURATION.items()
        ),
        *_final_losses(DEEP_STEPS, 2.4003, 2.3982),
    ),
    0.1,
    RunConfig(
        corpus=NAMES,
        model=MLPConfig(
            hidden_layers=5,
            hidden=100,
            hidden_scale=0.6,  # of the tanh gain 5 / 3: weights of 1 / sqrt(fan_in), since BatchNorm sets the scale
            batch_norm="all",
            output_scheme="kaiming",
            output_scale=0.1,
        ),
        train=TrainConfig(steps=DEEP_STEPS, seed=SEED),
    ),
)

# ---------------------------------------------------------------- WaveNet


def _wavenet(
    title: str, numbers: Sequence[PublishedNumber], minutes: float, model: MLPConfig | WaveNetConfig
) -> Recipe:
    return Recipe(
        title,
        "Batch size 32; the learning rate drops from 0.1 to 0.01 at step 150,000. A longer context lowers the loss, "
        "and so does a hierarchy, if it is large enough.",
        f"{LECTURES}, part 5",
        tuple(numbers),
        minutes,
        RunConfig(corpus=NAMES, model=model, train=TrainConfig(steps=200_000, decay_at=150_000, seed=42, **STEP_DECAY)),
    )


# ---------------------------------------------------------------- recurrent networks

CHARACTER_RNN = Recipe(
    "Character RNN in NumPy",
    "100 hidden units, sequences of 25 characters, AdaGrad with learning rate 0.1, on a novel in lower case. It is not "
    "the novel that was published, so the published numbers are only a guide.",
    "Karpathy, min-char-rnn, on a novel of 1.1 MB with 54 characters",
    tuple(
        PublishedNumber(
            f"smoothed loss at {step:,}", loss, 1.5, measures.smoothed_loss(step), step=step, n_characters=25
        )
        for step, loss in [(10_000, 53.0), (40_000, 49.8), (120_000, 47.2)]
    ),
    3,
    RunConfig(
        corpus=CorpusConfig(source="war-and-peace", lower_case=True),
        model=RNNConfig(),
        train=TrainConfig(steps=120_000, evaluate_every=10_000, seed=SEED, clip="value", clip_threshold=5.0),
    ),
    text="war-and-peace",
)

# ---------------------------------------------------------------- photographs

OTHER_IMAGES = "It was not published which images were used, and how the weights were drawn."

PHOTOGRAPHS = Recipe(
    "Photographs, 1,000 of CIFAR-10",
    "A linear classifier with learning rate 0.01, and one with 100 hidden ReLU units and learning rate 0.1: 100 passes "
    f"over 1,000 photographs. It needs {cifar10.ARCHIVE.filename} in the data folder, from {cifar10.ARCHIVE.url}.",
    "Krizhevsky 2009 (CIFAR-10); classifiers from scratch",
    tuple(
        _computed(name, loss, tolerance, reason=OTHER_IMAGES)
        for name, loss, tolerance in [
            ("first loss, linear", 2.330, 0.03),
            ("loss after 100 passes, linear", 1.949, 0.05),
            ("first loss, 100 hidden units", 2.302, 0.002),
            ("loss after 100 passes, 100 hidden units", 2.0, 0.15),
        ]
    ),
    minutes=0.3,
    compute=train_on_photographs,
    text="",
)

# ---------------------------------------------------------------- all of them

RECIPES: dict[str, Recipe] = {
    "counting": COUNTING,
    "neural-bigram": NEURAL_BIGRAM,
    "mlp-naive": _initialization("everything standard normal", 11_897, 27.8817, 0.61, 2.12, 2.17, 0.01),
    "mlp-output": _initialization("output × 0.01", 11_897, 3.3221, 0.61, 2.0696, 2.1311),
    "mlp-scaled": _initialization("output × 0.01, hidden × 0.2", 11_897, 3.3135, 0.010, 2.0356, 2.1027),
    "mlp-kaiming": _initialization("output × 0.01, hidden Kaiming", 11_897, 3.3179, 0.081, 2.0377, 2.1070),
    "mlp-batchnorm": _initialization("output × 0.01, hidden Kaiming, BatchNorm", 12_097, 3.3239, 0.004, 2.0674, 2.1057),
    **EXERCISES,
    "deep-batchnorm": DEEP,
    "wavenet-flat-3": _wavenet(
        "MLP, context 3",
        _final_losses(200_000, 2.058, 2.105, OTHER_DRAWS),
        2.0,
        MLPConfig(context=3, batch_norm="hidden"),
    ),
    "wavenet-flat-8": _wavenet(
        "MLP, context 8",
        [_n_parameters(22_097), *_final_losses(200_000, 1.918, 2.027, OTHER_DRAWS)],
        2.3,
        MLPConfig(context=8, batch_norm="hidden"),
    ),
    "wavenet": _wavenet(
        "WaveNet",
        [_n_parameters(22_397), *_final_losses(200_000, 1.912, 2.022, OTHER_DRAWS)],
        6.9,
        WaveNetConfig(),
    ),
    "wavenet-wrong-axis": _wavenet(
        "WaveNet, BatchNorm over the batch alone",
        [_n_parameters(22_397), *_final_losses(200_000, 1.941, 2.029, OTHER_DRAWS)],
        6.9,
        WaveNetConfig(norm_axes="batch"),
    ),
    "wavenet-large": _wavenet(
        "WaveNet, embedding 24, 128 hidden units",
        [_n_parameters(76_579), *_final_losses(200_000, 1.769, 1.9937)],
        7.2,
        WaveNetConfig(embedding=24, hidden=128),
    ),
    "char-rnn": CHARACTER_RNN,
    "cifar-10": PHOTOGRAPHS,
}
"""All recipes by name. A new one is a new entry here."""


def find_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        UserError: if there is no such recipe; lists all of them.
    """
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name[:40]!r}. Choose one of: {', '.join(RECIPES)}.")
    return RECIPES[name]


def measure_recipe(name: str, evidence: Evidence) -> list[float | None]:
    """`lmcore.recipes.recipe.measure` for the recipe of a name, which can be sent to a worker.

    Raises:
        UserError: if there is no such recipe, or its text is not on this computer.
    """
    return measure(find_recipe(name), evidence)


def matching_recipe(config: BaseRunConfig) -> str | None:
    """The name of the recipe that a run follows, whatever its number of steps; None if it follows none.

    Its settings may be those after any of the recipe's changes.
    """
    for name, recipe in RECIPES.items():
        if recipe.config is None or type(config) is not type(recipe.config):
            continue
        if config.with_train(steps=recipe.config.train.steps) in _stages(recipe.config, recipe.changes):
            return name
    return None


def _stages(config: BaseRunConfig, changes: Sequence[Change]) -> Iterator[BaseRunConfig]:
    """The config at the start and after each change."""
    yield config
    for change in changes:
        config = config.with_train(**change.settings)
        yield config
