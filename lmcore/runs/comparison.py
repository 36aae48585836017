"""Runs beside each other: curves, settings that differ, samples, histograms, where branches part, a leaderboard.

Losses are in nats per character. Dimensions: P points of a curve, S snapshots.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.config import Config, PaceConfig, TaskConfig
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.inspection import activations
from lmcore.inspection.activations import Histograms
from lmcore.models.ngram import CountConfig, NGram
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.runs.engine import RunView
from lmcore.runs.store import Header
from lmcore.training import trainers
from lmcore.training.classifiers import ClassifierTrainConfig
from lmcore.training.history import Floats, Snapshot, loss_curve
from lmcore.training.trainers import AnyRunConfig
from lmcore.training.training import DivergedError, RunConfig

By = Literal["steps", "seconds", "characters"]
AXES: dict[By, str] = {
    "steps": "step",
    "seconds": "training time (seconds)",
    "characters": "characters seen in training",
}

MAX_REPLAYED = 2000
"""Steps after the last common snapshot in which the parting of two branches is looked for."""


# ---------------------------------------------------------------- what can be compared


def learns_from(config: TaskConfig) -> str:
    """What a run learns from and to do, as one text: runs with equal ones can be compared by their losses."""
    return repr(config.model_dump(exclude={"model", "train"}))


def caveats(configs: Sequence[TaskConfig]) -> list[str]:
    """In words, what must be kept in mind when the losses of these runs are compared."""
    if len({config.task for config in configs}) > 1:
        return ["These runs learn different tasks: their losses have different units and cannot be compared."]
    if len({learns_from(config) for config in configs}) > 1:
        return ["These runs learn from different data: a lower loss may only mean easier data."]
    return []


def names(headers: Sequence[Header]) -> dict[str, str]:
    """What to call each run, by its id: its own name or its model's, with the beginning of its id where two are alike.

    They are as people gave them: text, never markup.
    """
    given = {header.id: header.about.name or header.config.family or "run" for header in headers}
    alike = Counter(given.values())
    return {
        run_id: f"{name} {run_id[:4]}" if alike[name] > 1 or not known.about.name else name
        for (run_id, name), known in zip(given.items(), headers, strict=True)
    }


def matching(
    headers: Sequence[Header],
    text: str = "",
    families: Collection[str] = (),
    data: Collection[str] = (),
    statuses: Collection[str] = (),
    starred: bool = False,
) -> list[Header]:
    """The runs that fit: every word of the text occurs in what the table says of them; an empty choice fits all."""
    words = text.casefold().split()
    return [
        header
        for header in headers
        if (not families or header.config.family in families)
        and (not data or header.config.data_name in data)
        and (not statuses or header.status in statuses)
        and (not starred or header.about.starred)
        and all(word in _told(header) for word in words)
    ]


def _told(header: Header) -> str:
    config = header.config
    told = [header.id, header.about.name, header.about.note, config.family, config.data_name, key_settings(config)]
    return " ".join(told).casefold()


# ---------------------------------------------------------------- settings


def key_settings(config: TaskConfig) -> str:
    """The settings that decide a run's numbers and are not their defaults, in a line."""
    pace = {"steps", "evaluate_every", "minutes"}
    found = unlike_default(config.model, {"family"}) + unlike_default(config.train, pace)
    return ", ".join(found) or "all as they come"


def unlike_default(config: Config, without: Collection[str] = ()) -> list[str]:
    """The settings that are not their defaults, in words."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in type(config).model_fields.items()}
    values = {name: value for name, value in config.model_dump().items() if name not in without}
    return [f"{name.replace('_', ' ')} {_in_words(value)}" for name, value in values.items() if value != defaults[name]]


def flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested settings by their dotted paths, as in "train.learning_rate"."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{path}{name}.") if isinstance(value, Mapping) else {f"{path}{name}": value}
    return found


def differences(configs: Mapping[str, Config]) -> pd.DataFrame:
    """The settings in which runs differ: a row each, by dotted path, a column a run; "–" where a run has none."""
    settings = {name: flat(config.model_dump()) for name, config in configs.items()}
    paths = dict.fromkeys(path for values in settings.values() for path in values)
    rows = {path: [_in_words(values.get(path)) for values in settings.values()] for path in paths}
    differing = {path: row for path, row in rows.items() if len(set(row)) > 1}
    table = pd.DataFrame.from_dict(differing, orient="index", columns=list(settings), dtype=object)
    return table.rename_axis("setting").reset_index()


def _in_words(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "all"
    if value is None or isinstance(value, bool):
        return "–" if value is None else "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def settings_at(view: RunView, step: int) -> PaceConfig:
    """The training settings with which a run took the step after ``step`` ones."""
    changed = {name: value for change in view.changes if change.step <= step for name, value in change.settings.items()}
    return view.started.updated(**changed) if changed else view.started


# ---------------------------------------------------------------- curves


@dataclass(frozen=True)
class Line:
    """A run's losses against steps, seconds or characters."""

    x: Floats  # (P,)
    smoothed: Floats  # (P,), of the minibatches
    dev_x: Floats  # (S,)
    dev: Floats  # (S,), nan where there is none


