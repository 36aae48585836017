"""Deep networks that show one problem each, and treatments to compare before and after."""

from typing import Any

from lmcore import families
from lmcore.inspection.activations import Activations, batch_activations, probe_rows
from lmcore.training.config import RunConfig
from lmcore.training.layered import LayeredTrainer

TREATMENTS: dict[str, dict[str, Any]] = {
    "output layer × 0.1": {"output_scale": 0.1},
    "Kaiming initialization": {"hidden_scheme": "kaiming", "hidden_scale": 1.0},
    "gain 1": {"hidden_scheme": "kaiming", "hidden_scale": 0.6},
    "BatchNorm": {"batch_norm": "hidden"},
    "learning rate × 0.1": {"learning_rate": 0.1},
    "learning rate × 10": {"learning_rate": 10.0},
}
"""Changes of settings by name. Settings in `MULTIPLIED` are multiplied by the value, all others are set to it."""

MULTIPLIED = {"output_scale", "learning_rate"}


def apply_treatment(config: RunConfig, treatment: str) -> RunConfig:
    """A copy of a config with a treatment; settings that the model does not have are left out."""
    values = config.model_dump()
    for name, value in TREATMENTS[treatment].items():
        for part in (values["model"], values["train"]):
            if name in MULTIPLIED and name in part:
                part[name] *= value
            elif name in part:
                part[name] = isinstance(part[name], bool) or value
    return RunConfig.parse(values)


def activations_after(config: RunConfig, steps: int) -> Activations:
    """A new model after some steps of training, on the probe batch.

    Raises:
        UserError: if the text or the settings do not suit the model.
        DivergedError: if the training diverges.
    """
    trainer: LayeredTrainer = families.make_trainer(config)
    if steps:
        trainer.train(steps)
    return batch_activations(trainer, probe_rows(trainer))


HEALTHY: dict[str, Any] = {
    "hidden_layers": 5,
    "hidden": 100,
    "activation": "tanh",
    "gain": 5 / 3,
    "batch_norm": "none",
    "hidden_scheme": "kaiming",
    "hidden_bias_scale": 0.01,
    "output_scale": 0.01,
    "learning_rate": 0.1,
    "optimizer": "sgd",
    "batch_size": 32,
}
CASES: dict[str, dict[str, Any]] = {
    "healthy": HEALTHY,
    "vanishing": HEALTHY | {"gain": 0.5},
    "saturated": HEALTHY | {"gain": 3.0},
    "exploding": HEALTHY | {"gain": 3.0, "activation": "relu", "learning_rate": 0.0001},
    "dead units": HEALTHY | {"hidden_scheme": "normal", "hidden_layers": 1, "hidden_bias_scale": 15.0},
    "rescued by BatchNorm": HEALTHY | {"gain": 3.0, "batch_norm": "hidden"},
}
"""Settings of deep networks by the problem they show; "gain" is the gain of the hidden weights."""
