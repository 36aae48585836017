import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore import figures
from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.generation import sampling, scoring
from lmcore.generation.sampling import Drawn, SampleConfig, WindowReader
from lmcore.models.mlp import MLPConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.training import trainers
from lmcore.training.training import RunConfig, TrainConfig

NAMES = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\ncharlotte\namelia\nevelyn\nabigail\n" * 3)
NOVEL = from_text("The cat said no. The dog said yes. " * 60, config=CorpusConfig(units="running"))
MODELS = [MLPConfig(hidden=8), RNNConfig(hidden=8, sequence=5), RecurrentConfig(hidden=8, sequence=5, layers=2)]


def drawn(*texts: str) -> Drawn:
    width = max(map(len, texts))
    ids = np.array([NAMES.vocabulary.encode(text.ljust(width, ".")) for text in texts]).astype(np.int64)
    return Drawn(ids, np.full(ids.shape, 0.5), np.full(ids.shape, 0.3))


def test_each_name_is_marked_by_where_it_stands() -> None:
    splits = {split: {NAMES.documents[i] for i in rows} for split, rows in NAMES.document_splits.items()}
    known = sorted(splits["train"])[0]
    only_dev = sorted(splits["dev"] - splits["train"])
    assert scoring.mark(NAMES, known) == "seen in training"
    assert scoring.mark(NAMES, "zzz") == "new"
    assert all(scoring.mark(NAMES, name) == "seen in dev" for name in only_dev)


def test_what_is_written_ends_with_its_boundary() -> None:
    record = scoring.written(NAMES, drawn("ava.mia", "noe", "eeeeeee"))
    assert ["".join(text.characters) for text in record.texts] == ["ava.", "noe.", "eeeeeee"]
    assert record.marks[1:] == ("new", "unfinished")
    assert record.marks[0].startswith("seen in")
    assert record.share_new == 0.5
    assert record.texts[0].values == pytest.approx(np.full(4, math.log(2)))
    assert scoring.written(NAMES, drawn("a."), prefix="av").marks[0].startswith("seen in")
    assert scoring.written(NAMES, drawn("eee")).share_new is None
    assert scoring.written(NOVEL, sampling.draw(scoring.counted(NOVEL)["bigram"], NOVEL, SampleConfig())).marks == ()


@pytest.mark.parametrize("corpus", [NAMES, NOVEL], ids=["documents", "running text"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.family)
def test_a_text_costs_a_model_what_its_characters_cost_one_by_one(model: MLPConfig, corpus: Corpus) -> None:
    trainer = trainers.make(RunConfig(model=model, train=TrainConfig(batch_size=4)), corpus)
    trainer.train(20)
    text = "ava" if corpus is NAMES else "said no"
    record = scoring.read(corpus, {"model": trainer.reader}, text)
    assert record.characters == [*text.replace(" ", "␣")] + (["."] if corpus is NAMES else [])
    with torch.inference_mode():
        logits, remembered = trainer.reader.begin(1)
        for place, index in enumerate([*corpus.vocabulary.encode(text), *([0] if corpus is NAMES else [])]):
            expected = -torch.log_softmax(logits, 1)[0, int(index)].item()
            assert record.losses["model"][place] == pytest.approx(expected, rel=1e-4, abs=1e-5)
            logits, remembered = trainer.reader.read(torch.tensor([int(index)]), remembered)


def test_guessing_blindly_costs_ln_V_and_counting_what_it_counted() -> None:
    rivals = scoring.counted(NAMES)
    assert list(rivals) == ["uniform", "unigram", "bigram", "trigram"]
    means = scoring.read(NAMES, rivals, "mia").means
    assert means["uniform"] == pytest.approx(math.log(len(NAMES.vocabulary)))
    assert means["trigram"] < means["bigram"] < means["unigram"] < means["uniform"]
    stream = NAMES.streams["train"].astype(np.int64)
    p = (np.bincount(stream, minlength=len(NAMES.vocabulary)) + 1) / (len(stream) + len(NAMES.vocabulary))
    expected = -np.log(p[[*NAMES.vocabulary.encode("mia"), 0]]).mean()
    assert means["unigram"] == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "z€", "a.b"])
def test_a_text_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(UserError):
        scoring.read(NAMES, scoring.counted(NAMES), text)