@dataclass(frozen=True)
class Curves:
    """The losses of several runs on one chart."""

    by: By
    lines: dict[str, Line]
    fork: float | None = None  # where two branches part, in the unit of ``by``
    of: str = "character"  # what a loss is the mean over


def curves(views: Mapping[str, RunView], by: By = "steps", fork: int | None = None) -> Curves:
    """The smoothed and the dev losses of runs.

    Args:
        views: by the names to show.
        by: what stands across.
        fork: draw from this step on, and mark it.
    """
    lines = {name: _line(view, by, fork or 0) for name, view in views.items()}
    first = next(iter(views.values()), None)
    at = None if fork is None or first is None else float(_across(first, by, np.array([fork]))[0])
    writes = first is None or any(view.config.task == "write" for view in views.values())
    return Curves(by, lines, at, "character" if writes else "example")


def _line(view: RunView, by: By, since: int) -> Line:
    curve = loss_curve(view.history, view.snapshots, 1)
    late, measured = curve.steps >= since, curve.snapshot_steps >= since
    return Line(
        _across(view, by, curve.steps[late]),
        curve.smoothed[late],
        _across(view, by, curve.snapshot_steps[measured]),
        curve.dev[measured],
    )


def _across(view: RunView, by: By, steps: Floats) -> Floats:
    """Steps in another unit."""
    match by:
        case "steps":
            return steps.astype(float)
        case "seconds":
            return _seconds(view, steps)
        case "characters":
            return _characters(view, steps)


def _seconds(view: RunView, steps: Floats) -> Floats:
    """Seconds of training until each step, straight between snapshots; files of before have none at theirs."""
    ends = {0: 0.0, view.step: view.seconds}
    timed = sorted((ends | {one.step: one.seconds for one in view.snapshots if one.seconds > 0}).items())
    return np.interp(steps, [step for step, _ in timed], [seconds for _, seconds in timed])


def _characters(view: RunView, steps: Floats) -> Floats:
    """Characters that were to be guessed until each step; those seen again count again."""
    edges = sorted({0, view.step, *(change.step for change in view.changes)})
    widths = [characters_a_step(view.config, settings_at(view, edge)) for edge in edges[:-1]]
    seen = np.concatenate([[0.0], np.cumsum(np.diff(edges) * np.array(widths, dtype=float))])
    found: Floats = np.interp(steps, edges, seen)
    return found


def characters_a_step(config: AnyRunConfig, train: PaceConfig) -> int:
    """Characters, or examples, that one step learns from."""
    if isinstance(config, RunConfig) and getattr(train, "full_batch", False):
        return len(corpora.load(config.corpus).windows("train", 1).X)
    if isinstance(train, ClassifierTrainConfig) and train.descent != "minibatch":
        material = trainers.material(config)
        return len(material.y_train) if isinstance(material, Dataset) and train.descent == "batch" else 1
    sequence: int = getattr(config.model, "sequence", 1)
    batch: int = 1 if isinstance(config.model, RNNConfig) else getattr(train, "batch_size", 1)
    return sequence * batch


def standing(views: Mapping[str, RunView]) -> str:
    """Which run is ahead, in words; nothing where none was measured."""
    found = {name: view.snapshots[-1].dev for name, view in views.items() if view.snapshots}
    losses = {name: loss for name, loss in found.items() if loss is not None and math.isfinite(loss)}
    if not losses:
        return "No dev loss was measured yet."
    best = min(losses, key=lambda name: losses[name])
    others = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items() if name != best)
    return f"Lowest dev loss: {best} with {losses[best]:.3f}" + (f"; {others}." if others else ".")


# ---------------------------------------------------------------- side by side


def common_steps(views: Sequence[RunView]) -> list[int]:
    """The steps at which every run has a snapshot."""
    sets = [{snapshot.step for snapshot in view.snapshots} for view in views]
    return sorted(set.intersection(*sets)) if sets else []


def at_step(view: RunView, step: int) -> Snapshot:
    """The snapshot of a run at one of its `common_steps`."""
    return next(snapshot for snapshot in view.snapshots if snapshot.step == step)


