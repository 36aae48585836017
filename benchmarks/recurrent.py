"""Training of LSTM and GRU by lmcore against a plain loop over torch.nn, with autograd and torch.optim.

    python -m benchmarks.recurrent [--rounds 7]

The same network, text, sequences, lanes, clipping and optimizer (Adam), on one thread; the loops take turns.
"""

import functools
from collections.abc import Iterator

import click
import torch
from torch import nn

from benchmarks.turns import Row, print_rows, ratio_row
from lmcore.data.corpora import CorpusConfig, load
from lmcore.families import make_trainer
from lmcore.models.recurrent import RecurrentConfig
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.sequences import SequenceBatches


class PlainNet(nn.Module):
    """Embedding, one recurrent layer, linear output."""

    def __init__(self, config: RecurrentConfig, V: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, config.embedding)
        self.layer = {"lstm": nn.LSTM, "gru": nn.GRU}[config.cell](config.embedding, config.hidden)
        self.output = nn.Linear(config.hidden, V)


def plain_loop(config: RunConfig, steps: int) -> None:
    """The loop of PyTorch's tutorials."""
    corpus, train = load(config.corpus), config.train
    net = PlainNet(config.model, len(corpus.vocabulary))
    optimizer = torch.optim.Adam(net.parameters(), train.learning_rate)
    batches, state = SequenceBatches(corpus.streams["train"], train.batch_size, config.model.sequence), None
    losses = []
    for _ in range(steps):
        ids, targets = (torch.from_numpy(part).long() for part in batches.next())
        if batches.starts_epoch:
            state = None
        optimizer.zero_grad()
        h, state = net.layer(net.embedding(ids), state)
        loss = nn.functional.cross_entropy(net.output(h).flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), train.clip_threshold)
        optimizer.step()
        state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        losses.append(loss.item())


def lmcore_loop(config: RunConfig, steps: int) -> None:
    """The same by lmcore."""
    make_trainer(config).train(steps)


def measure(rounds: int) -> Iterator[Row]:
    """The ratio of lmcore's speed to that of the plain loop, for each cell and some sizes."""
    corpus = CorpusConfig(source="given-names", units="running")
    for cell in ("lstm", "gru"):
        for hidden, sequence, lanes in ((64, 25, 1), (128, 64, 32), (256, 64, 32)):
            model = RecurrentConfig(cell=cell, hidden=hidden, sequence=sequence)
            train = TrainConfig(batch_size=lanes, optimizer="adam", learning_rate=0.002, clip="norm")
            config = RunConfig(corpus=corpus, model=model, train=train)
            steps = max(5, 20_000 // (sequence * lanes))
            plain, lmcore = (functools.partial(loop, config, steps) for loop in (plain_loop, lmcore_loop))
            name = f"{cell.upper()}, {hidden} units, {sequence} characters, {lanes} lanes"
            yield ratio_row(name, plain, lmcore, rounds, 1.3)


@click.command()
@click.option("--rounds", default=7, show_default=True)
def main(rounds: int) -> None:
    """Print the speed of lmcore, relative to the plain loop."""
    print_rows(measure(rounds))


if __name__ == "__main__":
    main()
