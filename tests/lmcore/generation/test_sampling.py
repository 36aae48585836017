"""Sampling: one character, whole texts, and a closer look at one step."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.families import make_trainer
from lmcore.generation import surprise
from lmcore.generation.reader import Reader, WindowReader
from lmcore.generation.sampling import (
    SampleConfig,
    choose,
    draw,
    draw_in_turn,
    probabilities,
    sample,
    sample_in_turn,
    sampling_step,
)
from lmcore.models.ngram import CountConfig, NGram
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.training.config import RunConfig, TrainConfig

Model = Callable[..., Any]


# ---------------------------------------------------------------- one character


def test_the_first_index_that_reaches_the_number_is_chosen() -> None:
    p = torch.tensor([[0.25, 0.5, 0.25]]).expand(5, -1)
    assert choose(p, torch.tensor([0.0, 0.25, 0.26, 0.75, 0.99])).tolist() == [0, 0, 1, 1, 2]


def test_an_impossible_index_is_never_chosen() -> None:
    p = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]]).expand(3, -1)
    assert choose(p, torch.tensor([0.0, 0.5, 1 - 1e-16], dtype=torch.float64)).tolist() == [1, 1, 3]


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30).filter(lambda p: sum(p) > 0.01),
    st.floats(0, 1, exclude_max=True),
)
def test_every_number_chooses_a_possible_index(weights: list[float], uniform: float) -> None:
    p = torch.tensor([weights], dtype=torch.float64)
    p /= p.sum()
    index = choose(p, torch.tensor([uniform], dtype=torch.float64)).item()
    assert p[0, index] > 0


def test_frequencies_follow_the_probabilities() -> None:
    uniforms = torch.rand(100_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    chosen = choose(torch.tensor([[0.1, 0.2, 0.7]]).expand(len(uniforms), -1), uniforms)
    assert (torch.bincount(chosen) / len(uniforms)).tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.005)


def test_temperature_sharpens_flattens_and_at_zero_is_greedy() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.0]])
    assert probabilities(logits, 0).tolist() == [[0, 1, 0]]
    assert probabilities(logits, 1).tolist()[0] == pytest.approx(torch.softmax(logits, 1).tolist()[0])
    assert probabilities(logits, 0.5)[0, 1] > probabilities(logits, 1)[0, 1] > probabilities(logits, 5)[0, 1]


def test_top_k_keeps_the_most_likely_and_top_p_the_fewest_that_reach_the_share() -> None:
    logits = torch.tensor([[0.1, 0.4, 0.3, 0.2]]).log()
    assert probabilities(logits, top_k=2)[0].tolist() == pytest.approx([0, 4 / 7, 3 / 7, 0])
    assert probabilities(logits, top_p=0.69)[0].tolist() == pytest.approx([0, 4 / 7, 3 / 7, 0])
    assert probabilities(logits, top_p=0.71)[0].tolist() == pytest.approx([0, 4 / 9, 3 / 9, 2 / 9])
    assert probabilities(logits, top_p=1e-9)[0].tolist() == [0, 1, 0, 0]
    assert probabilities(logits, top_k=3, top_p=0.5)[0].tolist() == pytest.approx([0, 4 / 7, 3 / 7, 0])
    assert probabilities(logits, 1e-308)[0].tolist() == [0, 1, 0, 0]
    assert probabilities(torch.zeros(1, 3), top_k=1)[0].tolist() == [1, 0, 0]  # ties go to the lower index
    assert probabilities(logits, 0.5)[0].tolist() == pytest.approx([1 / 30, 16 / 30, 9 / 30, 4 / 30])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12), st.integers(0, 15), st.floats(0.01, 1), st.floats(0.1, 5))
def test_what_is_drawn_from_is_a_distribution_over_the_most_likely(
    logits: list[float], top_k: int, top_p: float, temperature: float
) -> None:
    whole = probabilities(torch.tensor([logits]), temperature)[0]
    kept = probabilities(torch.tensor([logits]), temperature, top_k, top_p)[0]
    assert kept.sum().item() == pytest.approx(1)
    allowed = kept > 0
    assert 1 <= int(allowed.sum()) <= (top_k or len(logits))
    if (~allowed).any():
        assert whole[allowed].min() >= whole[~allowed].max()


# ---------------------------------------------------------------- whole texts


def test_documents_end_at_the_boundary(abc: Corpus, constant: Model) -> None:
    assert sample(WindowReader(constant(1, 0, 0), 3), abc, SampleConfig(count=2)) == ["", ""]
    assert sample(WindowReader(constant(0, 1, 0), 3), abc, SampleConfig(count=1, length=4)) == ["aaaa"]


def test_document_follows_document_where_that_is_asked_for(abc: Corpus, constant: Model) -> None:
    reader, config = WindowReader(constant(0.5, 0.3, 0.2), 2), SampleConfig(count=5, length=60)
    onward = draw(reader, abc, config, stop_at_boundary=False)
    stopped = draw(reader, abc, config)
    n = stopped.ids.shape[1]
    assert onward.ids.shape == (5, 60)
    assert n < 60
    assert np.array_equal(onward.ids[:, :n], stopped.ids)
    assert (stopped.ids == 0).any(1).all()


def test_running_text_always_has_the_full_length(running_text: Corpus, constant: Model) -> None:
    size = len(running_text.vocabulary)
    reader = WindowReader(constant(*[1 / size] * size), 2)
    assert {len(text) for text in sample(reader, running_text, SampleConfig(count=9, length=40))} == {40}


def test_the_prefix_comes_first_and_unknown_characters_are_named(abc: Corpus, constant: Model) -> None:
    reader = WindowReader(constant(1, 0, 0), 2)
    assert sample(reader, abc, SampleConfig(count=1, prefix="abba")) == ["abba"]
    with pytest.raises(UserError, match="z"):
        sample(reader, abc, SampleConfig(prefix="az"))
    with pytest.raises(UserError, match="end of a document"):
        sample(reader, abc, SampleConfig(prefix="a."))


def test_the_same_seed_gives_the_same_texts(abc: Corpus, constant: Model) -> None:
    reader = WindowReader(constant(0.3, 0.4, 0.3), 2)
    texts = sample(reader, abc, SampleConfig(count=5, seed=3))
    assert texts == sample(reader, abc, SampleConfig(count=5, seed=3))
    assert texts != sample(reader, abc, SampleConfig(count=5, seed=4))


def test_drawn_characters_come_with_their_probabilities_and_random_numbers(abc: Corpus, constant: Model) -> None:
    reader = WindowReader(constant(0.2, 0.5, 0.3), 2)
    samples = draw(reader, abc, SampleConfig(count=50, length=8, seed=1), stop_at_boundary=False)
    assert samples.ids.shape == samples.uniforms.shape == (50, 8)
    expected = torch.tensor([0.2, 0.5, 0.3])[torch.from_numpy(samples.ids)]
    assert samples.probabilities == pytest.approx(expected.numpy(), abs=1e-6)
    assert ((samples.uniforms <= 0.2) == (samples.ids == 0)).all()


def test_texts_drawn_in_turn_share_one_generator(abc: Corpus, constant: Model) -> None:
    reader, config = WindowReader(constant(0.5, 0.3, 0.2), 2), SampleConfig(count=20, length=10, seed=5)
    samples = draw_in_turn(reader, abc, config)
    numbers = np.concatenate([one.uniforms[0] for one in samples])
    generator = torch.Generator().manual_seed(5)
    expected = [torch.rand(1, dtype=torch.float64, generator=generator).item() for _ in numbers]
    assert numbers.tolist() == expected
    assert [one.texts(abc)[0] for one in samples] == sample_in_turn(reader, abc, config)
    for one in samples:
        assert (one.ids[0, :-1] != 0).all()  # index 0 only at the end
        assert one.ids[0, -1] == 0 or one.ids.shape == (1, 10)


def test_the_first_text_in_turn_is_the_first_text_at_once(abc: Corpus, constant: Model) -> None:
    reader, config = WindowReader(constant(0.5, 0.3, 0.2), 2), SampleConfig(count=1, seed=8)
    assert sample_in_turn(reader, abc, config) == sample(reader, abc, config)


def test_the_bigram_model_writes_the_names_of_the_lecture(names: Corpus) -> None:
    reader = WindowReader(NGram(names, CountConfig(order=2, smoothing=1)), 1)
    texts = sample_in_turn(reader, names, SampleConfig(count=5, seed=2147483647))
    assert texts == ["mor", "axx", "minaymoryles", "kondlaisah", "anchshizarie"]


# ---------------------------------------------------------------- one step


def rnn(corpus: Corpus, steps: int = 200) -> Reader:
    trainer = make_trainer(RunConfig(model=RNNConfig(hidden=16, sequence=10), train=TrainConfig(seed=5)), corpus)
    trainer.train(steps)
    reader: Reader = trainer.reader
    return reader


@pytest.mark.parametrize("text", range(3))
def test_a_step_shows_what_its_character_was_drawn_from(running_text: Corpus, text: int) -> None:
    reader = rnn(running_text)
    config = SampleConfig(count=3, seed=3, length=50, temperature=0.7, prefix="The ", top_k=5)
    samples = draw(reader, running_text, config)
    annotated = surprise.surprise(running_text, samples, text)
    for position in (0, 7, 49):
        step = sampling_step(reader, running_text, config, samples, position, text)
        assert running_text.vocabulary.labels[step.chosen] == annotated.characters[position]
        before = running_text.vocabulary.decode(samples.ids[text, :position])
        assert running_text.vocabulary.decode(step.context) == "The " + before
        assert -math.log(step.probabilities[step.chosen]) == pytest.approx(annotated.values[position], abs=1e-4)
        assert (step.probabilities > 0).sum() == 5
        assert [step.probabilities.sum(), step.model_probabilities.sum()] == pytest.approx([1, 1])
        assert (step.model_probabilities > 0).all()
        edge = step.probabilities.cumsum()[step.chosen]
        assert edge >= step.uniform > edge - step.probabilities[step.chosen]


def test_a_prompt_primes_the_hidden_state(running_text: Corpus) -> None:
    reader = rnn(running_text, 300)
    one, other = (draw(reader, running_text, SampleConfig(count=1, prefix=text)) for text in ("The ", "said "))
    assert one.ids.tolist() != other.ids.tolist()
