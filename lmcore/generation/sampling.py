"""Text from a model, one character at a time, by inverse-CDF sampling.

For each character one uniform number is drawn: a dart on a bar stacked from the probabilities.
Other than ``torch.multinomial`` this gives the same text on every version of torch.
Dimensions: B texts at once, L characters of a text, T characters of context, V characters in the vocabulary.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.config import Config, Field
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError


class SampleConfig(Config):
    """How text is drawn from a model."""

    count: int = Field(10, ge=1, le=1000, description="Texts to draw.")
    seed: int = Field(
        2147483647, ge=0, le=2**53 - 1, description="Seed of the dice; the same seed throws the same dice."
    )
    temperature: float = Field(
        1.0, ge=0, le=10, description="Divides the logits: below 1 bolder, above 1 wilder, 0 always the likeliest."
    )
    top_k: int = Field(0, ge=0, le=5000, description="Only the likeliest k characters can be drawn; 0 for all.")
    top_p: float = Field(
        1.0, gt=0, le=1, description="Only the likeliest characters that together reach this probability can be drawn."
    )
    prefix: str = Field("", max_length=1000, description="Text that each sample starts with.")
    length: int = Field(30, ge=1, le=10_000, description="Most characters that are drawn for each text.")


# ---------------------------------------------------------------- reading


class Reader(Protocol):
    """A model that reads texts character by character, many at once, and expects the next one."""

    def begin(self, count: int) -> tuple[Tensor, Any]:
        """The logits of the first character, shape (B, V), and what is remembered then, for B = ``count`` texts."""
        ...

    def read(self, ids: Tensor, remembered: Any) -> tuple[Tensor, Any]:
        """Reads one character of each text, shape (B,): the logits of the next one, and what is remembered then."""
        ...

    def expect(self, ids: Tensor) -> Tensor:
        """The logits before each character of one text, and after its last: shape (L,) to (L + 1, V)."""
        ...


class NextCharacter(Protocol):
    """A model that sees a window: (B, T) indices to (B, V) logits."""

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the next character."""
        ...


@dataclass(frozen=True)
class WindowReader:
    """Reads with a model that sees the last ``context`` characters; before a text it sees zeros."""

    model: NextCharacter
    context: int

    def begin(self, count: int) -> tuple[Tensor, Tensor]:
        """See `Reader`; what is remembered is the window, shape (B, T)."""
        window = torch.zeros((count, self.context), dtype=torch.int64)
        return self.model.forward(window), window

    def read(self, ids: Tensor, remembered: Tensor) -> tuple[Tensor, Tensor]:
        """See `Reader`."""
        window = torch.cat([remembered, ids.unsqueeze(1)], dim=1)[:, 1:] if self.context else remembered
        return self.model.forward(window), window

    def expect(self, ids: Tensor) -> Tensor:
        """See `Reader`."""
        padded = torch.cat([torch.zeros(self.context, dtype=torch.int64), ids])
        windows = padded.unfold(0, self.context, 1) if self.context else padded.new_zeros((len(ids) + 1, 0))
        parts = torch.split(windows, 4096)
        return torch.cat([self.model.forward(part) for part in parts])


class Remembering(Protocol):
    """A recurrent network, as `StateReader` wants it; indices and probabilities are NumPy's or torch's."""

    @property
    def theta(self) -> Any:
        """All weights in one vector."""
        ...

    def initial(self, count: int) -> Any:
        """What is carried before any character, for so many texts."""
        ...

    def advance(self, ids: NDArray[np.int64], carried: Any) -> tuple[Any, Any]:
        """Reads one character of each text: (B,) indices to (B, V) logits, and what is carried on."""
        ...

    def read(self, ids: NDArray[Any], carried: Any) -> tuple[Any, Any, Any]:
        """Reads one text: log-probabilities after each character (L, V), hidden states (L, H), what is carried on."""
        ...


@dataclass(frozen=True)
class StateReader:
    """Reads with a recurrent network; a text begins after the character ``first``."""

    model: Remembering
    first: int

    def begin(self, count: int) -> tuple[Tensor, Any]:
        """See `Reader`; what is remembered is what the network carries on."""
        return self.read(torch.full((count,), self.first), self.model.initial(count))

    def read(self, ids: Tensor, remembered: Any) -> tuple[Tensor, Any]:
        """See `Reader`."""
        logits, carried = self.model.advance(ids.numpy(), remembered)
        return torch.as_tensor(logits), carried

    def expect(self, ids: Tensor) -> Tensor:
        """See `Reader`."""
        return torch.as_tensor(self.model.read(np.append(self.first, ids.numpy()), self.model.initial(1))[0])


