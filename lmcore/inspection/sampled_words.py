"""Words in a long sample of a model: how often they occur, and how many of them are words of the text."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lmcore import families
from lmcore.cache import cached
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.generation.sampling import SampleConfig, draw
from lmcore.training.checkpoint import WEIGHTS
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot

MAX_STREAM = 1000
"""Characters per stream of a long sample; more characters are drawn as more streams in parallel."""

MAX_INVENTED = 20

COLUMNS = ["word", "sampled", "first after", "per 10,000 characters", "in the text"]


@dataclass(frozen=True, eq=False)
class WordCounts:
    """The words of a long sample beside those of the text."""

    table: pd.DataFrame  # the words asked for: count, first position and frequencies, with columns `COLUMNS`
    share_known: float  # share of the sampled words that occur in the text
    total: int  # number of sampled words
    invented: list[str]  # the most frequent sampled words that do not occur in the text


def _only_words(text: str) -> str:
    """A text of the same length, with a space for each character that is neither a letter nor a mark of one."""
    kept = {character for character in set(text) if unicodedata.category(character)[0] in "LM"} | set(corpora.JOINERS)
    return text.translate({ord(character): " " for character in set(text) - kept})


def _words(text: str) -> list[str]:
    return _only_words(text).split()


@cached(max_bytes=100_000_000)
def _words_of_text(corpus: Corpus) -> Counter[str]:
    return Counter(_words(corpus.vocabulary.decode(corpus.stream)))


def frequent_words(corpus: Corpus, n: int = 8) -> list[str]:
    """The ``n`` most frequent words of a text with at least three letters."""
    return [word for word, _ in _words_of_text(corpus).most_common() if len(word) > 2][:n]


def count_words(
    config: RunConfig,
    snapshot: Snapshot,
    words: Sequence[str],
    n_characters: int,
    seed: int = 42,
    corpus: Corpus | None = None,
) -> WordCounts:
    """Count words in a long sample of a model.

    Several streams are drawn in parallel and read one after the other. The first and the last word of a stream do not
    count, as the stream may cut them.

    Args:
        config: the run's.
        snapshot: one that keeps its weights.
        words: the words of interest.
        n_characters: length of the sample, from 1,000 to 1,000,000.
        seed: of the random draws.
        corpus: the text; loaded as the config says if None.

    Raises:
        UserError: if the text cannot be loaded, or the snapshot keeps no weights.
    """
    corpus = corpus or corpora.load(config.corpus)
    reader = families.make_reader(config, snapshot, corpus)
    settings = SampleConfig(count=max(1, n_characters // MAX_STREAM), length=min(n_characters, MAX_STREAM), seed=seed)
    samples = draw(reader, corpus, settings, stop_at_boundary=False)
    streams = [corpus.vocabulary.decode(ids) for ids in samples.ids]
    sampled = [word for stream in streams for word in _words(stream)[1:-1]]
    counts, known = Counter(sampled), _words_of_text(corpus)
    return WordCounts(
        _table(words, "\n".join(streams), counts, corpus),
        sum(count for word, count in counts.items() if word in known) / max(1, len(sampled)),
        len(sampled),
        [word for word, _ in counts.most_common() if word not in known][:MAX_INVENTED],
    )


def _table(words: Sequence[str], sample: str, counts: Counter[str], corpus: Corpus) -> pd.DataFrame:
    known, spaced = _words_of_text(corpus), f" {_only_words(sample)} "
    rows = []
    for word in words:
        position = spaced.find(f" {word} ")
        first = position if position >= 0 else None
        frequencies = counts[word] / len(sample) * 10_000, known[word] / len(corpus.stream) * 10_000
        rows.append((word, counts[word], first, *frequencies))
    return pd.DataFrame(rows, columns=COLUMNS)


def known_word_shares(
    config: RunConfig, snapshots: Sequence[Snapshot], n_characters: int = 4000, corpus: Corpus | None = None
) -> list[tuple[int, float]]:
    """The step of each snapshot that keeps its weights, and the share of its sampled words that occur in the text.

    Raises:
        UserError: if the text cannot be loaded.
    """
    return [
        (snapshot.step, count_words(config, snapshot, [], n_characters, corpus=corpus).share_known)
        for snapshot in snapshots
        if WEIGHTS in snapshot.arrays
    ]
