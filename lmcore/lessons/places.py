"""The pages that a lesson may open: their settings, what can be done there, and the places that can be pointed at.

A place is named in the words of the page. Its widget or component is found by the page's prefix of keys, which the app
adds; a lesson never contains a selector.
"""

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, create_model

from lmcore import families
from lmcore.config import Config, Field
from lmcore.data.corpora import CorpusConfig
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.inspection.initialization import PRESETS
from lmcore.inspection.treatments import HEALTHY
from lmcore.lessons.lesson import Go, Lesson
from lmcore.models.mlp import MLPConfig
from lmcore.models.ngram import SMOOTHING, CountConfig
from lmcore.nn.initialization import GAINS
from lmcore.training.config import TrainConfig

TEXT = ("alphabet", "lower_case", "only_letters", "drop_duplicates", "max_vocabulary", "split_seed")
"""Settings of the text, which all pages share."""

RUN_ACTIONS = ("start", "pause", "step", "rewind", "reset", "fork", "sample")


@dataclass(frozen=True)
class Place:
    """Something on a page: a widget, or a component or one of its parts."""

    key: str  # of the widget or component; one that begins with "." or "_" follows the page's prefix (`full_key`)
    part: str = ""  # beginning of the heading or of the alternative text of one part of a component
    tab: str = ""  # title of the tab that must be open
    needs_run: bool = False  # whether it appears only after the first step of a run


@dataclass(frozen=True)
class LessonPage:
    """A page that a lesson may open."""

    settings: type[Config]  # all its settings by flat name, with the page's defaults
    places: Mapping[str, Place]  # by name
    actions: Collection[str] = ()  # what `Do` can do there
    family: str = ""  # of the runs that it starts; "" if it starts none
    tabs: str = ""  # key of its row of tabs


def full_key(key: str, prefix: str) -> str:
    """The key of a place or a row of tabs on the page whose keys have a prefix."""
    return prefix + key if key.startswith((".", "_")) else key


# ---------------------------------------------------------------- settings


def _one_of(choices: Collection[Any]) -> AfterValidator:
    """Refuses every value that a page does not offer."""

    def check(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"choose one of: {', '.join(map(str, choices))}")
        return value

    return AfterValidator(check)


class _Special(Config):
    """Settings of single pages that no other config has."""

    gain: float = Field(HEALTHY["gain"], ge=0.5, le=3.0, description="Gain of the hidden weights.")
    context: int = Field(3, ge=1, le=16, description="Length of the sliding windows in characters.")
    preset: Annotated[str, _one_of(PRESETS)] = Field(next(iter(PRESETS)), description="Initialization by name.")
    smoothing: Annotated[float, _one_of(SMOOTHING)] = Field(1.0, description="k of add-k smoothing.")
    batch_size: Annotated[int, _one_of([2, 4, 8, 16, 32, 64, 128, 256])] = Field(32, description="Examples per batch.")
    unit: int = Field(1, ge=1, le=100, description="Hidden unit to look at.")


def _settings(*parts: tuple[type[Config], Collection[str]], defaults: Mapping[str, Any] | None = None) -> type[Config]:
    """One flat config of some fields of others, and of the text's.

    Args:
        parts: configs, each with the names of its fields.
        defaults: of the page, where they differ from those of the configs.
    """
    fields: dict[str, Any] = {}
    given: list[tuple[type[Config], Collection[str]]] = [*parts, (CorpusConfig, TEXT)]
    for config, names in given:
        for name in names:
            info = copy.copy(config.model_fields[name])
            info.default = (defaults or {}).get(name, info.default)
            fields[name] = (info.annotation, info)
    return create_model("Settings", __base__=Config, **fields)


def settings(lesson: Lesson, go: Go) -> dict[str, Any]:
    """All settings of a page that a lesson opens, by flat name: those it gives, its seed, and the page's defaults.

    Raises:
        UserError: if there is no such page, or a setting does not exist there or does not fit.
    """
    config = find(go.page).settings
    seed = {"seed": lesson.seed} if "seed" in config.model_fields else {}
    return config.parse(seed | go.set).model_dump()


def parameters(lesson: Lesson, go: Go, prefix: str) -> dict[str, Any]:
    """The same settings by the keys of their widgets, the text included: what a link to the page sets.

    Args:
        lesson: with the text and the seed.
        go: the page and its settings.
        prefix: of the keys of the page's widgets.
    """
    keys = {name: full_key(name if name in TEXT or not prefix else f"_{name}", prefix) for name in settings(lesson, go)}
    return {"text": lesson.data} | {keys[name]: value for name, value in settings(lesson, go).items()}


def run_config(lesson: Lesson, go: Go) -> AnyRunConfig | None:
    """The config of the run that Start begins on a page; None where no run begins. Errors as for `settings`."""
    page, values = find(go.page), settings(lesson, go)
    if not page.family:
        return None
    if "gain" in values:
        values["hidden_scale"] = values.pop("gain") / GAINS[values["activation"]]
    return families.run_config_from_settings({"family": page.family, "source": lesson.data} | values)


