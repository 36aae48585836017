"""Training speed of lmcore against the loop that one writes in a notebook.

    python -m benchmarks.training [--rounds 7] [--long]

The same model, data, batch size, optimizer and learning rate, on one thread; the loops take turns. lmcore keeps its
history, as in the app. At the end, a run with the app's snapshots against one with a single snapshot.
"""

import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from benchmarks.turns import Row, one_thread, print_rows, ratio_row
from lmcore.data.corpora import load
from lmcore.families import make_trainer
from lmcore.models.mlp import MLPConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.history import History

Forward = Callable[[Tensor], Tensor]

TORCH_OPTIMIZERS: dict[str, Callable[[list[Tensor], float], torch.optim.Optimizer]] = {
    "momentum": lambda parameters, rate: torch.optim.SGD(parameters, rate, momentum=0.9),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


def notebook_mlp(config: MLPConfig, V: int, generator: torch.Generator) -> tuple[list[Tensor], Forward]:
    """Parameters and a forward pass in plain tensors, as in parts 2 and 3 of the makemore lectures."""
    T, E, H = config.context, config.embedding, config.hidden
    C = torch.randn((V, E), generator=generator)
    parameters, layers, features = [C], [], T * E
    for _ in range(config.hidden_layers):
        W = torch.randn((features, H), generator=generator) * (5 / 3) / features**0.5
        shift, forward = notebook_bias(H, generator)
        if config.batch_norm != "none":
            shift, forward = notebook_norm(H, config.norm_momentum)
        parameters += [W, *shift]
        layers.append((W, forward))
        features = H
    W2 = torch.randn((H, V), generator=generator) * 0.01
    b2 = torch.randn(V, generator=generator) * 0

    def forward_all(X: Tensor) -> Tensor:
        h = C[X].view(-1, T * E)
        for W, shifted in layers:
            h = torch.tanh(shifted(h @ W))
        return h @ W2 + b2

    return [*parameters, W2, b2], forward_all


def notebook_bias(features: int, generator: torch.Generator) -> tuple[list[Tensor], Forward]:
    """A bias, which is added."""
    b = torch.randn(features, generator=generator) * 0.01
    return [b], lambda x: x + b


def notebook_norm(features: int, momentum: float) -> tuple[list[Tensor], Forward]:
    """Batch normalization over all axes but the last, with running statistics, as in part 5."""
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
    """WaveNet as in part 5: level by level, neighbors are concatenated, then linear, BatchNorm and tanh."""
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
    """The loop of the lectures: autograd, a list of losses, one parameter updated after the other."""
    corpus = load(config.corpus)
    X, Y = (torch.from_numpy(np.array(array)).long() for array in corpus.windows("train", config.model.context))
    generator = torch.Generator().manual_seed(config.train.seed)
    make: Any = notebook_mlp if isinstance(config.model, MLPConfig) else notebook_wavenet
    parameters, forward = make(config.model, len(corpus.vocabulary), generator)
    for p in parameters:
        p.requires_grad = True
    rate = config.train.learning_rate
    make_optimizer = TORCH_OPTIMIZERS.get(config.train.optimizer)
    optimizer = make_optimizer(parameters, rate) if make_optimizer else None
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


def lmcore_loop(config: RunConfig, steps: int, block: int = 64) -> None:
    """The same by lmcore, with its history."""
    trainer, history = make_trainer(config), History()
    for done in range(0, steps, block):
        history.add(trainer.train(min(block, steps - done)))
        history.add_update_ratios(*trainer.pop_update_ratios())


def train_with_snapshots(config: RunConfig) -> None:
    """To the last step as a run does: with snapshots that keep weights, and update ratios."""
    make_trainer(config).train_for(math.inf)


def train_without_snapshots(config: RunConfig, block: int = 96) -> None:
    """The same steps in blocks of about the same size, and one snapshot at the end."""
    trainer, steps = make_trainer(config), config.train.steps
    for done in range(0, steps, block):
        trainer.train(min(block, steps - done))
        trainer.pop_update_ratios()
    trainer.snapshot()


def cases() -> Iterator[tuple[str, RunConfig, float]]:
    """Name, config and goal of each comparison."""
    goals = {"sgd": 3.2, "momentum": 2.8, "adam": 2.8, "adamw": 2.8, "rmsprop": 2.8, "adagrad": 2.8}
    rates = {"sgd": 0.1, "momentum": 0.05, "adagrad": 0.01}
    for optimizer, goal in goals.items():
        train = TrainConfig(optimizer=optimizer, learning_rate=rates.get(optimizer, 0.001))
        yield f"MLP, {optimizer}", RunConfig(train=train), goal
    yield "MLP, BatchNorm", RunConfig(model=MLPConfig(batch_norm="hidden")), 3.0
    yield "WaveNet", RunConfig(model=WaveNetConfig()), 2.5
    six = {"hidden": 100, "hidden_layers": 6}
    yield "MLP, six layers", RunConfig(model=MLPConfig(**six)), 2.5
    yield "MLP, six layers, BatchNorm", RunConfig(model=MLPConfig(**six, batch_norm="hidden")), 2.5
    wide = MLPConfig(embedding=50, hidden=100)
    yield "MLP, 50/100, batch of 1,024", RunConfig(model=wide, train=TrainConfig(batch_size=1024)), 1.2
    for batch_size, goal in {1: 2.3, 256: 1.4, 1024: 1.15, 16_384: 1.05}.items():
        yield f"MLP, batch of {batch_size:,}", RunConfig(train=TrainConfig(batch_size=batch_size)), goal


def measure(rounds: int) -> Iterator[Row]:
    """The ratio of lmcore's speed to the notebook's for each optimizer, model and batch size; what snapshots cost."""
    for name, config, goal in cases():
        steps = max(5, min(4000, 200_000 // config.train.batch_size))
        notebook, lmcore = (functools.partial(loop, config, steps) for loop in (notebook_loop, lmcore_loop))
        yield ratio_row(name, notebook, lmcore, rounds, goal)
    config = RunConfig()
    without, with_them = (functools.partial(run, config) for run in (train_without_snapshots, train_with_snapshots))
    yield ratio_row("a run's snapshots, against none", without, with_them, 2 * rounds + 1, 0.97)


def long_run(steps: int = 200_000) -> None:
    """Print the seconds of CPU time that a run of the lectures' MLP takes both ways."""
    config = RunConfig(train=TrainConfig(steps=steps))
    for name, loop in {
        "notebook": lambda: notebook_loop(config, steps),
        "run": lambda: train_with_snapshots(config),
    }.items():
        began = time.process_time()
        loop()
        print(f"{name:10} {steps:,} steps in {time.process_time() - began:.1f} s")


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--long", is_flag=True, help="Instead, 200,000 steps of the lectures' MLP both ways.")
def main(rounds: int, long: bool) -> None:
    """Print the speed of lmcore, relative to a notebook's loop."""
    if long:
        with one_thread():
            long_run()
    else:
        print_rows(measure(rounds))


if __name__ == "__main__":
    main()
