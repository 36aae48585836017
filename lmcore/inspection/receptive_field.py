"""A hierarchical model as a tree: which characters each position of each level sees."""

from dataclasses import dataclass

from lmcore.inspection.activations import Activations


@dataclass(frozen=True, eq=False)
class Level:
    """Consecutive layers with the same positions."""

    names: list[str]  # of the layers
    shapes: list[tuple[int, ...]]  # of their outputs for a minibatch
    spans: list[tuple[int, int]]  # receptive field of each position: its first character, and one after its last


def receptive_fields(record: Activations, context: int) -> list[Level]:
    """The levels of a model, from the characters up.

    Args:
        record: the model on a minibatch.
        context: number of characters that the model sees.
    """
    levels: list[Level] = []
    for name, layer in record.layers.items():
        n_positions = layer.output_shape[1] if len(layer.output_shape) == 3 else 1
        if not levels or len(levels[-1].spans) != n_positions:
            width = context // n_positions
            levels.append(Level([], [], [(i * width, (i + 1) * width) for i in range(n_positions)]))
        levels[-1].names.append(name)
        levels[-1].shapes.append(layer.output_shape)
    return levels