def samples(views: Mapping[str, RunView], step: int) -> pd.DataFrame:
    """What runs wrote at a step, a column each: a row is one throw of the dice, the same for all."""
    texts = {name: list(at_step(view, step).samples) for name, view in views.items()}
    return pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in texts.items()}).fillna("")


def histograms(views: Mapping[str, RunView], step: int) -> dict[str, Histograms]:
    """The outputs of the layers of each run at a step, on its minibatch, over the same bins.

    Raises:
        UserError: if a run's model is not made of layers, or keeps no weights at that step.
    """
    groups: dict[str, dict[str, activations.Floats]] = {}
    for name, view in views.items():
        snapshot = at_step(view, step)
        if not isinstance(view.config, RunConfig) or not activations.can_look(snapshot):
            raise UserError(f"{name} shows no layers at this step. Select runs of small models made of layers.")
        inside = activations.look(view.config, snapshot)
        groups[name] = {layer: record.out for layer, record in (inside.activations or inside.layers).items()}
    limit = max((activations.limit_of(group) for group in groups.values()), default=1.0)
    return {name: activations.histograms(group, limit) for name, group in groups.items()}


# ---------------------------------------------------------------- where two branches part


@dataclass(frozen=True)
class Parting:
    """Where two branches of a run stop being one."""

    common: int  # the last snapshot at which they are the same, bit for bit
    step: int | None  # the first step whose loss differs, counted from 1; None if none did in the steps looked at
    losses: tuple[float, float]  # of that step
    snapshot: int | None  # the first at which a text differs
    texts: tuple[str, str]


def parting(one: RunView, other: RunView) -> Parting | None:
    """The first step and the first text at which two branches of a run part; None if they share no beginning.

    Histories hold single losses of the first steps only, so the steps after the last common snapshot are taken again,
    with the settings of each: a run's numbers can be had again from its state.

    Raises:
        UserError: if the text is gone.
    """
    pairs = [(at_step(one, step), at_step(other, step)) for step in common_steps([one, other])]
    same = [pair for pair in pairs if _equal(*pair)]
    if not same or one.config.model != other.config.model or learns_from(one.config) != learns_from(other.config):
        return None
    common = same[-1][0]
    found = next(((a, b) for a, b in pairs if a.step > common.step and a.samples != b.samples), None)
    snapshot, texts = None, ("", "")
    if found:
        snapshot = found[0].step
        texts = next((a, b) for a, b in zip(found[0].samples, found[1].samples, strict=False) if a != b)
    step, losses = _first_difference(one, other, common)
    return Parting(common.step, step, losses, snapshot, texts)


