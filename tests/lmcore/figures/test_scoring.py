import numpy as np
import plotly.graph_objects as go
import pytest

from lmcore import figures
from lmcore.generation.scoring import ScoredSamples, ScoredText
from lmcore.generation.surprise import AnnotatedText

TEXTS = tuple(AnnotatedText(list(text), np.full(len(text), 0.5)) for text in ("ava.", "olivi", "m"))
SAMPLES = ScoredSamples(TEXTS, ("seen in training", "unfinished", "new"))


def test_each_text_starts_a_row_and_has_a_note() -> None:
    cells, _, notes = figures.scored_samples(SAMPLES, 50, 7).data
    assert cells.z.shape == (3, 5)
    assert cells.customdata[1, 4].tolist() == [7, 1, 4]
    assert list(notes.text) == ["train", "…", "new"]


def test_long_texts_are_continued_in_the_next_row() -> None:
    assert figures.scored_samples(SAMPLES, 3).data[0].z.shape == (5, 3)


def test_running_text_has_no_notes() -> None:
    assert len(figures.scored_samples(ScoredSamples(TEXTS, ())).data) == 2


def test_a_scored_text_has_a_row_per_model() -> None:
    losses = {"uniform": np.full(3, 3.3), "<b>": np.array([1.0, 2.0, 3.0])}
    figure = figures.scored_text(ScoredText(["<", "a", "."], losses))
    assert figure.data[0].z.shape == (2, 3)
    assert figure.layout.yaxis.ticktext == ("uniform: 3.300", "&lt;b&gt;: 2.000")
    assert figure.layout.xaxis.ticktext == ("&lt;", "a", ".")


@pytest.mark.parametrize(
    "figure",
    [figures.scored_samples(ScoredSamples((), ())), figures.scored_text(ScoredText([], {}))],
    ids=["samples", "text"],
)
def test_without_data_there_is_a_message(figure: go.Figure) -> None:
    assert figure.layout.annotations
