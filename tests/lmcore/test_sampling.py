import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.corpora import CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.sampling import SampleConfig, choose, probabilities, sample

CORPUS = from_text("ab\nba\nabba", config=CorpusConfig(units="lines"))


class Constant:
    """A model that always expects the same."""

    def __init__(self, *p: float) -> None:
        self.logits = torch.tensor([[math.log(value) if value else -torch.inf for value in p]])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(x), -1)


def test_the_dart_hits_the_first_bar_that_reaches_it() -> None:
    p = torch.tensor([[0.25, 0.5, 0.25]]).expand(5, -1)
    assert choose(p, torch.tensor([0.0, 0.25, 0.26, 0.75, 0.99])).tolist() == [0, 0, 1, 1, 2]


def test_what_cannot_occur_is_never_chosen() -> None:
    p = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]]).expand(3, -1)
    assert choose(p, torch.tensor([0.0, 0.5, 1 - 1e-16], dtype=torch.float64)).tolist() == [1, 1, 3]


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30).filter(lambda p: sum(p) > 0.01),
    st.floats(0, 1, exclude_max=True),
)
def test_a_dart_always_hits_something_possible(weights: list[float], dart: float) -> None:
    p = torch.tensor([weights], dtype=torch.float64)
    p /= p.sum()
    index = choose(p, torch.tensor([dart], dtype=torch.float64)).item()
    assert p[0, index] > 0


def test_frequencies_follow_the_probabilities() -> None:
    dice = torch.rand(100_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    chosen = choose(torch.tensor([[0.1, 0.2, 0.7]]).expand(len(dice), -1), dice)
    assert (torch.bincount(chosen) / len(dice)).tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.005)


def test_temperature_sharpens_flattens_and_at_zero_is_greedy() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.0]])
    assert probabilities(logits, 0).tolist() == [[0, 1, 0]]
    assert probabilities(logits, 1).tolist()[0] == pytest.approx(torch.softmax(logits, 1).tolist()[0])
    assert probabilities(logits, 0.5)[0, 1] > probabilities(logits, 1)[0, 1] > probabilities(logits, 5)[0, 1]


def test_documents_end_at_the_boundary() -> None:
    assert sample(Constant(1, 0, 0), CORPUS, 3, SampleConfig(count=2)) == ["", ""]
    assert sample(Constant(0, 1, 0), CORPUS, 3, SampleConfig(count=1, length=4)) == ["aaaa"]


def test_the_prefix_comes_first_and_unknown_characters_are_named() -> None:
    assert sample(Constant(1, 0, 0), CORPUS, 2, SampleConfig(count=1, prefix="abba")) == ["abba"]
    with pytest.raises(UserError, match="z"):
        sample(Constant(1, 0, 0), CORPUS, 2, SampleConfig(prefix="az"))
    with pytest.raises(UserError, match="end of a document"):
        sample(Constant(1, 0, 0), CORPUS, 2, SampleConfig(prefix="a."))


def test_the_same_seed_throws_the_same_dice_whatever_the_others_do() -> None:
    model = Constant(0.3, 0.4, 0.3)
    few = sample(model, CORPUS, 2, SampleConfig(count=5, seed=3))
    assert few == sample(model, CORPUS, 2, SampleConfig(count=5, seed=3))
    assert few != sample(model, CORPUS, 2, SampleConfig(count=5, seed=4))
