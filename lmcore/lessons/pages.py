"""The registry of the pages that a lesson may open.

`lmcore.lessons.places` finds pages, settings and places by name.
"""

from typing import Annotated

from lmcore.config import Config, Field
from lmcore.data.datasets import IMAGES, DataConfig
from lmcore.inspection.lr_finder import SweepConfig
from lmcore.inspection.treatments import HEALTHY
from lmcore.lessons.lesson_page import (
    LessonPage,
    Place,
    SpecialSettings,
    charts,
    classifier_page,
    flat_settings,
    one_of,
    panel,
    run_page,
    setting_places,
    text_page,
)
from lmcore.models.mlp import MLPConfig
from lmcore.models.ngram import CountConfig
from lmcore.models.numpy_linear import SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifierConfig
from lmcore.training.config import ClassifierTrainConfig, TrainConfig

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
    **charts("smoothed", "Smoothing", smoothed_pairs="Heatmap of the smoothed", moved_pairs="Heatmap of what"),
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

    data: Annotated[str, one_of(_TOYS)] = Field("clouds", description="Toy data set.")
    model: Annotated[str, one_of(["softmax-regression", "logistic-regression"])] = Field(
        "softmax-regression", description="Model family."
    )


class _Images(Config):
    """What the page Images lets one choose first."""

    data: Annotated[str, one_of(IMAGES)] = Field("digits", description="Images; photographs must be downloaded first.")
    model: Annotated[str, one_of(_IMAGE_MODELS)] = Field("mlp-classifier", description="Model family.")


def _linear(data: str) -> type[Config]:
    """The settings of the page Linear with a toy data set."""
    defaults = {"data": data, "initialization": "normal", "steps": 100_000, "learning_rate": 0.0005}
    return flat_settings(
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
    return flat_settings(
        (_Images, ["data", "model"]),
        (DataConfig, ["examples", *_SPLIT]),
        _IMAGE_MODELS[model],
        (ClassifierTrainConfig, _CLASSIFIER_TRAIN),
        defaults=defaults | ({"initialization": "0.01"} if model == "mlp-classifier" else {}),
        names={"data_seed": "seed"},
    )


PAGES: dict[str, LessonPage] = {
    "dataset": text_page(
        {
            "context length": Place("context"),
            "character frequencies": Place("frequencies"),
            "lengths": Place("lengths"),
            "excerpt": Place("excerpt"),
        },
        (SpecialSettings, ["context"]),
    ),
    "bigram": text_page(
        _BIGRAM, (SpecialSettings, ["smoothing"]), (CountConfig, ["counted"]), tabs="bigram_tab", actions=["sample"]
    ),
    "neural-bigram": run_page(
        "neural-bigram",
        [],
        ["learning_rate", "steps", "full_batch", "batch_size", *_PENALTY, "seed", *_MORE],
        panel("Train") | {"compared with counts": Place(".against", tab="Train")},
        {"learning_rate": 50.0, "steps": 3000, "full_batch": True, "evaluate_every": 500},
        "_tab",
    ),
    "mlp": run_page(
        "mlp",
        [*_MLP, *_INITIALIZATION, *_NORM],
        [*_TRAIN, *_OPTIMIZER, *_PENALTY, "l2_embedding", "l2_hidden", "l2_output", *_CLIP, "one_batch", *_MORE],
        panel() | {"train, dev and test": Place(".splits")},
        hidden=[*_INITIALIZATION, *_NORM],
    ),
    "initialization": text_page(
        {
            "preset": Place("_preset"),
            **charts(
                ".start",
                first_predictions="Heatmap of the first",
                logits="Histogram of the logits",
                pre_activations="Histogram of the pre-activations",
                activations="Histogram of the activations",
            ),
        },
        (SpecialSettings, ["preset"]),
        (MLPConfig, _MLP[:-1]),
        (TrainConfig, ["learning_rate", "batch_size", "seed"]),
    ),
    "learning-rate": text_page(
        {
            **setting_places([*SweepConfig.model_fields, *_MLP[:4], *_SWEPT]),
            "loss over learning rate": Place(".curve"),
        },
        (SweepConfig, list(SweepConfig.model_fields)),
        (MLPConfig, _MLP[:4]),
        (TrainConfig, _SWEPT),
        defaults={"steps": 5000},
    ),
    "embeddings": run_page(
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
    "wavenet": run_page(
        "wavenet",
        ["context", "embedding", "hidden", "batch_norm", "norm_axes", "output_scale"],
        [*_TRAIN, "schedule", "optimizer"],
        panel() | {"tree": Place(".tree")},
        {"steps": 20_000},
    ),
    "rnn": run_page(
        "rnn",
        ["hidden", "sequence", "scale"],
        ["learning_rate", "steps", *_CLIP, "schedule", "evaluate_every", "seed"],
        panel("Train"),
        tabs="_tab",
    ),
    "gru-lstm": run_page(
        "recurrent",
        ["cell", "embedding", "hidden", "layers", "dropout", "sequence"],
        [*_TRAIN, "optimizer", "schedule", "factor", *_CLIP, "evaluate_every"],
        panel("Train"),
        {"steps": 3000, "optimizer": "adam", "learning_rate": 0.004, "evaluate_every": 500},
        "_tab",
    ),
    "linear": classifier_page(
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
    "images": classifier_page(
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
    "activations": run_page(
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
    "batchnorm": text_page(
        {
            "batch size": Place("_batch_size"),
            "unit": Place("_unit"),
            "gain": Place("_gain", tab="One batch"),
            "bias": Place("_bias", tab="One batch"),
            **charts(
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
        (SpecialSettings, ["batch_size", "unit"]),
        (TrainConfig, ["seed"]),
        tabs="_tab",
    ),
    "backprop": text_page(
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
    "sample": text_page(
        {
            "texts": Place(".written", tab="Generate"),
            "new texts": Place(".new", tab="Generate"),
            "scored text": Place(".reading", tab="Score a text"),
            "game": Place(".game", tab="Guessing game"),
        },
        tabs="_tab",
    ),
}
