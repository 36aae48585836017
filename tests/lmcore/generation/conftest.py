"""Two small texts, and models whose probabilities are known."""

from collections.abc import Callable

import pytest
import torch

from lmcore.data.corpora import Corpus, CorpusConfig, from_text


@pytest.fixture(scope="session")
def documents() -> Corpus:
    names = "emma\nolivia\nava\nisabella\nsophia\nmia\ncharlotte\namelia\nevelyn\nabigail\n"
    return from_text(names * 3, config=CorpusConfig(units="lines"))


@pytest.fixture(scope="session")
def running_text() -> Corpus:
    return from_text("The cat said no. The dog said yes. " * 60, config=CorpusConfig(units="running"))


@pytest.fixture(scope="session")
def abc() -> Corpus:
    """Documents of two letters: its vocabulary is the boundary, a and b."""
    return from_text("ab\nba\nabba", config=CorpusConfig(units="lines"))


class Constant:
    """A model that gives every character the same probability, whatever came before."""

    def __init__(self, *p: float) -> None:
        self.logits = torch.tensor([p]).log()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(x), -1)


@pytest.fixture
def constant() -> Callable[..., Constant]:
    return Constant
