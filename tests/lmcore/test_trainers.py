"""Recurrent networks as runs: the same contract as models of layers."""

import itertools
import math
import re

import numpy as np
import pytest

from lmcore import figures
from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.generation import passages, sampling
from lmcore.generation.sampling import SampleConfig
from lmcore.inspection import backprop_through_time
from lmcore.models.numpy_rnn import RNN, AdaGrad, RNNConfig, Stream, step
from lmcore.runs.worker import advance
from lmcore.training import trainers
from lmcore.training.training import DivergedError, RunConfig, TrainConfig, Trainer, train_for

TEXT = 'The cat said "no". The dog said "yes, of course".\nA bird in 1984 sang on.\n' * 60
NOVEL = from_text(TEXT, config=CorpusConfig(units="running"))
NAMES = from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 20, config=CorpusConfig(units="lines"))
CONFIG = RunConfig(model=RNNConfig(hidden=16, sequence=10), train=TrainConfig(steps=400, seed=5, evaluate_every=100))


def trained(steps: int, corpus=NOVEL, config: RunConfig = CONFIG) -> trainers.FromScratch:
    trainer = trainers.FromScratch(config, corpus)
    trainer.train(steps)
    return trainer


def test_each_model_gets_its_trainer() -> None:
    assert isinstance(trainers.make(RunConfig(), NAMES), Trainer)
    assert isinstance(trainers.make(CONFIG, NOVEL), trainers.FromScratch)
    with pytest.raises(UserError, match="not made of layers"):
        Trainer(CONFIG, NOVEL)


@pytest.mark.parametrize("task", ["dance", None, ["write"], {}])
def test_a_task_that_does_not_exist_is_refused_in_words(task: object) -> None:
    with pytest.raises(UserError, match="There is no task"):
        trainers.config_of({"task": task})


def test_plain_data_of_a_run_become_its_config_again() -> None:
    assert trainers.config_of(CONFIG.model_dump()) == CONFIG
    without_task = CONFIG.model_dump(exclude={"task"})  # as runs were written before they had tasks
    assert trainers.config_of(without_task) == CONFIG
    assert (CONFIG.family, CONFIG.data_name) == ("rnn", "given-names")


def test_training_takes_the_steps_of_the_network_from_scratch() -> None:
    losses = trainers.FromScratch(CONFIG, NOVEL).train(50)
    model = RNN(CONFIG.model, len(NOVEL.vocabulary), np.random.default_rng(5))
    optimizer, stream = AdaGrad(model.theta), Stream(NOVEL.streams["train"], 10, 16)
    expected = [step(model, optimizer, stream, 0.1) / 10 for _ in range(50)]
    assert losses == pytest.approx(expected, rel=1e-6)
    assert losses[0] == pytest.approx(math.log(len(NOVEL.vocabulary)), abs=0.01)


def test_it_goes_on_bit_for_bit_after_a_restore() -> None:
    whole, cut = trained(300), trained(120)
    other = trainers.FromScratch(CONFIG, NOVEL)
    other.restore(cut.state())
    other.train(180)
    for name, array in whole.state().items():
        assert np.array_equal(array, other.state()[name]), name


def test_a_worker_advances_it_like_any_run() -> None:
    config = CONFIG.updated(corpus={"source": "given-names", "locales": ("de_DE",)}).model_dump()
    at_once, report = advance(b"", config, 60)
    assert report["step"] == 400
    assert [snapshot.step for snapshot in report["snapshots"]][:4] == [0, 1, 2, 5]
    halfway, _ = advance(b"", config, 60, 150)
    assert advance(halfway, config, 60)[0] == at_once


def test_the_best_network_is_kept_and_is_no_alias() -> None:
    trainer = trained(300)
    best, best_smoothed = trainer.best.copy(), trainer.best_smoothed
    assert best_smoothed < 10 * math.log(len(NOVEL.vocabulary))
    trainer.smoothed = trainer.best_smoothed = 0.1  # as after a long training: what follows is worse
    trainer.train(20)
    assert trainer.smoothed > trainer.best_smoothed == 0.1
    assert np.array_equal(trainer.best, best)
    assert not np.array_equal(trainer.model.theta, best)
    snapshot = trainer.snapshot()
    for which, theta in ((trainers.BEST, best), (trainers.LAST, trainer.model.theta)):
        assert np.array_equal(trainers.network(CONFIG, NOVEL, snapshot, which).theta, theta)


