import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig, WindowReader, choose, draw, probabilities, sample

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
    assert sample(WindowReader(Constant(1, 0, 0), 3), CORPUS, SampleConfig(count=2)) == ["", ""]
    assert sample(WindowReader(Constant(0, 1, 0), 3), CORPUS, SampleConfig(count=1, length=4)) == ["aaaa"]


def test_the_prefix_comes_first_and_unknown_characters_are_named() -> None:
    assert sample(WindowReader(Constant(1, 0, 0), 2), CORPUS, SampleConfig(count=1, prefix="abba")) == ["abba"]
    with pytest.raises(UserError, match="z"):
        sample(WindowReader(Constant(1, 0, 0), 2), CORPUS, SampleConfig(prefix="az"))
    with pytest.raises(UserError, match="end of a document"):
        sample(WindowReader(Constant(1, 0, 0), 2), CORPUS, SampleConfig(prefix="a."))


def test_the_same_seed_throws_the_same_dice_whatever_the_others_do() -> None:
    model = WindowReader(Constant(0.3, 0.4, 0.3), 2)
    few = sample(model, CORPUS, SampleConfig(count=5, seed=3))
    assert few == sample(model, CORPUS, SampleConfig(count=5, seed=3))
    assert few != sample(model, CORPUS, SampleConfig(count=5, seed=4))


def test_top_k_keeps_the_likeliest_and_top_p_the_fewest_that_reach_the_share() -> None:
    logits = torch.tensor([[0.1, 0.4, 0.3, 0.2]]).log()
    assert probabilities(logits, top_k=2)[0].tolist() == pytest.approx([0, 4 / 7, 3 / 7, 0])
    assert probabilities(logits, top_p=0.69)[0].tolist() == pytest.approx([0, 4 / 7, 3 / 7, 0])
    assert probabilities(logits, top_p=0.71)[0].tolist() == pytest.approx([0, 4 / 9, 3 / 9, 2 / 9])
    assert probabilities(logits, top_p=1e-9)[0].tolist() == [0, 1, 0, 0]
    assert probabilities(logits, top_k=3, top_p=0.5)[0].tolist() == pytest.approx([0, 4 / 7, 3 / 7, 0])
    assert probabilities(logits, 1e-308)[0].tolist() == [0, 1, 0, 0]
    assert probabilities(torch.zeros(1, 3), top_k=1)[0].tolist() == [1, 0, 0]  # of equal ones the first
    assert probabilities(logits, 0.5)[0].tolist() == pytest.approx([1 / 30, 16 / 30, 9 / 30, 4 / 30])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12), st.integers(0, 15), st.floats(0.01, 1), st.floats(0.1, 5))
def test_what_is_drawn_from_is_a_distribution_over_the_likeliest(
    logits: list[float], top_k: int, top_p: float, temperature: float
) -> None:
    whole = probabilities(torch.tensor([logits]), temperature)[0]
    kept = probabilities(torch.tensor([logits]), temperature, top_k, top_p)[0]
    assert kept.sum().item() == pytest.approx(1)
    allowed = kept > 0
    assert 1 <= int(allowed.sum()) <= (top_k or len(logits))
    if (~allowed).any():
        assert whole[allowed].min() >= whole[~allowed].max()


def test_drawn_characters_come_with_their_probabilities_and_darts() -> None:
    drawn = draw(
        WindowReader(Constant(0.2, 0.5, 0.3), 2), CORPUS, SampleConfig(count=50, length=8, seed=1), onward=True
    )
    assert drawn.ids.shape == drawn.dice.shape == (50, 8)
    expected = torch.tensor([0.2, 0.5, 0.3])[torch.from_numpy(drawn.ids)]
    assert drawn.probabilities == pytest.approx(expected.numpy(), abs=1e-6)
    assert ((drawn.dice <= 0.2) == (drawn.ids == 0)).all()


class Counting:
    """A model that sees two characters and expects their sum, as far as there are characters."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(x.sum(1) % 3, 3).float() * 5


@given(st.lists(st.integers(0, 2), max_size=9))
def test_expecting_a_whole_text_is_reading_it_one_by_one(text: list[int]) -> None:
    reader = WindowReader(Counting(), 2)
    logits, window = reader.begin(1)
    one_by_one = [logits]
    for index in text:
        logits, window = reader.read(torch.tensor([index]), window)
        one_by_one.append(logits)
    assert torch.equal(reader.expect(torch.tensor(text, dtype=torch.int64)), torch.cat(one_by_one))
