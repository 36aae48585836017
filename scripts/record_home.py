"""Records what the home page shows: the loss ladder, and one animated miniature of a real run per stop of the course.

    python -m scripts.record_home

It takes a few minutes, and writes into `pages/home/home/recorded/`. A miniature is an SVG whose animation and colors
come from `pages/home/home/miniature.css`: a group of class `frame` is one of `FRAMES` pictures that follow one another,
a `curve` draws itself, and a `drift` moves along its path.
"""

import html
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore import families
from lmcore.data import corpora
from lmcore.data.corpora import CorpusConfig
from lmcore.inspection.embeddings import EMBEDDING, character_kind
from lmcore.models.mlp import MLPConfig
from lmcore.models.ngram import bigram_counts
from lmcore.models.recurrent import RecurrentConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.recipes.ladder import climb, counted_rungs
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.history import History, Snapshot
from lmcore.training.loss_curve import loss_curve

FOLDER = Path(__file__).parents[1] / "pages" / "home" / "home" / "recorded"
WIDTH, HEIGHT, FRAMES = 180, 112, 8  # pixels of the drawing, and pictures of an animation

NAMES = CorpusConfig()
TRAINING = TrainConfig(steps=20_000, schedule="cosine")
LADDER = [RunConfig(corpus=NAMES, model=model, train=TRAINING) for model in (MLPConfig(), WaveNetConfig())]
DRIFT = RunConfig(corpus=NAMES, model=MLPConfig(embedding=2), train=TrainConfig(steps=20_000))
WRITER = RunConfig(
    corpus=CorpusConfig(source="python-reference"),
    model=RecurrentConfig(),
    train=TrainConfig(steps=3000, optimizer="adam", learning_rate=0.004, **families.find("recurrent").train_defaults),
)

# ---------------------------------------------------------------- drawing


def svg(alt: str, *parts: str) -> str:
    """An SVG with an alternative text."""
    label = html.escape(alt)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>\n"
    )


def frames(pictures: Sequence[str]) -> str:
    """Pictures that follow one another."""
    assert len(pictures) == FRAMES
    return "".join(f'<g class="frame" style="--at:{i}">{picture}</g>' for i, picture in enumerate(pictures))


