"""How well models predict a text, and how new their texts are."""

import math

import numpy as np
import pytest
import torch

from lmcore.data.corpora import Corpus, from_text
from lmcore.errors import UserError
from lmcore.families import make_trainer
from lmcore.generation import sampling, scoring
from lmcore.generation.baselines import baseline_readers
from lmcore.generation.sampling import SampleConfig, Samples
from lmcore.models.mlp import MLPConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.training.config import RunConfig, TrainConfig

MODELS = [MLPConfig(hidden=8), RNNConfig(hidden=8, sequence=5), RecurrentConfig(hidden=8, sequence=5, layers=2)]


def samples_of(corpus: Corpus, *texts: str) -> Samples:
    """Samples that consist of these texts, each filled up with boundaries; every character had a probability of 0.5."""
    width = max(map(len, texts))
    ids = np.array([corpus.vocabulary.encode(text.ljust(width, corpus.boundary)) for text in texts]).astype(np.int64)
    return Samples(ids, np.full(ids.shape, 0.5), np.full(ids.shape, 0.3))


# ---------------------------------------------------------------- novelty


def test_each_document_is_found_in_its_first_split(documents: Corpus) -> None:
    splits = {split: {documents.documents[i] for i in rows} for split, rows in documents.document_splits.items()}
    assert all(scoring.novelty(documents, name) == "seen in training" for name in splits["train"])
    assert all(scoring.novelty(documents, name) == "seen in dev" for name in splits["dev"] - splits["train"])
    assert scoring.novelty(documents, "zzz") == "new"


def test_a_decomposed_document_is_found() -> None:
    assert scoring.novelty(from_text("noël\nava\nemma\nolivia"), "noe\u0308l") != "new"


def test_a_sampled_document_ends_with_its_boundary(documents: Corpus) -> None:
    record = scoring.score_samples(documents, samples_of(documents, "ava.mia", "noe", "eeeeeee"))
    assert ["".join(text.characters) for text in record.texts] == ["ava.", "noe.", "eeeeeee"]
    assert record.novelty[0].startswith("seen in")
    assert record.novelty[1:] == ("new", "unfinished")
    assert record.share_new == 0.5
    assert record.texts[0].values == pytest.approx(np.full(4, math.log(2)))


def test_the_prefix_is_part_of_a_document(documents: Corpus) -> None:
    record = scoring.score_samples(documents, samples_of(documents, "a."), prefix="av")
    assert record.novelty[0].startswith("seen in")


def test_without_a_finished_document_there_is_no_share_of_new_ones(documents: Corpus, running_text: Corpus) -> None:
    assert scoring.score_samples(documents, samples_of(documents, "eee")).share_new is None
    samples = sampling.draw(baseline_readers(running_text)["bigram"], running_text, SampleConfig())
    assert scoring.score_samples(running_text, samples).novelty == ()


# ---------------------------------------------------------------- the loss of a text


@pytest.mark.parametrize("kind", ["documents", "running_text"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.family)
def test_the_losses_of_a_text_are_those_of_its_characters_one_by_one(
    model: MLPConfig, kind: str, request: pytest.FixtureRequest
) -> None:
    corpus: Corpus = request.getfixturevalue(kind)
    trainer = make_trainer(RunConfig(model=model, train=TrainConfig(batch_size=4)), corpus)
    trainer.train(20)
    text, end = ("ava", [0]) if corpus.is_documents else ("said no", [])
    record = scoring.score_text(corpus, {"model": trainer.reader}, text)
    assert record.characters == [*text.replace(" ", "␣"), *(["."] if end else [])]
    with torch.inference_mode():
        logits, state = trainer.reader.start(1)
        for position, index in enumerate([*corpus.encode(text).tolist(), *end]):
            expected = -torch.log_softmax(logits, 1)[0, index].item()
            assert record.losses["model"][position] == pytest.approx(expected, rel=1e-4, abs=1e-5)
            logits, state = trainer.reader.step(torch.tensor([index]), state)


@pytest.mark.parametrize("text", ["", "z€", "a.b"])
def test_a_text_that_cannot_be_scored_is_refused_in_words(documents: Corpus, text: str) -> None:
    with pytest.raises(UserError):
        scoring.score_text(documents, baseline_readers(documents), text)
