import numpy as np

from lmcore.data.corpora import Corpus
from lmcore.families import make_trainer
from lmcore.inspection.activations import activations
from lmcore.inspection.receptive_field import receptive_fields
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.training.config import RunConfig

WAVENET = RunConfig(model=WaveNetConfig(hidden=6, batch_norm=False))


def test_the_receptive_field_doubles_from_level_to_level(corpus: Corpus) -> None:
    levels = receptive_fields(activations(WAVENET, None, corpus), 8)
    assert [level.names[-1] for level in levels] == ["embedding", "tanh", "tanh2", "output"]
    assert [len(level.spans) for level in levels] == [8, 4, 2, 1]
    assert levels[2].spans == [(0, 4), (4, 8)]
    assert levels[1].shapes[-1] == (32, 4, 6)


def test_a_flat_model_has_two_levels(corpus: Corpus) -> None:
    flat = receptive_fields(activations(RunConfig(model=MLPConfig(hidden=6)), None, corpus), 3)
    assert [level.spans for level in flat] == [[(0, 1), (1, 2), (2, 3)], [(0, 3)]]


def test_a_position_depends_on_its_receptive_field_and_on_nothing_else(corpus: Corpus) -> None:
    trainer = make_trainer(WAVENET, corpus)
    X, _ = trainer.training_examples(np.arange(1))
    trainer.model.forward(X)
    before = trainer.model.leaves["tanh2"].out[0, 1].copy()  # sees characters 4 to 7
    for position in range(8):
        changed = X.copy()
        changed[0, position] = (changed[0, position] + 1) % len(corpus.vocabulary)
        trainer.model.forward(changed)
        assert np.array_equal(trainer.model.leaves["tanh2"].out[0, 1], before) == (position < 4)