@given(st.integers(0, 10_000))
def test_a_game_is_a_piece_of_the_dev_split(seed: int) -> None:
    game = scoring.new_game(NOVEL, seed, length=20, before=30)
    text = NOVEL.vocabulary.decode(NOVEL.streams["dev"])
    assert NOVEL.vocabulary.decode(np.concatenate([game.before, game.hidden])) in text
    assert (len(game.before), len(game.hidden)) == (30, 20)


def test_a_game_of_names_begins_with_a_name() -> None:
    begins = {NAMES.vocabulary.decode(scoring.new_game(NAMES, seed, length=5).hidden) for seed in range(30)}
    dev = [NAMES.documents[i] for i in NAMES.document_splits["dev"]]
    assert len(begins) > 1
    assert all(any((name + ".").startswith(begin.split(".")[0]) for name in dev) for begin in begins)
    with pytest.raises(UserError, match="longer text"):
        scoring.new_game(from_text("ab\nba\nabab\n"), 1)


def test_a_guess_costs_what_its_probability_says() -> None:
    assert scoring.cost_of_guess(27, 0.5, True) == pytest.approx(math.log(2))
    assert scoring.cost_of_guess(27, 0.5, False) == pytest.approx(math.log(52))
    assert scoring.cost_of_guess(27, 1 / 27, True) == pytest.approx(scoring.cost_of_guess(27, 1 / 27, False))
    assert scoring.cost_of_guess(27, 0.99, False) > 7


def test_the_player_stands_among_models_that_guessed_the_same_characters() -> None:
    game = scoring.new_game(NOVEL, 3)
    rivals = scoring.rivals_in_game(NOVEL, game, scoring.counted(NOVEL))
    bigram = WindowReader(scoring.counted(NOVEL)["bigram"].model, 1)
    ids = torch.from_numpy(np.concatenate([game.before, game.hidden]))
    log_p = torch.log_softmax(bigram.expect(ids), 1)
    expected = [-log_p[len(game.before) + i, index].item() for i, index in enumerate(game.hidden)]
    assert rivals["bigram"] == pytest.approx(np.array(expected))
    means = scoring.standing([0.0, 0.0], rivals)
    assert next(iter(means)) == "you"
    assert means["bigram"] == pytest.approx(np.mean(expected[:2]))
    assert scoring.standing([], rivals) == {}


def test_in_a_game_of_names_each_name_begins_anew() -> None:
    ids = np.append(NAMES.vocabulary.encode("ava.mia"), 0).astype(np.int64)
    game = scoring.Game(np.zeros(0, np.int64), ids)
    rivals = scoring.rivals_in_game(NAMES, game, scoring.counted(NAMES))
    apart = [scoring.read(NAMES, scoring.counted(NAMES), name).losses["trigram"] for name in ("ava", "mia")]
    assert rivals["trigram"] == pytest.approx(np.concatenate(apart))


def test_one_reader_serves_two_threads() -> None:
    trainer = trainers.make(RunConfig(model=MLPConfig(hidden=64), train=TrainConfig(batch_size=4)), NAMES)
    reader, config = trainer.reader, SampleConfig(count=40, length=20)
    alone = sampling.draw(reader, NAMES, config).ids
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: sampling.draw(reader, NAMES, config).ids, range(12)))
    assert all(np.array_equal(alone, ids) for ids in together)


def test_pictures_of_writing_and_reading() -> None:
    record = scoring.written(NAMES, drawn("ava", "olivi", "m"))
    drawn_texts = figures.written(record, 50, 7)
    assert drawn_texts.data[0].z.shape == (3, 5)
    assert drawn_texts.data[0].customdata[1, 4].tolist() == [7, 1, 4]
    assert list(drawn_texts.data[2].text)[2] == "new"
    wrapped = figures.written(record, 3)
    assert wrapped.data[0].z.shape[1] == 3
    read = figures.reading(scoring.read(NAMES, scoring.counted(NAMES), "mia"))
    assert read.data[0].z.shape == (4, 4)
    assert read.layout.yaxis.ticktext[0].startswith("uniform: ")
    standing = figures.standing({"you": 1.0, "<b>": 2.0}, 3.3)
    assert standing.layout.yaxis.ticktext == ("you", "&lt;b&gt;")
    assert "less is better" in standing.layout.xaxis.title.text
    nothing = scoring.Written((), ())
    for empty in (figures.standing({}, 3.3), figures.reading(scoring.Reading([], {})), figures.written(nothing)):
        assert empty.layout.annotations
