"""The registry of the pages that a lesson may open: their settings, what can be done there, and what to point at.

`lmcore.lessons.places` finds pages, settings and places by name.
"""

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, create_model

from lmcore import families
from lmcore.config import Config, Field
from lmcore.data.corpora import CorpusConfig
from lmcore.data.datasets import IMAGES, DataConfig
from lmcore.inspection.initialization import PRESETS
from lmcore.inspection.lr_finder import SweepConfig
from lmcore.inspection.treatments import HEALTHY
from lmcore.models.mlp import MLPConfig
from lmcore.models.ngram import SMOOTHING, CountConfig
from lmcore.models.numpy_linear import SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifierConfig
from lmcore.training.config import ClassifierTrainConfig, TrainConfig

TEXT = ("alphabet", "lower_case", "only_letters", "drop_duplicates", "max_vocabulary", "split_seed")
"""Settings of the text, which all pages share that have one."""

RUN_ACTIONS = ("start", "pause", "step", "rewind", "reset", "fork", "sample")


@dataclass(frozen=True)
class Place:
    """Something on a page: a widget, or a component or one of its parts."""

    key: str  # of the widget or component
    part: str = ""  # beginning of the heading or of the alternative text of one part of a component
    tab: str = ""  # title of the tab that must be open
    needs_run: bool = False  # whether it appears only after the first step of a run


@dataclass(frozen=True)
class LessonPage:
    """A page that a lesson may open.

    Keys that begin with "." or "_" follow the page's prefix (`places.full_key`).
    """

    settings: type[Config]  # all its settings by flat name, with the page's defaults
    places: Mapping[str, Place]  # by name
    actions: Collection[str] = ()  # what `Do` can do there
    family: str = ""  # of the runs that it starts; "" if it starts none
    tabs: str = ""  # key of its row of tabs
    decides: str = ""  # the setting that decides which others there are
    variants: Mapping[str, type[Config]] = field(default_factory=dict)  # all settings, by its values
    keys: Mapping[str, str] = field(default_factory=dict)  # of the widgets of settings, where the names do not say it

    @property
    def reads_text(self) -> bool:
        """Whether the page shows the lesson's text."""
        return TEXT[0] in self.settings.model_fields

    def settings_with(self, given: Mapping[str, Any]) -> type[Config]:
        """All settings that the page has when some have given values."""
        return self.variants.get(str(given.get(self.decides)), self.settings)


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


def _settings(
    *parts: tuple[type[Config], Collection[str]],
    defaults: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
) -> type[Config]:
    """One flat config of some fields of others.

    Args:
        parts: configs, each with the flat names of its fields.
        defaults: of the page, where they differ from those of the configs.
        names: of fields in their configs, where they differ from the flat ones.
    """
    fields: dict[str, Any] = {}
    for config, flat_names in parts:
        for name in flat_names:
            info = copy.copy(config.model_fields[(names or {}).get(name, name)])
            info.default = (defaults or {}).get(name, info.default)
            fields[name] = (info.annotation, info)
    return create_model("Settings", __base__=Config, **fields)


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
    defaults: Mapping[str, Any] | None = None,
    tabs: str = "",
    actions: Collection[str] = (),
) -> LessonPage:
    """A page that starts no run."""
    return LessonPage(
        _settings(*parts, (CorpusConfig, TEXT), defaults=defaults), _TEXT_PLACES | dict(places), actions, tabs=tabs
    )


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
        (CorpusConfig, TEXT),
        defaults={**found.train_defaults, **(defaults or {})},
    )
    widgets = _fields([name for name in (*model, *train) if name not in hidden])
    named = _TEXT_PLACES | _RUN_PLACES | widgets | dict(places)
    return LessonPage(config, named, RUN_ACTIONS, family, tabs)


def _classifier_page(
    variants: Mapping[str, type[Config]], decides: str, family: str, data: Collection[str], places: Mapping[str, Place]
) -> LessonPage:
    """A page that trains classifiers; its settings are those of its first variant until a lesson chooses another one.

    Args:
        variants: all settings, by the value of the setting that decides.
        decides: name of that setting.
        family: of the models, by default.
        data: settings of the data in any variant.
        places: on the page, beside its buttons and the widgets of its settings.
    """
    settings, *_ = variants.values()
    keys = {name: f"_data_{name}" for name in data} | {"data": "_data_source", "data_seed": "_data_seed"}
    keys["model"] = "_family"
    widgets = {name.replace("_", " "): Place(keys.get(name, f"_{name}")) for name in settings.model_fields}
    actions = [action for action in RUN_ACTIONS if action != "sample"]
    return LessonPage(settings, _RUN_PLACES | widgets | dict(places), actions, family, "_tab", decides, variants, keys)


_INITIALIZATION = [name for name in MLPConfig.model_fields if name.endswith(("_scheme", "_scale"))]
_NORM = ["batch_norm", "norm_momentum"]
_MLP = ["context", "embedding", "hidden", "hidden_layers", "activation", "direct_connections"]
_TRAIN = ["learning_rate", "batch_size", "steps", "seed"]
_SWEPT = ["optimizer", "batch_size", "seed", "steps"]
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

