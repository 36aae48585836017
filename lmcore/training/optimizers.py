"""Optimizers over one flat vector of weights, and the gradient of the L2 penalty.

Each optimizer updates the weights in place, in a few passes over the vector. `torch.optim` has the same formulas.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.nn.containers import Sequential
from lmcore.training.config import TrainConfig

Floats = NDArray[np.floating[Any]]


class Optimizer(ABC):
    """Updates all weights of a model.

    Args:
        theta: all weights in one vector, shape (P,); updated in place.

    Attributes:
        moments: what the optimizer remembers of earlier gradients, by name: vectors of shape (P,), or numbers.
    """

    MOMENTS: tuple[str, ...] = ()
    """Names of the vectors, which start at zero."""

    def __init__(self, theta: Floats) -> None:
        self.theta = theta
        self.moments = {name: np.zeros_like(theta) for name in self.MOMENTS}
        self._update = np.empty_like(theta)

    def configure(self, config: TrainConfig) -> None:  # noqa: B027  (most have no settings)
        """Apply the current settings."""

    @abstractmethod
    def step(self, grad: Floats, learning_rate: float) -> None:
        """Update the weights once with a gradient of shape (P,)."""

    def _descend(self, direction: Floats, v: Floats, epsilon: float, learning_rate: float) -> None:
        """theta -= learning rate × direction / (sqrt(v) + epsilon); all vectors have shape (P,)."""
        update = self._update
        np.sqrt(v, update)
        update += epsilon
        np.divide(direction, update, update)
        update *= learning_rate
        self.theta -= update

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The moments, by name; empty for plain SGD."""
        return dict(self.moments)

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` returned."""
        self.moments = {name: state[name].copy() for name in self.moments}


class SGD(Optimizer):
    """Stochastic gradient descent: theta -= learning rate × grad."""

    def step(self, grad: Floats, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        np.multiply(grad, learning_rate, self._update)
        self.theta -= self._update


class Momentum(Optimizer):
    """SGD with momentum: velocity = momentum × velocity + grad, theta -= learning rate × velocity.

    Source: Polyak 1964, as torch.optim.SGD writes it.
    """

    MOMENTS = ("momentum_buffer",)

    def configure(self, config: TrainConfig) -> None:
        """Apply the momentum."""
        self.momentum = config.momentum

    def step(self, grad: Floats, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        velocity = self.moments["momentum_buffer"]
        velocity *= self.momentum
        velocity += grad
        np.multiply(velocity, learning_rate, self._update)
        self.theta -= self._update


class AdaGrad(Optimizer):
    """AdaGrad: each weight's learning rate falls with the root of the sum of its squared gradients.

    sum += grad², theta -= learning rate × grad / (sqrt(sum) + epsilon).

    Args:
        theta: all weights in one vector, shape (P,); updated in place.
        initial_sum: where the sums start.
        epsilon: keeps the first update from a division by zero, if the sums start at zero.

    Source: Duchi, Hazan and Singer 2011, with a diagonal matrix.
    """

    MOMENTS = ("sum",)

    def __init__(self, theta: Floats, initial_sum: float = 0.0, epsilon: float = 1e-10) -> None:
        super().__init__(theta)
        self.epsilon = epsilon
        self.moments["sum"] += initial_sum

    def step(self, grad: Floats, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        total, update = self.moments["sum"], self._update
        np.multiply(grad, grad, update)
        total += update
        self._descend(grad, total, self.epsilon, learning_rate)


class RMSProp(Optimizer):
    """RMSProp: a running mean of squared gradients v takes the place of AdaGrad's sum.

    v = 0.99 v + 0.01 grad², theta -= learning rate × grad / (sqrt(v) + epsilon).

    Source: Hinton 2012, "Neural networks for machine learning", lecture 6e; constants of torch.optim.RMSprop.
    """

    MOMENTS = ("square_avg",)
    DECAY, EPSILON = 0.99, 1e-8

    def step(self, grad: Floats, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        v, update = self.moments["square_avg"], self._update
        np.multiply(grad, grad, update)
        update *= 1 - self.DECAY
        v *= self.DECAY
        v += update
        self._descend(grad, v, self.EPSILON, learning_rate)


class Adam(Optimizer):
    """Adam: running means of the gradient m and of its square v, both corrected for their start at zero.

    m = β₁ m + (1 - β₁) grad, v = β₂ v + (1 - β₂) grad²; after t steps
    theta -= learning rate × m / (1 - β₁ᵗ) / (sqrt(v / (1 - β₂ᵗ)) + epsilon).

    Source: Kingma and Ba 2015, algorithm 1.
    """

    MOMENTS = ("exp_avg", "exp_avg_sq")
    BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, theta: Floats) -> None:
        super().__init__(theta)
        self.moments["step"] = np.zeros((), np.float32)

    def step(self, grad: Floats, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        m, v, update = self.moments["exp_avg"], self.moments["exp_avg_sq"], self._update
        self.moments["step"] += 1
        t = int(self.moments["step"])

        # running means
        np.multiply(grad, 1 - self.BETA_1, update)
        m *= self.BETA_1
        m += update
        np.multiply(grad, grad, update)
        update *= 1 - self.BETA_2
        v *= self.BETA_2
        v += update

        # update; both sides of the fraction are multiplied by sqrt(1 - β₂ᵗ)
        correction = (1 - self.BETA_2**t) ** 0.5
        self._descend(m, v, self.EPSILON * correction, learning_rate * correction / (1 - self.BETA_1**t))


class AdamW(Adam):
    """Adam with decoupled weight decay: first theta -= learning rate × weight decay × theta.

    Source: Loshchilov and Hutter 2019, algorithm 2.
    """

    def configure(self, config: TrainConfig) -> None:
        """Apply the weight decay."""
        self.weight_decay = config.weight_decay

    def step(self, grad: Floats, learning_rate: float) -> None:
        """See `Optimizer.step`."""
        self.theta *= 1 - learning_rate * self.weight_decay
        super().step(grad, learning_rate)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "adam": Adam,
    "adamw": AdamW,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
}


class ChosenOptimizer:
    """The optimizer that a config names. Choosing another one discards all moments.

    Args:
        theta: all weights in one vector, shape (P,); updated in place.
    """

    def __init__(self, theta: Floats) -> None:
        self.theta = theta
        self._choose("sgd")

    def _choose(self, name: str) -> None:
        self.name, self.optimizer = name, OPTIMIZERS[name](self.theta)
        self.step = self.optimizer.step

    def configure(self, config: TrainConfig) -> None:
        """Apply the current settings. Switching the optimizer resets its state."""
        if config.optimizer != self.name:
            self._choose(config.optimizer)
        self.optimizer.configure(config)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The moments, each under "<optimizer>.<name>"; empty for plain SGD."""
        return {f"{self.name}.{name}": moment for name, moment in self.optimizer.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what `state_dict` returned."""
        self._choose(next(iter(state), "sgd").partition(".")[0])
        self.optimizer.load_state_dict({name.partition(".")[2]: moment for name, moment in state.items()})


def l2_factors(config: TrainConfig, model: Sequential) -> Floats | None:
    """The factors that turn weights into the gradient of their L2 penalty, shape (P,); None without a penalty.

    The penalty of a weight matrix W is λ sum(W²), or λ mean(W²); its gradient is 2 λ W, or 2 λ W / (size of W).
    """
    own = {"embedding": config.l2_embedding, "hidden": config.l2_hidden, "output": config.l2_output}
    own["direct"] = own["output"]
    if not config.is_penalized:
        return None
    pieces = []
    for name, weights in model.parameters.items():
        layer, _, kind = name.partition(".")
        penalty = config.l2 + own.get(layer.rstrip("0123456789"), 0.0) if kind == "weight" else 0.0
        penalty /= weights.size if config.l2_reduction == "mean" else 1
        pieces.append(np.full(weights.size, 2 * penalty, weights.dtype))
    return np.concatenate(pieces)


def l2_penalty(config: TrainConfig, model: Sequential) -> float:
    """The L2 penalty of a model, in nats: part of what the gradient descends, but not of the loss that is reported."""
    factors = l2_factors(config, model)
    return 0.0 if factors is None else float((model.theta**2 * factors).sum() / 2)
