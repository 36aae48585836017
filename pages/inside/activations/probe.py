"""The model of a snapshot on its probe batch, computed once per snapshot."""

from lmcore.cache import cached
from lmcore.inspection import activations
from lmcore.inspection.activations import Activations, Floats
from lmcore.inspection.histograms import symmetric_limit
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot
from ui.computed import computed

QUANTITIES = {
    "outputs": "Output",
    "gradients of outputs": "Gradient of the output",
    "gradients of weights": "Gradient of the weights",
}
"""What is drawn as histograms, with the axis title of each."""

Groups = dict[str, dict[str, Floats]]
"""Values by quantity and layer."""


def without_live_settings(config: RunConfig) -> RunConfig:
    """The config with default training settings, except those by which the probe batch is drawn."""
    drawn_by = {"seed": config.train.seed, "batch_size": config.train.batch_size}
    return config.model_copy(update={"train": type(config.train)(**drawn_by)})


on_probe_batch = computed(activations.activations, 200_000_000)


@cached(max_bytes=10_000_000)
def limits(config: RunConfig, snapshot: Snapshot) -> dict[str, float]:
    """The range of values of each quantity."""
    return {name: symmetric_limit(values) for name, values in groups(on_probe_batch(config, snapshot)).items()}


def groups(record: Activations) -> Groups:
    """The values of each quantity, by layer."""
    layers = record.nonlinear_layers or record.layers
    return {
        "outputs": {name: layer.output for name, layer in layers.items()},
        "gradients of outputs": {name: layer.output_gradient for name, layer in layers.items()},
        "gradients of weights": {name.removesuffix(".weight"): g for name, g in record.weight_gradients.items()},
    }
