"""A run on a single minibatch: how low its loss can get."""

import numpy as np

from lmcore.data.corpora import Corpus
from lmcore.inspection.activations import trainer_at
from lmcore.training.config import RunConfig


def irreducible_loss(config: RunConfig, corpus: Corpus | None = None) -> tuple[float, int]:
    """The lowest loss that any model can reach on a run's one batch, and why it is not zero.

    Returns:
        The entropy of what follows equal contexts, in nats per character, and the number of examples whose context is
        followed by another character elsewhere in the batch.

    Raises:
        UserError: if the text or the settings do not suit the model.
    """
    trainer = trainer_at(config, corpus=corpus)
    rows = trainer.draw_batches(1)[0]
    X, Y = trainer.training_examples(rows)
    _, context, n_same_context = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    pairs = np.concatenate([X, Y[:, None]], 1)
    _, pair, n_same_pair = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    p = n_same_pair[pair] / n_same_context[context]  # (B,), of each target given its context
    return abs(float(np.log(p).mean())), int((p < 1).sum())