def test_the_loss_of_a_split_is_that_of_its_characters_one_by_one() -> None:
    trainer = trained(100)
    ids = NOVEL.streams["dev"][:41]
    h, total = np.zeros(16), 0.0
    for before, after in itertools.pairwise(ids):
        h = np.tanh(trainer.model.W @ h + trainer.model.U[:, before] + trainer.model.b)
        logits = trainer.model.V @ h + trainer.model.c
        total -= logits[after] - np.log(np.exp(logits).sum())
    assert trainer.evaluate("dev", 40) == pytest.approx(total / 40, rel=1e-4)
    assert trainer.evaluate("dev") != trainer.evaluate("dev", 40)


def test_a_rate_far_too_high_is_told() -> None:
    config = CONFIG.updated(train=CONFIG.train.updated(learning_rate=1000.0).model_dump())
    with pytest.raises(DivergedError, match="learning rate of 100"):
        trainers.FromScratch(config, NOVEL).train(200)


def test_snapshots_hold_samples_with_the_same_dice_and_where_the_reading_stands() -> None:
    trainer = trainers.FromScratch(CONFIG, NOVEL)
    result = train_for(trainer, math.inf)
    assert result.snapshots[-1].step == 400
    epoch = 400 * 10 / len(NOVEL.streams["train"])
    assert float(result.snapshots[-1].arrays["epoch"][0]) == pytest.approx(epoch, abs=0.01)
    assert all(len(text) == 80 for text in result.snapshots[0].samples)
    assert result.snapshots[-1].train < result.snapshots[0].train - 1
    assert trainer.snapshot().samples == result.snapshots[-1].samples


def test_names_end_where_the_network_ends_them() -> None:
    texts = trained(400, NAMES).sample(SampleConfig(count=20, seed=1, length=30))
    assert not any("." in text for text in texts)
    assert {len(text) for text in texts} != {30}


# ---------------------------------------------------------------- passages


@pytest.mark.parametrize("text", range(3))
def test_a_passage_tells_what_each_character_was_drawn_from(text: int) -> None:
    reader = trained(200).reader
    settings = SampleConfig(count=3, seed=3, length=50, temperature=0.7, prefix="The ", top_k=5)
    drawn = sampling.draw(reader, NOVEL, settings)
    record = passages.passage(NOVEL, drawn, text)
    assert len(record.characters) == 50
    for at in (0, 7, 49):
        one = passages.how_drawn(reader, NOVEL, settings, drawn, at, text)
        assert NOVEL.vocabulary.labels[one.chosen] == record.characters[at]
        assert -math.log(one.drawn_from[one.chosen]) == pytest.approx(record.values[at], abs=1e-4)
        assert (one.drawn_from > 0).sum() == 5
        assert [one.drawn_from.sum(), one.model.sum()] == pytest.approx([1, 1])
        assert (one.model > 0).all()
        bar = one.drawn_from.cumsum()
        assert bar[one.chosen] >= one.dart > bar[one.chosen] - one.drawn_from[one.chosen]


def test_a_prompt_primes_the_state() -> None:
    reader = trained(300).reader
    given = [sampling.draw(reader, NOVEL, SampleConfig(count=1, prefix=text)) for text in ("The cat", "A bird")]
    assert given[0].ids.tolist() != given[1].ids.tolist()
    with pytest.raises(UserError, match="€"):
        sampling.draw(reader, NOVEL, SampleConfig(prefix="€"))


