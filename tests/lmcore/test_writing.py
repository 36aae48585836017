"""Figures of sampled and scored texts."""

import numpy as np

from lmcore import figures
from lmcore.data.corpora import from_text
from lmcore.generation import baselines, scoring
from lmcore.generation.sampling import Samples

NAMES = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\ncharlotte\namelia\nevelyn\nabigail\n" * 3)


def drawn(*texts: str) -> Samples:
    width = max(map(len, texts))
    ids = np.array([NAMES.vocabulary.encode(text.ljust(width, ".")) for text in texts]).astype(np.int64)
    return Samples(ids, np.full(ids.shape, 0.5), np.full(ids.shape, 0.3))


def test_pictures_of_writing_and_reading() -> None:
    record = scoring.score_samples(NAMES, drawn("ava", "olivi", "m"))
    drawn_texts = figures.written(record, 50, 7)
    assert drawn_texts.data[0].z.shape == (3, 5)
    assert drawn_texts.data[0].customdata[1, 4].tolist() == [7, 1, 4]
    assert list(drawn_texts.data[2].text)[2] == "new"
    wrapped = figures.written(record, 3)
    assert wrapped.data[0].z.shape[1] == 3
    read = figures.reading(scoring.score_text(NAMES, baselines.baseline_readers(NAMES), "mia"))
    assert read.data[0].z.shape == (4, 4)
    assert read.layout.yaxis.ticktext[0].startswith("uniform: ")
    standing = figures.standing({"you": 1.0, "<b>": 2.0}, 3.3)
    assert standing.layout.yaxis.ticktext == ("you", "&lt;b&gt;")
    assert "less is better" in standing.layout.xaxis.title.text
    nothing = scoring.ScoredSamples((), ())
    for empty in (figures.standing({}, 3.3), figures.reading(scoring.ScoredText([], {})), figures.written(nothing)):
        assert empty.layout.annotations
