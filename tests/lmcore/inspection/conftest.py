"""Small texts and models to inspect."""

from collections.abc import Callable

import numpy as np
import pytest

from lmcore.data.corpora import Corpus, from_text
from lmcore.inspection import backprop
from lmcore.inspection.backprop import BackpropPass
from lmcore.models.numpy_rnn import RNN, RNNConfig


@pytest.fixture(scope="session")
def many_names() -> Corpus:
    """A few names, often enough for a dev split of every length."""
    return from_text("emma\nolivia\nava\nisabella\nsophia\nmia\n" * 20)


@pytest.fixture(scope="session")
def backprop_pass(many_names: Corpus) -> BackpropPass:
    return backprop.forward_backward(many_names, 2147483647)


@pytest.fixture
def make_rnn() -> Callable[..., RNN]:
    """Makes a recurrent network in float64."""

    def make(hidden: int = 8, sequence: int = 6, K: int = 7, scale: float = 0.3, seed: int = 0) -> RNN:
        config = RNNConfig(hidden=hidden, sequence=sequence, scale=scale)
        return RNN(config, K, np.random.Generator(np.random.PCG64(seed)), np.float64)

    return make
