"""Training speed of lmcore against the loop that one writes in a notebook.

    python -m benchmarks.training [--rounds 7] [--steps 10000]

The same model, data, batch size and learning rate, on one thread; the loops take turns. lmcore keeps its history, as in
the app. At the end, a run with the app's snapshots against one with a single snapshot.
"""

import math
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from benchmarks.turns import print_speeds, take_turns
from lmcore.data.corpora import load
from lmcore.families import make_trainer
from lmcore.models.mlp import MLPConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.history import History

Forward = Callable[[Tensor], Tensor]


def notebook_mlp(config: MLPConfig, V: int, generator: torch.Generator) -> tuple[list[Tensor], Forward]:
    """Parameters and a forward pass in plain tensors, as in parts 2 and 3 of the makemore lectures."""
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


def compare(title: str, config: RunConfig, rounds: int, steps: int) -> None:
    """Print the speeds of the notebook's loop and of lmcore."""
    print(title)
    for loop in (notebook_loop, lmcore_loop):
        loop(config, 200)  # warm up
    loops = {
        "notebook": lambda: notebook_loop(config, steps),
        "lmcore": lambda: lmcore_loop(config, steps),
    }
    print_speeds(take_turns(loops, rounds), steps)


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--steps", default=10_000, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
def main(rounds: int, steps: int, batch_size: int) -> None:
    """Print the speeds for each optimizer and model, and what snapshots cost."""
    torch.set_num_threads(1)
    for optimizer, learning_rate in (("sgd", 0.1), ("momentum", 0.05), ("adam", 0.001)):
        train = TrainConfig(batch_size=batch_size, optimizer=optimizer, learning_rate=learning_rate)
        compare(f"MLP, {optimizer}", RunConfig(train=train), rounds, steps)
    train = TrainConfig(batch_size=batch_size)
    for name, model in {"MLP, BatchNorm": MLPConfig(batch_norm="hidden"), "WaveNet": WaveNetConfig()}.items():
        compare(name, RunConfig(model=model, train=train), rounds, steps)
    print("MLP, snapshots")
    config = RunConfig(train=train)
    loops = {
        "one snapshot": lambda: train_without_snapshots(config),
        "the app's snapshots": lambda: train_with_snapshots(config),
    }
    print_speeds(take_turns(loops, rounds), train.steps)


if __name__ == "__main__":
    main()