# ---------------------------------------------------------------- places

_TEXT_PLACES = {"text": Place("text")}
_RUN_PLACES = {
    "start button": Place(".go"),
    "one step button": Place(".step"),
    "reset button": Place(".reset"),
}


def _fields(names: Collection[str]) -> dict[str, Place]:
    """The widgets of settings, named as they are labeled, in lower case."""
    return {name.replace("_", " "): Place(f"_{name}") for name in names}


def _panel(tab: str = "", *, play: bool = True) -> dict[str, Place]:
    """The live pictures of a language model's run, and the slider that selects a snapshot."""
    pictures = {
        "numbers": Place(".live", tab=tab),
        "loss chart": Place(".live", "Loss curve", tab),
        "next character": Place(".live", "Heatmap of the probability", tab),
        "samples": Place(".live", "Samples", tab),
        "time slider": Place(".at", tab=tab, needs_run=True),
    }
    return pictures | ({"play button": Place(".play", tab=tab, needs_run=True)} if play else {})


def _charts(key: str, tab: str = "", **parts: str) -> dict[str, Place]:
    """Charts of one component: their names, with _ for spaces, and the beginnings of their alternative texts."""
    return {name.replace("_", " "): Place(key, part, tab) for name, part in parts.items()}


# ---------------------------------------------------------------- pages


def _text_page(
    places: Mapping[str, Place],
    *parts: tuple[type[Config], Collection[str]],
    tabs: str = "",
    actions: Collection[str] = (),
) -> LessonPage:
    """A page that starts no run."""
    return LessonPage(_settings(*parts), _TEXT_PLACES | dict(places), actions, tabs=tabs)


def _run_page(
    family: str,
    model: Collection[str],
    train: Collection[str],
    places: Mapping[str, Place],
    defaults: Mapping[str, Any] | None = None,
    tabs: str = "",
    hidden: Collection[str] = (),
) -> LessonPage:
    """A page that trains models of a family.

    Args:
        family: of the models.
        model: settings of the model that the page has widgets for.
        train: settings of the training that it has widgets for.
        places: on the page, beside its text, its buttons and these widgets.
        defaults: of the page, where they differ from those of the configs.
        tabs: key of the row of tabs.
        hidden: settings whose widgets disappear with the first step.
    """
    found = families.find(family)
    config = _settings(
        *((found.config if name in found.config.model_fields else _Special, [name]) for name in model),
        (TrainConfig, train),
        defaults={**found.train_defaults, **(defaults or {})},
    )
    widgets = _fields([name for name in (*model, *train) if name not in hidden])
    named = _TEXT_PLACES | _RUN_PLACES | widgets | dict(places)
    return LessonPage(config, named, RUN_ACTIONS, family, tabs)


_INITIALIZATION = [name for name in MLPConfig.model_fields if name.endswith(("_scheme", "_scale"))]
_NORM = ["batch_norm", "norm_momentum"]
_MLP = ["context", "embedding", "hidden", "hidden_layers", "activation", "direct_connections"]
_TRAIN = ["learning_rate", "batch_size", "steps", "seed"]
_MORE = ["evaluate_every", "minutes"]
_OPTIMIZER = ["optimizer", "momentum", "weight_decay", "schedule", "factor", "decay_at", "warmup"]
_PENALTY = ["l2", "l2_reduction"]
_CLIP = ["clip", "clip_threshold"]
_BIGRAM = {
    "pairs": Place("pairs", tab="Pairs"),
    "counts or probabilities": Place("show", tab="Pairs"),
    "followers": Place("follows", tab="Pairs"),
    "search": Place("search", tab="Pairs"),
    "smoothing": Place("smoothing"),
    "counted": Place("counted"),
    **_charts("smoothed", "Smoothing", smoothed_pairs="Heatmap of the smoothed", moved_pairs="Heatmap of what"),
    "word to score": Place("class", tab="Score words"),
    "surprise": Place("surprise", tab="Score words"),
    "dart": Place("dart_chart", tab="Sampling"),
    "character slider": Place("dart", tab="Sampling"),
    "temperature": Place("sample_temperature", tab="Sampling"),
    "orders": Place("growth", tab="n-grams"),
    "mixing": Place("mixing", tab="n-grams"),
}
_ACTIVATIONS = {
    "preset": Place(".case"),
    "numbers": Place(".live", tab="MLP & WaveNet"),
    "loss chart": Place(".updates", "Loss curve", "MLP & WaveNet"),
    "update sizes": Place(".updates", "Size of the updates", "MLP & WaveNet"),
    "histograms": Place(".distributions", tab="MLP & WaveNet"),
    "saturation board": Place(".board", tab="MLP & WaveNet"),
    "one unit": Place(".unit", tab="MLP & WaveNet"),
    "time slider": Place(".at", tab="MLP & WaveNet", needs_run=True),
    "play button": Place(".play", tab="MLP & WaveNet", needs_run=True),
}

