"""A run on a single minibatch: how low its loss can get."""

import torch

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
    Y = Y.unsqueeze(1)
    _, context, n_same_context = torch.unique(X, dim=0, return_inverse=True, return_counts=True)
    _, pair, n_same_pair = torch.unique(torch.cat([X, Y], 1), dim=0, return_inverse=True, return_counts=True)
    p = n_same_pair[pair].double() / n_same_context[context]  # (B,), of each target given its context
    return -p.log().mean().item(), int((p < 1).sum())
