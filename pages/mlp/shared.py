"""Shared by the pages on MLPs."""

from lmcore.models.mlp import MLPConfig

INITIALIZATION = [
    name
    for name in MLPConfig.model_fields
    if name.endswith(("_scheme", "_scale")) or name in ("batch_norm", "norm_momentum")
]
"""Fields of an MLP that say how its weights start."""
