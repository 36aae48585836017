"""The optimizers of PyTorch, by the names that lmcore gives them: the oracles of its own."""

from collections.abc import Callable
from typing import Any

import torch

SETTINGS: dict[str, Any] = {"momentum": 0.8, "weight_decay": 0.05}

ORACLES: dict[str, Callable[[list[torch.Tensor], float], torch.optim.Optimizer]] = {
    "sgd": lambda p, rate: torch.optim.SGD(p, rate),
    "momentum": lambda p, rate: torch.optim.SGD(p, rate, momentum=SETTINGS["momentum"]),
    "adam": torch.optim.Adam,
    "adamw": lambda p, rate: torch.optim.AdamW(p, rate, weight_decay=SETTINGS["weight_decay"]),
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}
