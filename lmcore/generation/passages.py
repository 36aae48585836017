"""Longer texts from a recurrent network, and what its hidden units do while it reads.

Dimensions: L characters of a text, H hidden units, K characters in the vocabulary.
"""

import functools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from lmcore.data import corpora
from lmcore.data.corpora import Corpus, Ids
from lmcore.errors import UserError
from lmcore.generation.sampling import Drawn, Reader, Remembering, SampleConfig, draw, probabilities
from lmcore.training.history import WEIGHTS, Snapshot
from lmcore.training.trainers import LAST, reader
from lmcore.training.training import RunConfig

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Passage:
    """A text, character by character, with a number for each."""

    characters: list[str]  # (L,), as one can read them
    values: Floats  # (L,): a surprise in nats, or the activation of a unit


def passage(corpus: Corpus, drawn: Drawn, text: int = 0) -> Passage:
    """One of the texts that were drawn, with how surprising each character was, minus log p, when it was drawn.

    The probabilities are those that it was drawn from: after temperature, top-k and top-p.
    """
    labels = corpus.vocabulary.labels
    surprise = -np.log(np.maximum(drawn.probabilities[text], 1e-12))
    return Passage([labels[i] for i in drawn.ids[text]], surprise)


@dataclass(frozen=True, eq=False)
class Draw:
    """How one character of a text was drawn: what the model said, what was made of it, and the dart."""

    model: Floats  # (V,), probabilities at temperature 1
    drawn_from: Floats  # (V,), after temperature, top-k and top-p
    chosen: int
    dart: float  # uniform in [0, 1)


def how_drawn(reader: Reader, corpus: Corpus, config: SampleConfig, drawn: Drawn, at: int, text: int = 0) -> Draw:
    """How character ``at`` of one of the texts was drawn that a config draws."""
    ids = np.append(corpus.vocabulary.encode(config.prefix), drawn.ids[text, :at]).astype(np.int64)
    with torch.inference_mode():
        logits = reader.expect(torch.from_numpy(ids))[-1:]
    made = probabilities(logits, config.temperature, config.top_k, config.top_p)
    return Draw(
        probabilities(logits)[0].numpy(),
        made[0].numpy(),
        int(drawn.ids[text, at]),
        float(drawn.dice[text, at]),
    )


# ---------------------------------------------------------------- words

LONGEST = 1000  # characters of a stream; more are drawn in more streams at once


@dataclass(frozen=True, eq=False)
class Words:
    """The words of a long sample beside those of the text."""

    table: pd.DataFrame  # a line for each word that was asked for
    share: float  # of the sampled words, those that stand in the text
    total: int  # words that were sampled
    invented: list[str]  # the most frequent ones that do not stand in the text


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


@functools.lru_cache(maxsize=4)
def _known(corpus: Corpus) -> Counter[str]:
    return Counter(_words(corpus.vocabulary.decode(corpus.stream)))


def frequent_words(corpus: Corpus, most: int = 8) -> list[str]:
    """The most frequent words of at least three letters, to begin with."""
    return [word for word, _ in _known(corpus).most_common() if len(word) > 2][:most]


