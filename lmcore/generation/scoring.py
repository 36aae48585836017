"""How well models predict a text, and how new the texts are that they write.

Losses are in nats per character. Dimensions: L characters of a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.cache import cached
from lmcore.data.corpora import SPLITS, Corpus
from lmcore.generation.reader import Reader
from lmcore.generation.sampling import Samples
from lmcore.generation.surprise import AnnotatedText, surprise

Floats = NDArray[np.float64]
Novelty = Literal["seen in training", "seen in dev", "seen in test", "new", "unfinished"]


# ---------------------------------------------------------------- the loss of a text


@dataclass(frozen=True, eq=False)
class ScoredText:
    """A text and what each of its characters costs several models."""

    characters: list[str]  # (L,), printable; in a document, the last one is the boundary
    losses: dict[str, Floats]  # by model: -log p of each character in nats, (L,)

    @property
    def mean_losses(self) -> dict[str, float]:
        """The mean loss of each model, in nats per character."""
        return {name: float(values.mean()) for name, values in self.losses.items()}


def score_text(corpus: Corpus, readers: Mapping[str, Reader], text: str) -> ScoredText:
    """The loss of each character of a text under each model. A document is scored with its boundary.

    Args:
        corpus: the text that the models were trained on.
        readers: the models, by name.
        text: one document, or a piece of running text.

    Raises:
        UserError: if the text is empty, has characters that are not in the vocabulary, or a boundary.
    """
    end = [0] if corpus.is_documents else []
    ids = np.append(corpus.encode(text), end).astype(np.int64)
    labels = corpus.vocabulary.labels
    return ScoredText([labels[i] for i in ids], {name: losses(reader, ids) for name, reader in readers.items()})


def losses(reader: Reader, ids: NDArray[np.int64]) -> Floats:
    """The loss of each character of a text: -log p in nats, indices (L,) to losses (L,)."""
    targets = torch.from_numpy(ids)
    with torch.inference_mode():
        log_p = torch.log_softmax(reader.logits(targets)[:-1].double(), 1)  # (L, V)
        result: Floats = -log_p.gather(1, targets.unsqueeze(1)).squeeze(1).numpy()
    return result


# ---------------------------------------------------------------- samples


@dataclass(frozen=True, eq=False)
class ScoredSamples:
    """Sampled texts with the surprise of each character, and how new each text is."""

    texts: tuple[AnnotatedText, ...]
    novelty: tuple[Novelty, ...]  # one per text; empty for running text

    @property
    def share_new(self) -> float | None:
        """Share of the finished texts that are nowhere in the corpus; None if no text is finished."""
        finished = [novelty for novelty in self.novelty if novelty != "unfinished"]
        return finished.count("new") / len(finished) if finished else None


def score_samples(corpus: Corpus, samples: Samples, prefix: str = "") -> ScoredSamples:
    """The surprise and the novelty of sampled texts. A document ends with its boundary.

    Args:
        corpus: the text that the model was trained on.
        samples: what was drawn.
        prefix: the prompt that the documents start with.
    """
    texts: list[AnnotatedText] = []
    found: list[Novelty] = []
    for row, ids in enumerate(samples.ids):
        ended = corpus.is_documents and bool((ids == 0).any())
        length = int((ids == 0).argmax()) + 1 if ended else len(ids)
        texts.append(surprise(corpus, samples, row, length))
        if corpus.is_documents:
            text = prefix + corpus.vocabulary.decode(ids[: length - 1])
            found.append(novelty(corpus, text) if ended else "unfinished")
    return ScoredSamples(tuple(texts), tuple(found))


def novelty(corpus: Corpus, document: str) -> Novelty:
    """The first split that contains a document, or "new"."""
    return _splits_by_document(corpus).get(corpus.vocabulary.composed(document), "new")


@cached(max_bytes=300_000_000)
def _splits_by_document(corpus: Corpus) -> dict[str, Novelty]:
    names: tuple[Novelty, ...] = ("seen in training", "seen in dev", "seen in test")
    splits: dict[str, Novelty] = {}
    for split, name in reversed(list(zip(SPLITS, names, strict=True))):  # train last, so that it wins
        splits |= {corpus.documents[i]: name for i in corpus.document_splits[split].tolist()}
    return splits