PAGES: dict[str, LessonPage] = {
    "dataset": _text_page(
        {
            "context length": Place("context"),
            "character frequencies": Place("frequencies"),
            "lengths": Place("lengths"),
            "excerpt": Place("excerpt"),
        },
        (_Special, ["context"]),
    ),
    "bigram": _text_page(
        _BIGRAM, (_Special, ["smoothing"]), (CountConfig, ["counted"]), tabs="bigram_tab", actions=["sample"]
    ),
    "neural-bigram": _run_page(
        "neural-bigram",
        [],
        ["learning_rate", "steps", "full_batch", "batch_size", *_PENALTY, "seed", *_MORE],
        _panel("Train") | {"compared with counts": Place(".against", tab="Train")},
        {"learning_rate": 50.0, "steps": 3000, "full_batch": True, "evaluate_every": 500},
        "_tab",
    ),
    "mlp": _run_page(
        "mlp",
        [*_MLP, *_INITIALIZATION, *_NORM],
        [*_TRAIN, *_OPTIMIZER, *_PENALTY, "l2_embedding", "l2_hidden", "l2_output", *_CLIP, "one_batch", *_MORE],
        _panel() | {"train, dev and test": Place(".splits")},
        hidden=[*_INITIALIZATION, *_NORM],
    ),
    "initialization": _text_page(
        {
            "preset": Place("_preset"),
            **_charts(
                ".start",
                first_predictions="Heatmap of the first",
                logits="Histogram of the logits",
                pre_activations="Histogram of the pre-activations",
                activations="Histogram of the activations",
            ),
        },
        (_Special, ["preset"]),
        (MLPConfig, _MLP[:-1]),
        (TrainConfig, ["learning_rate", "batch_size", "seed"]),
    ),
    "embeddings": _run_page(
        "mlp",
        ["embedding", "context", "hidden"],
        _TRAIN,
        {
            "numbers": Place(".live"),
            "map": Place(".map"),
            "similarity": Place(".similarity"),
            "time slider": Place(".at", needs_run=True),
        },
        {"embedding": 2, "steps": 20_000},
    ),
    "wavenet": _run_page(
        "wavenet",
        ["context", "embedding", "hidden", "batch_norm", "norm_axes", "output_scale"],
        [*_TRAIN, "schedule", "optimizer"],
        _panel() | {"tree": Place(".tree")},
        {"steps": 20_000},
    ),
    "rnn": _run_page(
        "rnn",
        ["hidden", "sequence", "scale"],
        ["learning_rate", "steps", *_CLIP, "schedule", "evaluate_every", "seed"],
        _panel("Train"),
        tabs="_tab",
    ),
    "gru-lstm": _run_page(
        "recurrent",
        ["cell", "embedding", "hidden", "layers", "dropout", "sequence"],
        [*_TRAIN, "optimizer", "schedule", "factor", *_CLIP, "evaluate_every"],
        _panel("Train"),
        {"steps": 3000, "optimizer": "adam", "learning_rate": 0.004, "evaluate_every": 500},
        "_tab",
    ),
    "activations": _run_page(
        "mlp",
        [
            "gain",
            "hidden_layers",
            "hidden",
            "activation",
            "batch_norm",
            "hidden_scheme",
            "hidden_bias_scale",
            "output_scale",
        ],
        [*_TRAIN, "optimizer"],
        _ACTIVATIONS,
        HEALTHY | {"steps": 20_000},
        "_tab",
    ),
    "batchnorm": _text_page(
        {
            "batch size": Place("_batch_size"),
            "unit": Place("_unit"),
            "gain": Place("_gain", tab="One batch"),
            "bias": Place("_bias", tab="One batch"),
            **_charts(
                ".one",
                "One batch",
                before="Histogram of the batch before",
                after="Histogram of the batch after",
                output_against_input="Output against input",
                shifts="Shift of each other",
            ),
            "running statistics": Place(".running", tab="Running statistics"),
            "folding": Place(".fold", tab="Folding"),
        },
        (_Special, ["batch_size", "unit"]),
        (TrainConfig, ["seed"]),
        tabs="_tab",
    ),
}


def find(name: str) -> LessonPage:
    """The page of a path in addresses.

    Raises:
        UserError: if no lesson may open it.
    """
    if name not in PAGES:
        raise UserError(f"A lesson cannot open the page {name[:40]!r}. Choose one of: {', '.join(PAGES)}.")
    return PAGES[name]


def find_place(page: str, name: str) -> Place:
    """A place on a page.

    Raises:
        UserError: if there is no such page or place.
    """
    places = find(page).places
    if name not in places:
        raise UserError(f"The page {page} has no place {name[:40]!r}. Choose one of: {', '.join(places)}.")
    return places[name]