def words(
    config: RunConfig,
    snapshot: Snapshot,
    wanted: Sequence[str],
    characters: int,
    seed: int = 42,
    corpus: Corpus | None = None,
) -> Words:
    """Draws a long sample and looks for words in it.

    Several streams are drawn at once, each with dice of its own, and read one after the other; the words that a
    stream's ends may have cut are left out.

    Args:
        wanted: words of interest.
        characters: length of the sample, from 1,000 to 1,000,000.

    Raises:
        UserError: if the text cannot be loaded, or the snapshot keeps no weights.
    """
    corpus = corpus or corpora.load(config.corpus)
    model = reader(config, corpus, snapshot)
    settings = SampleConfig(count=max(1, characters // LONGEST), length=min(characters, LONGEST), seed=seed)
    streams = [corpus.vocabulary.decode(ids) for ids in draw(model, corpus, settings, onward=True).ids]
    sampled = [word for stream in streams for word in _words(stream)[1:-1]]
    counts, known = Counter(sampled), _known(corpus)
    together = "\n".join(streams)
    lines = []
    for word in wanted:
        found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", together)
        lines.append(
            {
                "word": word,
                "sampled": counts[word],
                "first after": found.start() if found else None,
                "per 10,000 characters": counts[word] / len(together) * 10_000,
                "in the text": known[word] / len(corpus.stream) * 10_000,
            }
        )
    columns = ["word", "sampled", "first after", "per 10,000 characters", "in the text"]
    share = sum(number for word, number in counts.items() if word in known) / max(1, len(sampled))
    invented = [word for word, _ in counts.most_common() if word not in known][:20]
    return Words(pd.DataFrame(lines, columns=columns), share, len(sampled), invented)


def known_words(
    config: RunConfig, snapshots: Sequence[Snapshot], characters: int = 4000, corpus: Corpus | None = None
) -> list[tuple[int, float]]:
    """For each snapshot that keeps its weights: its step, and the share of its sampled words that stand in the text.

    Raises:
        UserError: if the text cannot be loaded.
    """
    kept = [snapshot for snapshot in snapshots if LAST + WEIGHTS in snapshot.arrays]
    return [(one.step, words(config, one, [], characters, corpus=corpus).share) for one in kept]


# ---------------------------------------------------------------- hidden units


def encode(corpus: Corpus, text: str, most: int = 2000) -> Ids:
    """The indices of a text's first characters.

    Raises:
        UserError: if it is empty, or holds characters that the corpus does not know.
    """
    if not text:
        raise UserError("Type or paste a text.")
    return corpus.vocabulary.encode(text[:most])


def activations(model: Remembering, ids: Ids) -> Floats:
    """The hidden state after each character of a text, read from a state of zeros: shape (L, H).

    Of several layers all units stand side by side, those of the lowest first.
    """
    _, states, _ = model.read(ids, model.initial(1))
    found: Floats = states.astype(np.float64)
    return found


def watched(corpus: Corpus, ids: Ids, states: Floats, unit: int) -> Passage:
    """A text with the activation of one unit after each of its characters."""
    return Passage([corpus.vocabulary.labels[i] for i in ids], states[:, unit])


def _inside_quotes(text: str) -> Flags:
    marks = [character in '"“”' for character in text]
    return np.asarray(np.cumsum(marks) % 2 == 1)


def _position_in_line(text: str) -> Floats:
    positions, since = np.zeros(len(text)), 0
    for i, character in enumerate(text):
        since = 0 if character == "\n" else since + 1
        positions[i] = since
    return positions


def _each(test: Callable[[str], bool]) -> Callable[[str], Flags]:
    return lambda text: np.array([test(character) for character in text])


FEATURES: dict[str, Callable[[str], Floats | Flags]] = {
    "inside quotes": _inside_quotes,
    "position in the line": _position_in_line,
    "a space or line's end": _each(str.isspace),
    "a capital letter": _each(str.isupper),
    "a vowel": _each(lambda character: character.casefold() in "aeiou"),
    "a digit": _each(str.isdigit),
    "punctuation": _each(lambda character: not (character.isalnum() or character.isspace())),
}
"""What one may say of the character that was read last, as a number for each."""


def gallery(text: str, states: Floats) -> pd.DataFrame:
    """For each feature the unit that goes with it best: the correlation of its activation with it, over a text.

    Args:
        text: L characters.
        states: shape (L, H).
    """
    lines = []
    deviations = states.std(0)
    for name, feature in FEATURES.items():
        values = feature(text).astype(float)
        if values.std() == 0 or not deviations.any():
            continue  # it is always, or never, so
        products = (values - values.mean()) @ (states - states.mean(0)) / len(values)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlations = np.nan_to_num(products / (values.std() * deviations))
        best = int(np.abs(correlations).argmax())
        lines.append({"feature": name, "unit": best, "correlation": float(correlations[best])})
    return pd.DataFrame(lines, columns=["feature", "unit", "correlation"])


def phrases(text: str, states: Floats, unit: int, width: int = 24, most: int = 6) -> pd.DataFrame:
    """The pieces of a text at whose end a unit is highest; none overlaps another."""
    lines: list[dict[str, object]] = []
    taken: list[int] = []
    for end in np.argsort(-states[:, unit], kind="stable").tolist():
        if all(abs(end - other) >= width for other in taken):
            taken.append(end)
            lines.append({"phrase": text[max(0, end + 1 - width) : end + 1], "activation": float(states[end, unit])})
        if len(lines) == most:
            break
    return pd.DataFrame(lines, columns=["phrase", "activation"])
