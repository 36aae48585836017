"""What to try after a training diverged: the likely cause, and settings with which it does not diverge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SAFE_RATES = {"sgd": 0.1, "momentum": 0.01, "adagrad": 0.1}
"""Learning rates at which models of this size rarely diverge, by optimizer."""

SAFE_ADAPTIVE_RATE = 0.001
"""The same for Adam, AdamW and RMSprop."""


@dataclass(frozen=True)
class Remedy:
    """A likely cause of a divergence, and what to change."""

    cause: str  # a sentence
    settings: Mapping[str, Any] = field(default_factory=dict)  # by name; empty if no single value can be recommended
    alternative: str = ""  # what else to try; alone if there are no settings

    def __str__(self) -> str:
        """Two sentences."""
        recommended = " and ".join(_in_words(self.settings))
        return f"{self.cause} Try {', or '.join(filter(None, [self.alternative, recommended]))}."


def _in_words(settings: Mapping[str, Any]) -> list[str]:
    """Each setting in words; the threshold of gradient clipping belongs to its kind."""
    words = {
        "normalize": "a new run with normalized features",
        "clip": "gradient clipping by {clip} with a threshold of {clip_threshold:g}",
        "l2": "an L2 penalty of {l2:g}",
        "learning_rate": "a learning rate of {learning_rate:g}",
    }
    return [template.format(**settings) for name, template in words.items() if name in settings]


def lower_rate(rate: float, safe: float) -> Remedy:
    """The remedy for a learning rate that is too large: a tenth of it, at most a safe one."""
    cause = f"The learning rate of {rate:g} is too large."
    return Remedy(cause, {"learning_rate": round_down(min(rate / 10, safe))})


def with_clipping(cause: str, clip: str, threshold: float, rate: float, safe: float) -> Remedy:
    """Gradient clipping as the remedy; it bounds a step by rate × threshold, so the rate must be safe as well."""
    settings: dict[str, Any] = {"clip": clip, "clip_threshold": threshold}
    return Remedy(cause, settings | ({"learning_rate": round_down(safe)} if rate > safe else {}))


def round_down(value: float) -> float:
    """The largest number with one significant digit that is not above a positive value."""
    mantissa, exponent = f"{value:.6e}".split("e")
    return float(f"{mantissa[0]}e{exponent}")


def safe_rate(optimizer: str) -> float:
    """A learning rate at which an optimizer rarely diverges."""
    return SAFE_RATES.get(optimizer, SAFE_ADAPTIVE_RATE)
