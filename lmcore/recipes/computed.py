"""Recipes that are computed at once, without a run: they learn from all examples, where a run has a train split.

Losses are in nats per character or, for photographs, per example.
"""

import numpy as np

from lmcore import families
from lmcore.data import cifar10, corpora
from lmcore.data.corpora import SPLITS, Corpus, CorpusConfig
from lmcore.data.datasets import Dataset
from lmcore.generation.reader import WindowReader
from lmcore.generation.sampling import SampleConfig, sample_in_turn
from lmcore.inspection.ngrams import count_pairs
from lmcore.models.neural_bigram import NeuralBigramConfig
from lmcore.models.ngram import CountConfig, NGram, score
from lmcore.models.numpy_linear import SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifierConfig
from lmcore.recipes.recipe import Computed
from lmcore.training.classifier import ClassifierTrainer
from lmcore.training.config import ClassifierRunConfig, ClassifierTrainConfig, RunConfig, TrainConfig
from lmcore.training.history import History
from lmcore.training.layered import LayeredTrainer

NAMES = CorpusConfig(source="names")
SEED = 2147483647  # torch.Generator().manual_seed of the lectures

PUBLISHED_SAMPLES = ["mor", "axx", "minaymoryles", "kondlaisah", "anchshizarie"]
PUBLISHED_PAIRS = ["n.", "a.", "an", ".a", "e."]


def count_bigrams() -> Computed:
    """Bigram counts of all names, the losses of their probabilities, and names sampled from them."""
    corpus = corpora.load(NAMES)
    unsmoothed, smoothed = (NGram(corpus, CountConfig(order=2, smoothing=k, counted="all")) for k in (0, 1))
    counts, index = count_pairs(corpus), corpus.vocabulary.index
    samples = sample_in_turn(WindowReader(smoothed, 1), corpus, SampleConfig(count=len(PUBLISHED_SAMPLES), seed=SEED))
    return Computed(
        {
            "bigrams": float(counts.sum()),
            "distinct bigrams": float((counts > 0).sum()),
            **{f"count of {pair}": float(counts[index[pair[0]], index[pair[1]]]) for pair in PUBLISHED_PAIRS},
            "loss without smoothing": _loss(unsmoothed, corpus),
            "loss with add-one smoothing": _loss(smoothed, corpus),
            "loss of andrejq with add-one smoothing": score(smoothed, corpus, "andrejq").loss,
            "sampled names that match": float(sum(map(str.__eq__, samples, PUBLISHED_SAMPLES))),
        }
    )


def _loss(model: NGram, corpus: Corpus) -> float:
    return model.loss(corpus, "all") or 0.0


def train_neural_bigram() -> Computed:
    """The neural bigram after 1,001 steps of full-batch gradient descent on all names."""
    train = TrainConfig(steps=1001, learning_rate=50, full_batch=True, l2=0.01, l2_reduction="mean", seed=SEED)
    trainer: LayeredTrainer = families.make_trainer(RunConfig(corpus=NAMES, model=NeuralBigramConfig(), train=train))
    splits = [trainer.corpus.windows(split, 1) for split in SPLITS]
    trainer.X = np.concatenate([split.X for split in splits])  # (N, 1)
    trainer.Y = np.concatenate([split.Y for split in splits])  # (N,)
    history, losses = History(), trainer.train(train.steps)
    history.add(losses)
    return Computed({f"loss after {step:,} steps": float(losses[step]) for step in (0, 100, 1000)}, history)


# ---------------------------------------------------------------- photographs

N_PHOTOGRAPHS, N_PASSES = 1000, 100


def train_on_photographs() -> Computed:
    """Two classifiers of the first 1,000 photographs of CIFAR-10 after 100 passes of batch gradient descent.

    Raises:
        UserError: if the archive is not on this computer.
    """
    data = _first_photographs()
    configs = {
        "linear": (SoftmaxConfig(initialization="normal", scale=0.01), 0.01),
        "100 hidden units": (MLPClassifierConfig(initialization="0.01"), 0.1),
    }
    values = {}
    for name, (model, rate) in configs.items():
        train = ClassifierTrainConfig(steps=N_PASSES, learning_rate=rate, descent="batch")
        trainer: ClassifierTrainer = families.make_trainer(ClassifierRunConfig(model=model, train=train), data)
        values[f"first loss, {name}"] = float(trainer.train(N_PASSES)[0])
        values[f"loss after {N_PASSES} passes, {name}"] = trainer.metrics("train")["loss"]
    return Computed(values)


def _first_photographs() -> Dataset:
    """The first photographs of the archive, with pixels from 0 to 1; all of them are for training."""
    photographs = cifar10.read(cifar10.ARCHIVE)
    X = photographs.pixels[:N_PHOTOGRAPHS].astype(np.float32) / 255
    y = photographs.labels[:N_PHOTOGRAPHS].astype(np.int64)
    D = X.shape[1]
    features, shape = tuple(f"pixel {i}" for i in range(D)), (cifar10.SIDE, cifar10.SIDE, 3)
    held_out = (X[:0], y[:0])
    return Dataset("CIFAR-10", X, y, *held_out, *held_out, features, cifar10.CLASSES, np.zeros(D), np.ones(D), shape)