def _equal(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots are of the same weights; without weights, whether they write the same at the same loss."""
    if one.state and other.state:
        return one.state.keys() == other.state.keys() and all(
            np.array_equal(array, other.state[name], equal_nan=array.dtype.kind == "f")
            for name, array in one.state.items()
        )
    return (one.train, one.dev, one.samples) == (other.train, other.dev, other.samples)


def _first_difference(one: RunView, other: RunView, common: Snapshot) -> tuple[int | None, tuple[float, float]]:
    last = min(one.step, other.step, common.step + MAX_REPLAYED)
    if common.step and not common.state:
        return None, (math.nan, math.nan)
    replays = [_Replay(view, common) for view in (one, other)]
    at, block = common.step, 8
    while at < last:
        count = min(block, last - at)
        a, b = (replay.losses(count) for replay in replays)
        shared = min(len(a), len(b))
        if len(differing := np.flatnonzero(a[:shared] != b[:shared])):
            i = int(differing[0])
            return at + i + 1, (float(a[i]), float(b[i]))
        at, block = at + count, 4 * block
    return None, (math.nan, math.nan)


def fork_of(one: RunView, other: RunView) -> int | None:
    """The step until which two runs are one: a run and its fork, or two forks of one run; None if they are neither."""
    a, b = one.origin, other.origin
    if b is not None and b.parent == one.id:
        return b.step
    if a is not None and a.parent == other.id:
        return a.step
    return min(a.step, b.step) if a is not None and b is not None and a.parent == b.parent else None


def tell(record: Parting, names: Sequence[str]) -> list[str]:
    """The parting of two runs of these names in words, in one line or two."""
    first, second = record.losses
    lines = [f"The branches are one until step {record.common:,}, bit for bit."]
    if record.step is not None:
        lines[0] += f" They part at step {record.step:,}: its minibatch costs {first:.6f} and {second:.6f}."
    else:
        lines[0] += f" No loss differs in the {MAX_REPLAYED:,} steps after it, as far as both have gone."
    if record.snapshot is not None:
        pairs = zip(names, record.texts, strict=True)
        told = ", ".join(f"{name} writes {text.replace(chr(10), '⏎')!r}" for name, text in pairs)
        lines.append(f"The first text that differs, at step {record.snapshot:,}, from the same dice: {told}.")
    return lines


class _Replay:
    """Takes the steps of a run again, from a snapshot that keeps its state or from the start."""

    def __init__(self, view: RunView, start: Snapshot) -> None:
        self.view = view
        self.trainer = trainers.make(view.config.model_copy(update={"train": settings_at(view, start.step)}))
        if start.step:
            self.trainer.restore(start.state)

    def losses(self, steps: int) -> NDArray[np.float32]:
        """The losses of the next steps; fewer if the training diverges."""
        taken, end = [np.zeros(0, np.float32)], self.trainer.step + steps
        while (at := self.trainer.step) < end:
            self.trainer.config = self.view.config.model_copy(update={"train": settings_at(self.view, at)})
            stop = min([end, *(change.step for change in self.view.changes if change.step > at)])
            try:
                taken.append(self.trainer.train(stop - at))
            except DivergedError as error:
                taken.append(error.losses)
                break
        return np.concatenate(taken)


# ---------------------------------------------------------------- leaderboard


@dataclass(frozen=True)
class Entry:
    """A run on a leaderboard."""

    id: str
    name: str
    parameters: int
    seconds: float
    dev: float


@dataclass(frozen=True)
class Leaderboard:
    """Runs on one text by their dev loss, best first, beside what simple models reach."""

    entries: tuple[Entry, ...]
    baselines: dict[str, float]  # dev loss by name
    by_parameters: tuple[Entry, ...]  # the frontier: no run is both smaller and better
    by_seconds: tuple[Entry, ...]


def leaderboard(headers: Sequence[Header], called: Mapping[str, str], beside: Mapping[str, float]) -> Leaderboard:
    """The leaderboard of a text.

    Args:
        headers: of runs on it; those without a dev loss are left out.
        called: the name of each, by its id.
        beside: `baselines` of the text.
    """
    entries = [
        Entry(header.id, called[header.id], header.parameters, header.seconds, header.dev)
        for header in headers
        if header.dev is not None and math.isfinite(header.dev) and header.step > 0
    ]
    entries.sort(key=lambda entry: entry.dev)
    return Leaderboard(
        tuple(entries),
        dict(beside),
        frontier(entries, lambda entry: entry.parameters),
        frontier(entries, lambda entry: entry.seconds),
    )


def frontier(entries: Sequence[Entry], cost: Callable[[Entry], float]) -> tuple[Entry, ...]:
    """The entries that no other one beats in both cost and dev loss, cheapest first (the Pareto frontier)."""
    best, found = math.inf, []
    for entry in sorted(entries, key=lambda entry: (cost(entry), entry.dev)):
        if entry.dev < best:
            best = entry.dev
            found.append(entry)
    return tuple(found)


def baselines(corpus: Corpus) -> dict[str, float]:
    """Dev losses of guessing, and of counting single characters and pairs in the training split (1 added to each)."""
    found = {"guessing": math.log(len(corpus.vocabulary))}
    for name, order in (("unigram", 1), ("bigram", 2)):
        try:
            loss = NGram(corpus, CountConfig(order=order, smoothing=1.0, counted="train")).loss(corpus, "dev")
        except UserError:
            continue  # a vocabulary too large for a table
        if loss is not None:
            found[name] = loss
    return found


def as_table(record: Leaderboard) -> pd.DataFrame:
    """The entries, best first, and on which frontier each stands."""
    edges = {"parameters": record.by_parameters, "time": record.by_seconds}
    return pd.DataFrame(
        [
            {
                "run": entry.name,
                "dev loss (nats)": entry.dev,
                "parameters": entry.parameters,
                "time (s)": entry.seconds,
                "on the frontier of": ", ".join(name for name, edge in edges.items() if entry in edge) or "–",
            }
            for entry in record.entries
        ]
    )


def describe(record: Leaderboard) -> str:
    """What the leaderboard shows, in words."""
    told = ", ".join(f"{name} {loss:.3f}" for name, loss in record.baselines.items())
    if not record.entries:
        return f"No run on this text was measured yet. Dev losses to beat: {told}."
    best = record.entries[0]
    beaten = [name for name, loss in record.baselines.items() if best.dev < loss]
    rest = f"better than {beaten[-1]}" if beaten else "no better than guessing"
    return f"Best: {best.name} with a dev loss of {best.dev:.3f}, {rest}. To beat: {told}."