def test_words_are_counted_in_a_long_sample_and_beside_the_text() -> None:
    trainer = trained(400)
    record = passages.words(CONFIG, trainer.snapshot(), ["said", "zebra"], 20_000, corpus=NOVEL)
    table = record.table.set_index("word")
    assert table.loc["said", "in the text"] == pytest.approx(TEXT.count("said") / len(TEXT) * 10_000)
    assert table.loc["said", "sampled"] > 50
    assert table.loc["zebra", "sampled"] == 0
    assert np.isnan(table.loc["zebra", "first after"])
    settings = SampleConfig(count=20, length=1000, seed=42)
    first = NOVEL.vocabulary.decode(sampling.draw(trainer.reader, NOVEL, settings).ids[0])
    assert first[int(table.loc["said", "first after"]) :].startswith("said")
    known = set(re.findall("[A-Za-z]+", TEXT))
    assert not known & set(record.invented)
    assert 0.5 < record.share <= 1
    assert "said" in passages.frequent_words(NOVEL)


def test_ever_more_sampled_words_exist() -> None:
    snapshots = train_for(trainers.FromScratch(CONFIG, NOVEL), math.inf).snapshots
    shares = passages.known_words(CONFIG, snapshots, corpus=NOVEL)
    assert [step for step, _ in shares] == [snapshot.step for snapshot in snapshots]
    assert shares[-1][1] > shares[0][1] + 0.5
    drawn = figures.known_words(shares)
    assert drawn.layout.xaxis.type == "log"
    assert list(drawn.data[0].y) == [share for _, share in shares]


def test_the_gallery_finds_the_unit_that_was_made_for_a_feature() -> None:
    text = TEXT[:500]
    states = np.random.default_rng(0).normal(size=(500, 6))
    states[:, 4] = passages.FEATURES["inside quotes"](text) * 2.0 - 1
    states[:, 2] = -passages.FEATURES["a digit"](text).astype(float)
    table = passages.gallery(text, states).set_index("feature")
    assert table.loc["inside quotes", "unit"] == 4
    assert table.loc["inside quotes", "correlation"] == pytest.approx(1)
    assert table.loc["a digit", "unit"] == 2
    assert table.loc["a digit", "correlation"] == pytest.approx(-1)
    assert passages.gallery("aaaa", np.zeros((4, 3))).empty
    assert passages.FEATURES["position in the line"]("ab\nc").tolist() == [1, 2, 0, 1]
    assert passages.FEATURES["inside quotes"]('a "b" c').tolist() == [False, False, True, True, False, False, False]


def test_phrases_are_those_that_excite_a_unit_most() -> None:
    states = np.zeros((100, 1))
    states[[10, 12, 60]] = [[3.0], [2.0], [1.0]]
    found = passages.phrases(TEXT[:100], states, 0, width=5, most=2)
    assert found["phrase"].tolist() == [TEXT[6:11], TEXT[56:61]]
    assert found["activation"].tolist() == [3.0, 1.0]


def test_pictures_show_the_text_as_it_is() -> None:
    record = passages.Passage(list('<b>"␣x') * 20, np.linspace(0, 3, 120))
    drawn = figures.passage(record, "surprise (nats)")
    assert drawn.data[0].z.shape == (3, 50)
    assert np.isnan(drawn.data[0].z[2, 20:]).all()
    assert drawn.data[1].text[:6] == ("&lt;", "b", "&gt;", '"', "", "x")
    assert drawn.data[0].customdata[1][3] == 53
    one = passages.Draw(np.array([0.1, 0.6, 0.3]), np.array([0, 0.6, 0.4]), 2, 0.7)
    below, above = figures.how_drawn(one, ["a", "<", "c"]).data
    assert list(above.x) == [0.1, 0.6, 0.3]
    assert list(below.base) == pytest.approx([0, 0.6])
    assert list(below.text) == ["&lt;", "c"]


def test_pictures_of_time_have_logarithmic_axes() -> None:
    model = trained(100).model
    ids = NOVEL.streams["dev"][:21].astype(np.int64)
    h = np.zeros(16, np.float32)
    record = backprop_through_time.fading(model, ids[:-1], ids[1:], h, 0.5)
    drawn = figures.fading(record)
    assert drawn.layout.yaxis.type == "log"
    assert len(drawn.data[0].x) == 20
    assert drawn.data[0].y[-1] < drawn.data[0].y[0]
    check = figures.time_check(backprop_through_time.check(model, ids[:-1], ids[1:], h))
    assert list(check.data[0].x) == ["W", "U", "V", "b", "c"]
    assert max(check.data[0].y) < 1e-6
