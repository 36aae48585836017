"""How fast lmcore trains, against the loop that one writes in a notebook.

    python -m benchmarks.training [--rounds 7] [--steps 3000]

The same MLP, data, batches and learning rate, one thread; the two take turns, and the median ratio of
their steps per second is printed. lmcore runs as it does in the app: history on.
"""

import statistics
import time

import click
import torch

from lmcore.corpora import CorpusConfig, load
from lmcore.history import History
from lmcore.models.mlp import MLPConfig
from lmcore.training import RunConfig, TrainConfig, Trainer


def notebook_loop(config: RunConfig, steps: int) -> list[float]:
    """The makemore way: autograd, a list of losses, one parameter after the other."""
    corpus = load(config.corpus)
    X, Y = (torch.from_numpy(array).long() for array in corpus.windows("train", config.model.context))
    generator = torch.Generator().manual_seed(config.train.seed)
    V, T, E, H = len(corpus.vocabulary), config.model.context, config.model.embedding, config.model.hidden
    C = torch.randn((V, E), generator=generator)
    W1 = torch.randn((T * E, H), generator=generator) * (5 / 3) / (T * E) ** 0.5
    b1 = torch.randn(H, generator=generator) * 0.01
    W2 = torch.randn((H, V), generator=generator) * 0.01
    b2 = torch.randn(V, generator=generator) * 0
    parameters = [C, W1, b1, W2, b2]
    for p in parameters:
        p.requires_grad = True
    rate = config.train.learning_rate
    optimisers = {"momentum": lambda: torch.optim.SGD(parameters, rate, momentum=0.9)}
    optimisers["adam"] = lambda: torch.optim.Adam(parameters, rate)
    optimiser = optimisers[config.train.optimiser]() if config.train.optimiser in optimisers else None
    losses = []
    for _ in range(steps):
        ix = torch.randint(0, len(X), (config.train.batch_size,), generator=generator)
        emb = C[X[ix]]
        h = torch.tanh(emb.view(-1, T * E) @ W1 + b1)
        logits = h @ W2 + b2
        loss = torch.nn.functional.cross_entropy(logits, Y[ix])
        for p in parameters:
            p.grad = None
        loss.backward()
        if optimiser:
            optimiser.step()
        else:
            for p in parameters:
                p.data += -rate * p.grad
        losses.append(loss.item())
    return losses


def lmcore_loop(config: RunConfig, steps: int, block: int = 64) -> History:
    """The app's way, with the history kept."""
    trainer, history = Trainer(config), History()
    for done in range(0, steps, block):
        history.add(trainer.train(min(block, steps - done)))
    return history


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--steps", default=3000, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
def main(rounds: int, steps: int, batch_size: int) -> None:
    """Prints the median ratio of steps per second, for each optimiser."""
    torch.set_num_threads(1)
    for optimiser, rate in (("sgd", 0.1), ("momentum", 0.05), ("adam", 0.001)):
        train = TrainConfig(batch_size=batch_size, optimiser=optimiser, learning_rate=rate)
        compare(RunConfig(corpus=CorpusConfig(), model=MLPConfig(), train=train), rounds, steps)


def compare(config: RunConfig, rounds: int, steps: int) -> None:
    """Both loops in turn, round by round."""
    print(config.train.optimiser)
    loops = {"notebook loop": notebook_loop, "lmcore": lmcore_loop}
    for loop in loops.values():
        loop(config, 200)
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            began = time.perf_counter()
            loop(config, steps)
            rates[name].append(steps / (time.perf_counter() - began))
    ratios = [b / a for a, b in zip(*rates.values(), strict=True)]
    for name, values in rates.items():
        print(f"{name:14} {statistics.median(values):8,.0f} steps/s")
    print(
        f"ratio          {statistics.median(ratios):8.2f}   (rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)})"
    )


if __name__ == "__main__":
    main()
