"""Sampling of text, one character at a time, by inverting the cumulative distribution.

Each character takes one uniform random number in float64: it chooses the first character whose cumulative probability
reaches that number. Unlike ``torch.multinomial``, this gives the same text with every version of torch.
Dimensions: B texts, L characters drawn for each, V characters in the vocabulary.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.data.corpora import Corpus
from lmcore.generation.reader import Reader


class SampleConfig(Config):
    """How text is sampled from a model."""

    count: int = Field(10, ge=1, le=1000, description="Number of texts to sample.")
    seed: int = Field(
        2147483647, ge=0, le=2**53 - 1, description="Seed of the random draws. The same seed gives the same texts."
    )
    temperature: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Sampling temperature: the logits are divided by it. Below 1 makes the text more predictable, "
        "above 1 more varied; 0 always takes the most likely character.",
    )
    top_k: int = Field(
        0, ge=0, le=5000, description="Top-k sampling: only the k most likely characters can be drawn. 0 allows all."
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Top-p (nucleus) sampling: only the most likely characters whose probabilities add up to p can be "
        "drawn. 1 allows all.",
    )
    prefix: str = Field("", max_length=1000, description="Prompt that every sampled text starts with.")
    length: int = Field(30, ge=1, le=10_000, description="Maximum number of characters to sample per text.")


# ---------------------------------------------------------------- one character


def probabilities(logits: torch.Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> torch.Tensor:
    """The distribution that a character is drawn from: rows that sum to one, in float64.

    The logits are divided by the temperature (0 puts everything on the largest); then only the ``top_k`` most likely
    characters are kept, and of these only the most likely ones that together reach ``top_p``. Ties go to the lower
    index.

    Args:
        logits: shape (B, V).
        temperature: not negative.
        top_k: 0 keeps all characters.
        top_p: in (0, 1].

    Returns:
        Shape (B, V).

    Source: top-k after Fan, Lewis and Dauphin 2018; top-p after Holtzman et al. 2020.
    """
    logits = logits.double()
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).double()
    # subtracting the maximum first keeps the smallest temperature from overflowing
    p = torch.softmax((logits - logits.amax(1, keepdim=True)) / temperature, dim=1)  # (B, V)
    if top_k == 0 and top_p == 1:
        return p
    # drop what is below the k most likely, then what comes after the share top_p is reached
    ordered, order = torch.sort(p, dim=1, descending=True, stable=True)
    if top_k:
        ordered[:, top_k:] = 0
    ordered /= ordered.sum(1, keepdim=True)
    ordered[ordered.cumsum(1) - ordered >= top_p] = 0
    # back into the order of the vocabulary, renormalized
    kept = torch.zeros_like(p).scatter_(1, order, ordered)
    return kept / kept.sum(1, keepdim=True)


def choose(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """The first index whose cumulative probability reaches the random number.

    Args:
        probabilities: shape (B, V), rows that sum to one.
        uniforms: shape (B,), in [0, 1).

    Returns:
        Indices, shape (B,). An index with probability zero is never chosen.
    """
    cumulative = probabilities.double().cumsum(1)  # (B, V)
    smallest = torch.finfo(torch.float64).tiny  # so that a number of exactly 0 chooses a possible index
    thresholds = (uniforms.double().unsqueeze(1) * cumulative[:, -1:]).clamp(min=smallest)  # (B, 1)
    return torch.searchsorted(cumulative, thresholds).squeeze(1)


# ---------------------------------------------------------------- whole texts


@dataclass(frozen=True, eq=False)
class Samples:
    """Texts sampled from a model. In a document, whatever follows the first index 0 has no meaning."""

    ids: NDArray[np.int64]  # (B, L)
    probabilities: NDArray[np.float64]  # (B, L), of each character in the distribution it was drawn from
    uniforms: NDArray[np.float64]  # (B, L), the random number that chose it

    def texts(self, corpus: Corpus, prefix: str = "") -> list[str]:
        """The texts as strings, each after the prefix; documents end before their boundary."""
        decoded = [corpus.vocabulary.decode(row) for row in self.ids]
        if corpus.is_documents:
            decoded = [text.split(corpus.boundary)[0] for text in decoded]
        return [prefix + text for text in decoded]


def draw(reader: Reader, corpus: Corpus, config: SampleConfig, stop_at_boundary: bool = True) -> Samples:
    """Sample texts, all at once. Text i uses row i of the random numbers, so it does not depend on the other texts.

    Args:
        reader: the model.
        corpus: the text that the model was trained on.
        config: what to sample.
        stop_at_boundary: stop once every document has reached its boundary. Otherwise document follows document, as in
            the stream that the model was trained on, up to ``config.length`` characters. Running text always has that
            length.

    Raises:
        UserError: if the prefix has characters that are not in the vocabulary, or a boundary.
    """
    generator = torch.Generator().manual_seed(config.seed)
    uniforms = torch.rand((config.count, config.length), dtype=torch.float64, generator=generator)  # (B, L)
    return sampling_loop(reader, corpus, config, uniforms.unbind(1), stop_at_boundary and corpus.is_documents)


def draw_in_turn(reader: Reader, corpus: Corpus, config: SampleConfig) -> list[Samples]:
    """Sample one text after the other from one generator, as the makemore lectures do.

    Each text ends at index 0 or after ``config.length`` characters.

    Returns:
        One record of a single text (B = 1) per text.

    Raises:
        UserError: if the prefix has characters that are not in the vocabulary, or a boundary.
    """
    generator = torch.Generator().manual_seed(config.seed)
    one = config.updated(count=1)
    uniforms = (torch.rand(1, dtype=torch.float64, generator=generator) for _ in itertools.count())
    return [
        sampling_loop(reader, corpus, one, itertools.islice(uniforms, config.length), stop_at_zero=True)
        for _ in range(config.count)
    ]


def sampling_loop(
    reader: Reader, corpus: Corpus, config: SampleConfig, uniforms: Iterable[torch.Tensor], stop_at_zero: bool
) -> Samples:
    """Sample B = ``config.count`` texts side by side.

    Args:
        reader: the model.
        corpus: the text that the model was trained on.
        config: what to sample; its seed and length are not used.
        uniforms: for each step of the loop, one random number per text, shape (B,).
        stop_at_zero: stop once every text has had index 0.

    Raises:
        UserError: if the prefix has characters that are not in the vocabulary, or a boundary.
    """
    prefix = _encode_prefix(corpus, config.prefix)
    with torch.inference_mode():
        # read the prompt
        logits, state = reader.start(config.count)
        for given in prefix:
            logits, state = reader.step(given.expand(config.count), state)
        ids: list[torch.Tensor] = []
        chances: list[torch.Tensor] = []
        numbers: list[torch.Tensor] = []
        ended = torch.zeros(config.count, dtype=torch.bool)
        for u in uniforms:
            if ids:
                logits, state = reader.step(ids[-1], state)  # (B, V)
            # draw one character of each text
            p = probabilities(logits, config.temperature, config.top_k, config.top_p)  # (B, V)
            chosen = choose(p, u)  # (B,)
            ids.append(chosen)
            chances.append(p.gather(1, chosen.unsqueeze(1)).squeeze(1))
            numbers.append(u)
            ended |= chosen == 0
            if stop_at_zero and ended.all():
                break
    return Samples(*(torch.stack(columns, 1).numpy() for columns in (ids, chances, numbers)))


def _encode_prefix(corpus: Corpus, prefix: str) -> torch.Tensor:
    return torch.as_tensor(corpus.encode(prefix) if prefix else [], dtype=torch.int64)


def sample(reader: Reader, corpus: Corpus, config: SampleConfig) -> list[str]:
    """The texts that `draw` samples, each with its prefix.

    Raises:
        UserError: if the prefix has characters that are not in the vocabulary, or a boundary.
    """
    return draw(reader, corpus, config).texts(corpus, config.prefix)


def sample_in_turn(reader: Reader, corpus: Corpus, config: SampleConfig) -> list[str]:
    """The texts that `draw_in_turn` samples, each with its prefix.

    Raises:
        UserError: if the prefix has characters that are not in the vocabulary, or a boundary.
    """
    return [text for one in draw_in_turn(reader, corpus, config) for text in one.texts(corpus, config.prefix)]


# ---------------------------------------------------------------- a closer look at one step


@dataclass(frozen=True, eq=False)
class SamplingStep:
    """How one character of a text was drawn."""

    context: NDArray[np.int64]  # indices of the characters before it: the prefix and what was drawn
    model_probabilities: NDArray[np.float64]  # (V,), at temperature 1
    probabilities: NDArray[np.float64]  # (V,), the distribution it was drawn from: after temperature, top-k and top-p
    uniform: float  # the random number, in [0, 1)
    chosen: int


def sampling_step(
    reader: Reader, corpus: Corpus, config: SampleConfig, samples: Samples, position: int, text: int = 0
) -> SamplingStep:
    """How the character at a position of one text was drawn.

    Args:
        reader: the model that the samples were drawn from.
        corpus: the text that it was trained on.
        config: the one that the samples were drawn with.
        samples: what was drawn.
        position: of the character, counted from 0 without the prefix.
        text: row of the samples.
    """
    prefix = _encode_prefix(corpus, config.prefix)
    context = torch.cat([prefix, torch.from_numpy(samples.ids[text, :position])])
    with torch.inference_mode():
        logits = reader.logits(context)[-1:]  # (1, V)
        drawn_from = probabilities(logits, config.temperature, config.top_k, config.top_p)
        return SamplingStep(
            context.numpy(),
            probabilities(logits)[0].numpy(),
            drawn_from[0].numpy(),
            float(samples.uniforms[text, position]),
            int(samples.ids[text, position]),
        )
