"""Optimizers over one flat vector of weights, and the gradient of the L2 penalty."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.nn.layers import Sequential
from lmcore.training.config import TrainConfig

Floats = NDArray[np.floating[Any]]


def torch_optimizer(config: TrainConfig, theta: Tensor) -> torch.optim.Optimizer | None:
    """The PyTorch optimizer that a config names, over all weights at once; None for plain SGD, which needs none."""
    rate = config.learning_rate
    match config.optimizer:
        case "momentum":
            return torch.optim.SGD([theta], rate, momentum=config.momentum, foreach=False)
        case "adam":
            return torch.optim.Adam([theta], rate, foreach=False)
        case "adamw":
            return torch.optim.AdamW([theta], rate, weight_decay=config.weight_decay, foreach=False)
        case "adagrad":
            return torch.optim.Adagrad([theta], rate, foreach=False)
        case "rmsprop":
            return torch.optim.RMSprop([theta], rate, foreach=False)
    return None


class Optimizer:
    """Updates all weights of a model by plain SGD or by one of PyTorch's optimizers.

    Args:
        theta: all weights in one vector, shape (P,); updated in place.
    """

    def __init__(self, theta: Tensor) -> None:
        self.theta = theta
        self.reset()

    def reset(self) -> None:
        """Discard all moments."""
        self.optimizer: torch.optim.Optimizer | None = None
        self.name = ""  # of the optimizer that owns the moments

    def configure(self, config: TrainConfig) -> None:
        """Apply the current settings. Switching the optimizer resets its state."""
        if config.optimizer != self.name:
            self.optimizer, self.name = torch_optimizer(config, self.theta), config.optimizer
        for group in self.optimizer.param_groups if self.optimizer else ():
            group |= {"momentum": config.momentum} if config.optimizer == "momentum" else {}
            group |= {"weight_decay": config.weight_decay} if config.optimizer == "adamw" else {}

    def step(self, grad: Tensor, learning_rate: float) -> None:
        """Update the weights once with a gradient of shape (P,)."""
        if self.optimizer is None:
            self.theta.add_(grad, alpha=-learning_rate)
            return
        self.theta.grad = grad
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The moments, each under "<optimizer>.<name>"; empty for plain SGD."""
        if self.optimizer is None:
            return {}
        state = self.optimizer.state_dict()["state"].get(0, {})
        tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        return {f"{self.name}.{name}": value.numpy() for name, value in tensors.items()}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]], config: TrainConfig) -> None:
        """Restore what `state_dict` returned."""
        self.reset()
        if not state:
            return
        self.name = next(iter(state)).partition(".")[0]
        self.optimizer = torch_optimizer(config.model_copy(update={"optimizer": self.name}), self.theta)
        if self.optimizer is not None:
            moments = {name.partition(".")[2]: torch.from_numpy(value.copy()) for name, value in state.items()}
            self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": {0: moments}})


class AdaGrad:
    """AdaGrad in NumPy: each weight's learning rate falls with the root of the sum of its squared gradients.

    The accumulator starts at epsilon, so that nothing is divided by zero.

    Source: Duchi, Hazan and Singer 2011, with a diagonal matrix.
    """

    EPSILON = 1e-8

    def __init__(self, theta: Floats) -> None:
        self.accumulator = np.full_like(theta, self.EPSILON)
        self._update = np.empty_like(theta)

    def step(self, theta: Floats, grad: Floats, learning_rate: float) -> None:
        """accumulator += grad², then theta -= learning rate × grad / sqrt(accumulator), in place."""
        update = self._update
        np.multiply(grad, grad, out=update)
        self.accumulator += update
        np.sqrt(self.accumulator, out=update)
        np.divide(grad, update, out=update)
        update *= learning_rate
        theta -= update


def l2_factors(config: TrainConfig, model: Sequential) -> Tensor | None:
    """The factors that turn weights into the gradient of their L2 penalty, shape (P,); None without a penalty.

    The penalty of a weight matrix W is λ sum(W²), or λ mean(W²); its gradient is 2 λ W, or 2 λ W / (size of W).
    """
    own = {"embedding": config.l2_embedding, "hidden": config.l2_hidden, "output": config.l2_output}
    own["direct"] = own["output"]
    if not config.is_penalized:
        return None
    pieces = []
    for name, tensor in model.parameters.items():
        layer, _, kind = name.partition(".")
        penalty = config.l2 + own.get(layer.rstrip("0123456789"), 0.0) if kind == "weight" else 0.0
        penalty /= tensor.numel() if config.l2_reduction == "mean" else 1
        pieces.append(torch.full((tensor.numel(),), 2 * penalty, dtype=tensor.dtype))
    return torch.cat(pieces)


def l2_penalty(config: TrainConfig, model: Sequential) -> float:
    """The L2 penalty of a model, in nats: part of what the gradient descends, but not of the loss that is reported."""
    factors = l2_factors(config, model)
    return 0.0 if factors is None else float((model.theta**2 * factors).sum() / 2)
