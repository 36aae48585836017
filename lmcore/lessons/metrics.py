"""What an `expect` can measure: losses of a run, the state of its layers, and what counting a text gives.

Losses are in nats per character. docs/LESSONS.md lists the names.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lmcore import families
from lmcore.data.corpora import SPLITS, Corpus, Split
from lmcore.data.corpus_summary import summarize
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.generation.baselines import COUNT_CONFIGS, UNIFORM, baseline_losses
from lmcore.inspection.activations import LayerRecord, activations
from lmcore.inspection.ngrams import count_pairs
from lmcore.inspection.saturation import saturation
from lmcore.lessons import places
from lmcore.models.ngram import CountConfig, NGram, normalize, score
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot


@dataclass(frozen=True)
class Evidence:
    """What is on the page when something is measured."""

    corpus: Corpus
    settings: Mapping[str, Any]  # of the page, by flat name
    config: AnyRunConfig | None = None  # of the run or the untrained model; None on a page that trains nothing
    snapshots: Sequence[Snapshot] = ()  # of the run or the untrained model

    def snapshot(self, by_step: int | None) -> Snapshot | None:
        """The first snapshot from a step on, or the last one; None if there is none."""
        if by_step is None:
            return self.snapshots[-1] if self.snapshots else None
        return next((snapshot for snapshot in self.snapshots if snapshot.step >= by_step), None)


# ---------------------------------------------------------------- of a run


def _loss(split: Split) -> Callable[[AnyRunConfig, Snapshot], float | None]:
    return lambda config, snapshot: snapshot.loss(split)


def _test_loss(config: AnyRunConfig, snapshot: Snapshot) -> float | None:
    loss: float | None = families.load_trainer(config, snapshot).evaluate("test")
    return loss


def _accuracy(split: Split) -> Callable[[AnyRunConfig, Snapshot], float | None]:
    return lambda config, snapshot: snapshot.metric("accuracy", split)


def _test_accuracy(config: AnyRunConfig, snapshot: Snapshot) -> float | None:
    accuracy: float | None = families.load_trainer(config, snapshot).metrics("test").get("accuracy")
    return accuracy


def _nonlinear(config: AnyRunConfig, snapshot: Snapshot) -> list[LayerRecord]:
    if not isinstance(config, RunConfig) or not families.is_layered(config):
        raise UserError(f"A {config.family} has no layers that can be looked into.")
    return list(activations(config, snapshot).nonlinear_layers.values())


def _saturated(config: AnyRunConfig, snapshot: Snapshot) -> float:
    return float(np.mean([saturation(layer).share for layer in _nonlinear(config, snapshot)]))


def _dead(config: AnyRunConfig, snapshot: Snapshot) -> float:
    return float(sum(len(saturation(layer).dead) for layer in _nonlinear(config, snapshot)))


def _spread(config: AnyRunConfig, snapshot: Snapshot) -> float:
    layers = _nonlinear(config, snapshot)
    return float(layers[-1].output.std() / max(layers[0].output.std(), 1e-30))


def _gradient_spread(config: AnyRunConfig, snapshot: Snapshot) -> float:
    layers = _nonlinear(config, snapshot)
    return float(layers[0].output_gradient.std() / max(layers[-1].output_gradient.std(), 1e-30))


OF_RUNS: dict[str, Callable[[AnyRunConfig, Snapshot], float | None]] = {
    "train": _loss("train"),
    "dev": _loss("dev"),
    "test": _test_loss,
    "step": lambda config, snapshot: snapshot.step,
    "parameters": lambda config, snapshot: families.count_parameters(config, families.load_data(config)),
}
OF_LANGUAGE_MODELS = OF_RUNS | {
    "saturated": _saturated,
    "dead": _dead,
    "spread": _spread,
    "gradient spread": _gradient_spread,
}
OF_CLASSIFIERS = OF_RUNS | {
    "accuracy train": _accuracy("train"),
    "accuracy dev": _accuracy("dev"),
    "accuracy test": _test_accuracy,
}
OF_SNAPSHOTS = OF_LANGUAGE_MODELS | OF_CLASSIFIERS

# ---------------------------------------------------------------- of a text


def _counting(evidence: Evidence, **changes: Any) -> CountConfig:
    """How the page Bigram counts; as it does by default on other pages."""
    own = {name: evidence.settings[name] for name in ("smoothing", "counted") if name in evidence.settings}
    return CountConfig.parse({"smoothing": 1.0} | own | changes)


def _count_loss(split: Literal["all"] | Split) -> Callable[[Evidence], float | None]:
    return lambda evidence: NGram(evidence.corpus, _counting(evidence)).loss(evidence.corpus, split)


def _baseline(name: str) -> Callable[[Evidence], float | None]:
    return lambda evidence: baseline_losses(evidence.corpus).get(name)


OF_TEXTS: dict[str, Callable[[Evidence], float | None]] = {
    **{name: _baseline(name) for name in (UNIFORM, *COUNT_CONFIGS)},
    "characters": lambda evidence: summarize(evidence.corpus).n_characters,
    "documents": lambda evidence: evidence.corpus.n_documents,
    "vocabulary": lambda evidence: len(evidence.corpus.vocabulary),
    "pairs": lambda evidence: int((count_pairs(evidence.corpus) > 0).sum()),
}

OF_COUNTS: dict[str, Callable[[Evidence], float | None]] = {
    split: _count_loss(split) for split in ("all", "train", "dev", "test")
}
"""On the page Bigram."""


def _pair(evidence: Evidence, pair: str) -> tuple[int, int]:
    first, second = (evidence.corpus.vocabulary.index.get(character) for character in pair)
    if first is None or second is None:
        raise UserError(f"The text has no pair {pair!r}.")
    return first, second


def _count(evidence: Evidence, pair: str) -> float:
    return float(count_pairs(evidence.corpus, _counting(evidence).counted)[_pair(evidence, pair)])


def _probability(evidence: Evidence, pair: str) -> float:
    config = _counting(evidence)
    counts = count_pairs(evidence.corpus, config.counted)
    return float(normalize(counts, config.smoothing)[_pair(evidence, pair)])


def _word_loss(evidence: Evidence, word: str) -> float:
    return score(NGram(evidence.corpus, _counting(evidence)), evidence.corpus, word).loss


def _order_loss(evidence: Evidence, order_and_split: str) -> float | None:
    order, split = order_and_split.split()
    model = NGram(evidence.corpus, _counting(evidence, order=int(order), counted="train"))
    return model.loss(evidence.corpus, next(known for known in SPLITS if known == split))


WITH_ARGUMENT: dict[str, tuple[str, Callable[[Evidence, str], float | None]]] = {
    "count": (r"\S\S", _count),
    "probability": (r"\S\S", _probability),
    "loss": (r"\S{1,40}", _word_loss),
    "order": (r"[1-5] (?:train|dev|test)", _order_loss),
}
"""Metrics with an argument after a space, and the pattern of the argument."""

# ---------------------------------------------------------------- by name


def check(name: str, page: str) -> None:
    """Makes sure that a page has a metric.

    Raises:
        UserError: if there is no such metric there.
    """
    names, has_text = _names(page), places.find(page).reads_text
    word, _, argument = name.partition(" ")
    if name in names:
        return
    if has_text and word in WITH_ARGUMENT and re.fullmatch(WITH_ARGUMENT[word][0], argument):
        return
    choices = ", ".join([*names, *(["count qu", "probability qu", "loss emma", "order 3 dev"] if has_text else [])])
    raise UserError(f"The page {page} has no metric {name[:40]!r}. Choose one such as: {choices}.")


def _names(page: str) -> list[str]:
    """The metrics without an argument that a page has."""
    found = places.find(page)
    if not found.reads_text:
        return list(OF_CLASSIFIERS)
    return [*(OF_LANGUAGE_MODELS if found.family else OF_COUNTS if page == "bigram" else ()), *OF_TEXTS]


def measure(name: str, evidence: Evidence, by_step: int | None = None) -> float | None:
    """The value of a metric; None if there is nothing to measure it on.

    Args:
        name: one that `check` has accepted for the page.
        evidence: what is on the page.
        by_step: of a metric of a run, the step from which on the first snapshot counts; the last one counts if None.

    Raises:
        UserError: if the text or the model does not have it.
    """
    word, _, argument = name.partition(" ")
    if name in OF_SNAPSHOTS and evidence.config is not None:
        snapshot = evidence.snapshot(by_step)
        value = None if snapshot is None else OF_SNAPSHOTS[name](evidence.config, snapshot)
    elif name in OF_TEXTS:
        value = OF_TEXTS[name](evidence)
    elif name in OF_COUNTS and "smoothing" in evidence.settings:
        value = OF_COUNTS[name](evidence)
    elif word in WITH_ARGUMENT:
        value = WITH_ARGUMENT[word][1](evidence, argument)
    else:
        value = None
    return None if value is None or math.isnan(value) else value