_SPLIT = ["dev_share", "test_share", "normalize", "data_seed"]
_CLASSIFIER_TRAIN = [
    *("descent", "batch_size", "learning_rate", "steps", "evaluate_every", "seed"),
    *("schedule", "factor", "decay_every", "patience", "min_change", "watch"),
    *(*_CLIP, "early_stopping", "stop_patience"),
]
_TOYS = {
    "clouds": ["examples", "features", "classes", "separation", "mislabeled"],
    "blobs": ["examples", "features", "classes", "separation"],
    "moons": ["examples", "noise"],
    "circles": ["examples", "noise"],
}
_IMAGE_MODELS: dict[str, tuple[type[Config], list[str]]] = {
    "mlp-classifier": (
        MLPClassifierConfig,
        ["hidden_layers", "hidden", "hidden_2", "hidden_3", "activation", "initialization"],
    ),
    "softmax-regression": (SoftmaxConfig, ["initialization", "scale"]),
}


class _Linear(Config):
    """What the page Linear lets one choose first."""

    data: Annotated[str, _one_of(_TOYS)] = Field("clouds", description="Toy data set.")
    model: Annotated[str, _one_of(["softmax-regression", "logistic-regression"])] = Field(
        "softmax-regression", description="Model family."
    )


class _Images(Config):
    """What the page Images lets one choose first."""

    data: Annotated[str, _one_of(IMAGES)] = Field("digits", description="Images; photographs must be downloaded first.")
    model: Annotated[str, _one_of(_IMAGE_MODELS)] = Field("mlp-classifier", description="Model family.")


def _linear(data: str) -> type[Config]:
    """The settings of the page Linear with a toy data set."""
    defaults = {"data": data, "initialization": "normal", "steps": 100_000, "learning_rate": 0.0005}
    return _settings(
        (_Linear, ["data", "model"]),
        (DataConfig, [*_TOYS[data], *_SPLIT]),
        (SoftmaxConfig, ["initialization", "scale"]),
        (ClassifierTrainConfig, _CLASSIFIER_TRAIN),
        defaults=defaults | ({"separation": 1.6, "data_seed": 7} if data == "clouds" else {}),
        names={"data_seed": "seed"},
    )


def _images(model: str) -> type[Config]:
    """The settings of the page Images with a model family."""
    defaults = {"model": model, "examples": 2000, "steps": 20_000, "learning_rate": 0.05}
    return _settings(
        (_Images, ["data", "model"]),
        (DataConfig, ["examples", *_SPLIT]),
        _IMAGE_MODELS[model],
        (ClassifierTrainConfig, _CLASSIFIER_TRAIN),
        defaults=defaults | ({"initialization": "0.01"} if model == "mlp-classifier" else {}),
        names={"data_seed": "seed"},
    )


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
    "learning-rate": _text_page(
        {
            **_fields([*SweepConfig.model_fields, *_MLP[:4], *_SWEPT]),
            "loss over learning rate": Place(".curve"),
        },
        (SweepConfig, list(SweepConfig.model_fields)),
        (MLPConfig, _MLP[:4]),
        (TrainConfig, _SWEPT),
        defaults={"steps": 5000},
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
    "linear": _classifier_page(
        {data: _linear(data) for data in _TOYS},
        "data",
        "softmax-regression",
        {name for names in _TOYS.values() for name in names} | {*_SPLIT},
        {
            "decision regions": Place("clf.live", "Decision regions", "Training"),
            "learning curves": Place("clf.live", "Loss and accuracy", "Training"),
            "time slider": Place(".at", tab="Training", needs_run=True),
            "train, dev and test": Place(".splits", tab="Training"),
            "confusion matrix": Place(".confusion", tab="Confusion matrix"),
            "scores and probabilities": Place("clf.product", tab="Formulas"),
            "loss surface": Place("clf.surface", tab="Loss surface"),
        },
    ),
    "images": _classifier_page(
        {model: _images(model) for model in _IMAGE_MODELS},
        "model",
        "mlp-classifier",
        ["examples", *_SPLIT],
        {
            "weights": Place(".pictures", tab="Training"),
            "time slider": Place(".at", tab="Training", needs_run=True),
            "train, dev and test": Place(".splits", tab="Training"),
            "examples of each class": Place(".gallery", tab="Examples"),
            "confusion matrix": Place(".confusion", tab="Confusion matrix"),
            "worst mistakes": Place("img.worst", tab="Confusion matrix"),
            "units": Place(".units", tab="Hidden units"),
        },
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
    "backprop": _text_page(
        {
            "tensors": Place(".tensors", tab="Tensor by tensor"),
            "tensor slider": Place(".at", tab="Tensor by tensor"),
            "backward button": Place(".back", tab="Tensor by tensor"),
            "gradient to derive": Place(".question", tab="Exam"),
            "model": Place("back.model", tab="Gradient check"),
            "step size": Place("back.h", tab="Gradient check"),
            "largest differences": Place("back.check", tab="Gradient check"),
        },
        (TrainConfig, ["seed"]),
        tabs="_tab",
    ),
    "sample": _text_page(
        {
            "texts": Place(".written", tab="Generate"),
            "new texts": Place(".new", tab="Generate"),
            "scored text": Place(".reading", tab="Score a text"),
            "game": Place(".game", tab="Guessing game"),
        },
        tabs="_tab",
    ),
}
