"""How fast lmcore trains, against the loop that one writes in a notebook.

    python -m benchmarks.training [--rounds 7] [--steps 3000]

The same model, data, batches and learning rate, one thread; the two take turns, and the median ratio of
their steps per second is printed. lmcore runs as it does in the app: history on. At the end a run with the snapshots
of the app, against one with a single snapshot.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import click
import torch
from torch import Tensor

from lmcore.data.corpora import load
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.training.history import History
from lmcore.training.training import RunConfig, TrainConfig, Trainer, train_for

Forward = Callable[[Tensor], Tensor]


def notebook_mlp(config: MLPConfig, V: int, generator: torch.Generator) -> tuple[list[Tensor], Forward]:
    """The makemore way, part 2 and 3: parameters and a forward pass in plain tensors."""
    T, E, H = config.context, config.embedding, config.hidden
    C = torch.randn((V, E), generator=generator)
    W1 = torch.randn((T * E, H), generator=generator) * (5 / 3) / (T * E) ** 0.5
    b1 = torch.randn(H, generator=generator) * 0.01
    W2 = torch.randn((H, V), generator=generator) * 0.01
    b2 = torch.randn(V, generator=generator) * 0
    if config.batch_norm == "none":
        return [C, W1, b1, W2, b2], lambda X: torch.tanh(C[X].view(-1, T * E) @ W1 + b1) @ W2 + b2
    gain, norm = notebook_norm(H, config.norm_momentum)
    return [C, W1, W2, b2, *gain], lambda X: torch.tanh(norm(C[X].view(-1, T * E) @ W1)) @ W2 + b2


def notebook_norm(features: int, momentum: float) -> tuple[list[Tensor], Forward]:
    """Batch normalization with running statistics, as in part 5: over all axes but the last."""
    gain, bias = torch.ones(features), torch.zeros(features)
    running = {"mean": torch.zeros(features), "variance": torch.ones(features)}

    def forward(x: Tensor) -> Tensor:
        axes = tuple(range(x.dim() - 1))
        mean, variance = x.mean(axes, keepdim=True), x.var(axes, keepdim=True)
        with torch.no_grad():
            running["mean"] = (1 - momentum) * running["mean"] + momentum * mean
            running["variance"] = (1 - momentum) * running["variance"] + momentum * variance
        return gain * (x - mean) / torch.sqrt(variance + 1e-5) + bias

    return [gain, bias], forward


def notebook_wavenet(config: WaveNetConfig, V: int, generator: torch.Generator) -> tuple[list[Tensor], Forward]:
    """The makemore way, part 5: neighbors side by side, linear, normalized, tanh, level by level."""
    C = torch.randn((V, config.embedding), generator=generator)
    parameters, levels, features = [C], [], config.embedding
    for _ in range(int(math.log2(config.context))):
        W = torch.randn((2 * features, config.hidden), generator=generator) / (2 * features) ** 0.5
        gain, norm = notebook_norm(config.hidden, config.norm_momentum)
        parameters += [W, *gain]
        levels.append((W, norm))
        features = config.hidden
    out, b = torch.randn((features, V), generator=generator) * 0.1 / features**0.5, torch.zeros(V)
    parameters += [out, b]

    def forward(X: Tensor) -> Tensor:
        x = C[X]
        for W, norm in levels:
            x = x.view(x.shape[0], x.shape[1] // 2, -1)
            x = torch.tanh(norm(x @ W))
        return x.squeeze(1) @ out + b

    return parameters, forward


def notebook_loop(config: RunConfig, steps: int) -> list[float]:
    """The makemore way: autograd, a list of losses, one parameter after the other."""
    corpus = load(config.corpus)
    X, Y = (torch.from_numpy(array).long() for array in corpus.windows("train", config.model.context))
    generator = torch.Generator().manual_seed(config.train.seed)
    make: Any = notebook_mlp if isinstance(config.model, MLPConfig) else notebook_wavenet
    parameters, forward = make(config.model, len(corpus.vocabulary), generator)
    for p in parameters:
        p.requires_grad = True
    rate = config.train.learning_rate
    optimizers = {"momentum": lambda: torch.optim.SGD(parameters, rate, momentum=0.9)}
    optimizers["adam"] = lambda: torch.optim.Adam(parameters, rate)
    optimizer = optimizers[config.train.optimizer]() if config.train.optimizer in optimizers else None
    losses = []
    for _ in range(steps):
        ix = torch.randint(0, len(X), (config.train.batch_size,), generator=generator)
        loss = torch.nn.functional.cross_entropy(forward(X[ix]), Y[ix])
        for p in parameters:
            p.grad = None
        loss.backward()
        if optimizer:
            optimizer.step()
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
        history.add_ratios(*trainer.take_ratios())
    return history


def with_snapshots(config: RunConfig, steps: int) -> None:
    """As a run does: snapshots on the way, sizes of updates, weights kept."""
    train_for(Trainer(config.updated(train=config.train.updated(steps=steps).model_dump())), math.inf)


def without_snapshots(config: RunConfig, steps: int) -> None:
    """The same steps in blocks of the same size, and one snapshot at the end."""
    trainer = Trainer(config.updated(train=config.train.updated(steps=steps).model_dump()))
    for done in range(0, steps, 96):
        trainer.train(min(96, steps - done))
        trainer.take_ratios()
    trainer.snapshot()


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--steps", default=10_000, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
def main(rounds: int, steps: int, batch_size: int) -> None:
    """Prints the median ratio of steps per second, for each optimizer and model, and what snapshots cost."""
    torch.set_num_threads(1)
    for optimizer, rate in (("sgd", 0.1), ("momentum", 0.05), ("adam", 0.001)):
        train = TrainConfig(batch_size=batch_size, optimizer=optimizer, learning_rate=rate)
        compare(f"MLP, {optimizer}", RunConfig(train=train), rounds, steps)
    train = TrainConfig(batch_size=batch_size)
    models = {"MLP, BatchNorm": MLPConfig(batch_norm="hidden"), "WaveNet": WaveNetConfig()}
    for name, model in models.items():
        compare(name, RunConfig(model=model, train=train), rounds, steps)
    loops = {"without": without_snapshots, "snapshots": with_snapshots}
    compare("MLP, snapshots", RunConfig(train=train), rounds, train.steps, loops)


def compare(
    title: str,
    config: RunConfig,
    rounds: int,
    steps: int,
    loops: Mapping[str, Callable[[RunConfig, int], object]] = {"notebook loop": notebook_loop, "lmcore": lmcore_loop},
) -> None:
    """Both loops in turn, round by round."""
    print(title)
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
