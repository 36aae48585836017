"""Text from a model, one character at a time, by inverse-CDF sampling.

For each character one uniform number is drawn: a dart on a bar stacked from the probabilities.
Other than ``torch.multinomial`` this gives the same text on every version of torch.
Dimensions: B texts at once, T characters of context, V characters in the vocabulary.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.config import Config, Field
from lmcore.corpora import Corpus
from lmcore.errors import UserError


class NextCharacter(Protocol):
    """What sampling needs of a model: (B, T) indices to (B, V) logits."""

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the next character."""
        ...


class SampleConfig(Config):
    """How text is drawn from a model."""

    count: int = Field(10, ge=1, le=1000, description="Texts to draw.")
    seed: int = Field(
        2147483647, ge=0, le=2**53 - 1, description="Seed of the dice; the same seed throws the same dice."
    )
    temperature: float = Field(
        1.0, ge=0, le=10, description="Divides the logits: below 1 bolder, above 1 wilder, 0 always the likeliest."
    )
    prefix: str = Field("", max_length=1000, description="Text that each sample starts with.")
    length: int = Field(30, ge=1, le=10_000, description="Most characters that are drawn for each text.")


def choose(probabilities: Tensor, dice: Tensor) -> Tensor:
    """The first index whose cumulative probability reaches the dart.

    Args:
        probabilities: shape (B, V), rows that sum to one.
        dice: shape (B,), uniform in [0, 1).

    Returns:
        Indices, shape (B,). An index of probability zero is never chosen.
    """
    cumulative = probabilities.double().cumsum(1)
    smallest = torch.finfo(torch.float64).tiny  # a dart at exactly 0 hits the first index that can occur
    darts = (dice.double().unsqueeze(1) * cumulative[:, -1:]).clamp(min=smallest)
    return torch.searchsorted(cumulative, darts).squeeze(1)


def probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Softmax of the logits divided by the temperature, in float64; temperature 0 is all on the largest."""
    logits = logits.double()
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).double()
    return torch.softmax(logits / temperature, dim=1)


@torch.inference_mode()
def sample(model: NextCharacter, corpus: Corpus, context: int, config: SampleConfig) -> list[str]:
    """Texts drawn from a model, all at once; text i uses row i of the dice, whatever the others do.

    Documents end at the boundary or after ``length`` characters, running text after ``length``.

    Raises:
        UserError: if the prefix holds characters that the corpus does not know.
    """
    if corpus.is_documents and corpus.boundary in config.prefix:
        raise UserError(f"{corpus.boundary!r} marks the end of a document. Leave it out of the prefix.")
    start = torch.as_tensor(corpus.vocabulary.encode(config.prefix), dtype=torch.int64)
    generator = torch.Generator().manual_seed(config.seed)
    dice = torch.rand((config.count, config.length), dtype=torch.float64, generator=generator)
    window = torch.zeros((config.count, context + len(start)), dtype=torch.int64)
    window[:, context:] = start
    window = window[:, len(start) :]
    drawn = []
    ended = torch.zeros(config.count, dtype=torch.bool)
    for position in range(config.length):
        chosen = choose(probabilities(model.forward(window), config.temperature), dice[:, position])
        drawn.append(chosen)
        window = torch.cat([window[:, 1:], chosen.unsqueeze(1)], dim=1)
        ended |= chosen == 0
        if corpus.is_documents and ended.all():
            break
    return [config.prefix + until_end(corpus, row.numpy()) for row in torch.stack(drawn, dim=1)]


@dataclass(frozen=True, eq=False)
class Throw:
    """One dart: what the model saw, the bar it offered, where the dart fell and what it hit."""

    context: tuple[int, ...]
    probabilities: NDArray[np.float64]  # (V,)
    dart: float  # uniform in [0, 1)
    chosen: int


@torch.inference_mode()
def throws(
    model: NextCharacter, context: int, generator: torch.Generator, length: int = 30, temperature: float = 1.0
) -> list[Throw]:
    """The darts of one text, thrown one by one, until index 0 is hit or ``length`` characters are drawn.

    Several texts drawn one after the other from one generator are those of the published lectures; `sample` gives
    each text dice of its own instead, and draws them all at once.
    """
    thrown: list[Throw] = []
    window = torch.zeros((1, context), dtype=torch.int64)
    while len(thrown) < length and not (thrown and thrown[-1].chosen == 0):
        p = probabilities(model.forward(window), temperature)
        dart = torch.rand(1, dtype=torch.float64, generator=generator)
        chosen = choose(p, dart)
        thrown.append(Throw(tuple(window[0].tolist()), p[0].numpy(), dart.item(), int(chosen)))
        window = torch.cat([window[:, 1:], chosen.unsqueeze(1)], dim=1) if context else window
    return thrown


def sample_in_turn(
    model: NextCharacter,
    corpus: Corpus,
    context: int,
    count: int,
    seed: int,
    temperature: float = 1.0,
    length: int = 30,
) -> list[str]:
    """Texts drawn one after the other from one generator, as in the published lectures."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [throws(model, context, generator, length, temperature) for _ in range(count)]
    return [until_end(corpus, np.array([throw.chosen for throw in thrown])) for thrown in drawn]


def until_end(corpus: Corpus, ids: NDArray[np.int64]) -> str:
    """The text that was drawn; of documents only the first."""
    text = corpus.vocabulary.decode(ids)
    return text.split(corpus.boundary)[0] if corpus.is_documents else text