# ---------------------------------------------------------------- drawing


def probabilities(logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """What a character is drawn from: rows that sum to one, in float64, shape (B, V).

    First the logits are divided by the temperature (0 is all on the largest), then only the likeliest ``top_k`` stay,
    and of these the likeliest that together reach ``top_p``. Among equal ones those of lower index are likelier.

    Source: top-k after Fan, Lewis and Dauphin 2018; top-p after Holtzman et al. 2020.
    """
    logits = logits.double()
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).double()
    p = torch.softmax((logits - logits.amax(1, keepdim=True)) / temperature, dim=1)  # so no temperature is too small
    if top_k == 0 and top_p == 1:
        return p
    ordered, order = torch.sort(p, dim=1, descending=True, stable=True)
    if top_k:
        ordered[:, top_k:] = 0
    ordered /= ordered.sum(1, keepdim=True)
    ordered[ordered.cumsum(1) - ordered >= top_p] = 0  # those before it reach the share already
    kept = torch.zeros_like(p).scatter_(1, order, ordered)
    return kept / kept.sum(1, keepdim=True)


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


@dataclass(frozen=True, eq=False)
class Drawn:
    """Texts drawn from a model. Of documents, what comes after the first index 0 means nothing."""

    ids: NDArray[np.int64]  # (B, L)
    probabilities: NDArray[np.float64]  # (B, L), that each character had when it was drawn
    dice: NDArray[np.float64]  # (B, L), its dart


@torch.inference_mode()
def draw(reader: Reader, corpus: Corpus, config: SampleConfig, onward: bool = False) -> Drawn:
    """Draws texts, all at once; text i uses row i of the dice, whatever the others do.

    Running text ends after ``length`` characters, and so does the drawing of documents, or earlier when all of them
    have met their boundary.

    Args:
        onward: document follows document, as in the stream that the model was trained on, up to ``length``.

    Raises:
        UserError: if the prefix holds characters that the corpus does not know.
    """
    if corpus.is_documents and corpus.boundary in config.prefix:
        raise UserError(f"{corpus.boundary!r} marks the end of a document. Leave it out of the prefix.")
    prefix = torch.as_tensor(corpus.vocabulary.encode(config.prefix), dtype=torch.int64)
    generator = torch.Generator().manual_seed(config.seed)
    dice = torch.rand((config.count, config.length), dtype=torch.float64, generator=generator)
    logits, remembered = reader.begin(config.count)
    for given in prefix:
        logits, remembered = reader.read(given.expand(config.count), remembered)
    drawn: list[Tensor] = []
    picked: list[Tensor] = []
    ended = torch.zeros(config.count, dtype=torch.bool)
    for position in range(config.length):
        if drawn:
            logits, remembered = reader.read(drawn[-1], remembered)
        p = probabilities(logits, config.temperature, config.top_k, config.top_p)
        drawn.append(choose(p, dice[:, position]))
        picked.append(p.gather(1, drawn[-1].unsqueeze(1)).squeeze(1))
        ended |= drawn[-1] == 0
        if corpus.is_documents and not onward and ended.all():
            break
    return Drawn(torch.stack(drawn, 1).numpy(), torch.stack(picked, 1).numpy(), dice[:, : len(drawn)].numpy())


def sample(reader: Reader, corpus: Corpus, config: SampleConfig) -> list[str]:
    """The texts that `draw` draws, each behind the prefix.

    Raises:
        UserError: if the prefix holds characters that the corpus does not know.
    """
    return [config.prefix + until_end(corpus, row) for row in draw(reader, corpus, config).ids]


def until_end(corpus: Corpus, ids: NDArray[np.int64]) -> str:
    """The text that was drawn; of documents only the first."""
    text = corpus.vocabulary.decode(ids)
    return text.split(corpus.boundary)[0] if corpus.is_documents else text


# ---------------------------------------------------------------- dart by dart


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
    reader = WindowReader(model, context)
    logits, window = reader.begin(1)
    thrown: list[Throw] = []
    while len(thrown) < length and not (thrown and thrown[-1].chosen == 0):
        p = probabilities(logits, temperature)
        dart = torch.rand(1, dtype=torch.float64, generator=generator)
        chosen = choose(p, dart)
        thrown.append(Throw(tuple(window[0].tolist()), p[0].numpy(), dart.item(), int(chosen)))
        logits, window = reader.read(chosen, window)
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