def text(x: float, y: float, content: str, kind: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{html.escape(content)}</text>'


def path(points: Iterable[tuple[float, float]]) -> str:
    """The `d` of a path through points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def train(config: RunConfig, steps: Sequence[int]) -> tuple[list[Snapshot], History]:
    """Snapshots of a run at some steps, and its losses."""
    trainer, history, snapshots = families.make_trainer(config), History(), []
    for step in steps:
        if step > trainer.step:
            history.add(trainer.train(step - trainer.step))
        snapshots.append(trainer.snapshot())
    return snapshots, history


def up_to(last: int) -> list[int]:
    """Step 0, and steps that grow by the same factor up to the last one."""
    return [0, *np.geomspace(last / 2 ** (FRAMES - 2), last, FRAMES - 1).astype(int).tolist()]


# ---------------------------------------------------------------- the stops


def data() -> str:
    """A window of three characters slides over a name."""
    corpus = corpora.load(NAMES)
    name = next(name for name in corpus.documents if len(name) == FRAMES - 1)
    characters, cell = corpus.boundary * 3 + name + corpus.boundary, 16
    row = "".join(text(10 + cell * i, 42, character, "letter") for i, character in enumerate(characters))
    pictures = [
        f'<rect class="window" x="{3 + cell * i}" y="24" width="{3 * cell - 2}" height="28" rx="4"/>'
        f'<rect class="target" x="{3 + cell * (i + 3)}" y="24" width="{cell - 2}" height="28" rx="4"/>'
        + text(WIDTH / 2, 88, f"{characters[i : i + 3]} → {characters[i + 3]}", "large middle")
        for i in range(FRAMES)
    ]
    alt = f"A window of three characters slides over {name}: each time, the next one is to predict."
    return svg(alt, row, frames(pictures))


def counting() -> str:
    """The matrix of bigrams fills while the names are counted."""
    corpus = corpora.load(NAMES)
    stream, V = corpus.streams["train"], len(corpus.vocabulary)
    totals = np.geomspace(30, len(stream), FRAMES).astype(int)
    pictures = []
    for total in totals:
        counts = bigram_counts(stream[:total], V, corpus.is_documents)
        pictures.append(cells(counts) + text(120, 54, f"{total:,}") + text(120, 68, "pairs", "small"))
    alt = f"The matrix of all {V} × {V} pairs fills while {totals[-1]:,} pairs of characters in names are counted."
    return svg(alt, '<rect class="board" x="2" y="2" width="108" height="108"/>', frames(pictures))


def cells(counts: NDArray[np.int64], side: int = 4) -> str:
    """Squares that are the darker, the more often a pair occurs: one path per level."""
    levels = np.where(counts > 0, np.ceil(4 * np.log1p(counts) / np.log1p(counts.max())), 0)
    parts = []
    for level in (1, 2, 3, 4):
        squares = "".join(
            f"M{2 + side * column} {2 + side * row}h{side}v{side}h-{side}z"
            for row, column in np.argwhere(levels == level)
        )
        if squares:
            parts.append(f'<path class="cell" style="--level:{level}" d="{squares}"/>')
    return "".join(parts)


def mlp() -> str:
    """The embeddings of the letters drift apart."""
    snapshots, _ = train(DRIFT, up_to(DRIFT.train.steps))
    corpus = corpora.load(NAMES)
    labels = [corpus.vocabulary.labels[i] for i in corpus.most_frequent(len(corpus.vocabulary))]
    places = np.stack([snapshot.arrays[EMBEDDING] for snapshot in snapshots])  # (FRAMES, V, 2)
    low, high = places.min(axis=(0, 1)), places.max(axis=(0, 1))
    places = 12 + (places - low) / (high - low) * [WIDTH - 24, HEIGHT - 24]
    letters = [
        f'<text class="drift {character_kind(label)}" style="offset-path:path(\'{path(places[:, i])}\')">'
        f"{html.escape(label)}</text>"
        for i, label in enumerate(labels)
    ]
    alt = f"Letters drift for {DRIFT.train.steps:,} steps of training, from random places to those of their kind."
    return svg(alt, *letters)


def wavenet(bigram: float) -> str:
    """The losses of an MLP and of a WaveNet fall below that of the bigram, over the logarithm of the step."""
    first, last, width = 100, TRAINING.steps, WIDTH - 50
    curves = {}
    for config in LADDER:
        _, history = train(config, [last])
        curve = loss_curve(history, (), len(corpora.load(NAMES).vocabulary), from_start=True)
        curves[config.family] = curve
    steps = np.geomspace(first, last, 100)
    losses = {family: np.interp(steps, curve.steps, curve.smoothed) for family, curve in curves.items()}
    top, bottom = max(line.max() for line in losses.values()), min(line.min() for line in losses.values())

    def height(loss: float) -> float:
        return 8 + (HEIGHT - 16) * (top - loss) / (top - bottom)

    x = np.linspace(0, width, len(steps))
    y = height(bigram)
    parts = [f'<path class="level" d="M0 {y:.1f}H{width}"/>', text(width + 4, y + 3, "bigram", "small")]
    for (family, line), title, below in zip(losses.items(), ("MLP", "WaveNet"), (0, 6), strict=True):
        points = zip(x, map(height, line), strict=True)
        parts.append(f'<path class="curve {family}" pathLength="1" d="{path(points)}"/>')
        parts.append(text(width + 4, height(line[-1]) + below, title, "small"))
    alt = f"The loss of a WaveNet falls for {last:,} steps, below that of counting bigrams and of an MLP."
    return svg(alt, *parts)


def rnn() -> str:
    """What an LSTM writes, from the first step to the last."""
    snapshots, _ = train(WRITER, up_to(WRITER.train.steps))
    pictures = []
    for snapshot in snapshots:
        sample = " ".join(snapshot.samples[0].split())
        lines = [sample[i : i + 24] for i in range(0, 96, 24)]
        written = "".join(text(2, 36 + 20 * i, line, "typed") for i, line in enumerate(lines))
        pictures.append(text(2, 14, f"step {snapshot.step:,}", "small") + written)
    return svg(f"What an LSTM writes on its way to step {WRITER.train.steps:,}: noise becomes words.", frames(pictures))


# ---------------------------------------------------------------- the files


def main() -> None:
    """Record everything."""
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    bigram = counted_rungs(NAMES)[-1].loss
    stops: dict[str, Callable[[], str]] = {
        "data": data,
        "counting": counting,
        "mlp": mlp,
        "wavenet": lambda: wavenet(bigram),
        "rnn": rnn,
    }
    for name, draw in stops.items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8")
        print(name, flush=True)
    climb(NAMES, LADDER).save(FOLDER / "ladder.json")


if __name__ == "__main__":
    main()
