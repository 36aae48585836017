"""The settings of runs in words and tables: what differs from the defaults, and what differs between runs."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from lmcore.config import Config, format_settings, format_value
from lmcore.runs.view import RunView
from lmcore.training.config import BaseRunConfig, BaseTrainConfig

WITHOUT_EFFECT = {"steps", "evaluate_every", "minutes"}
"""Training settings that do not change the numbers of a step."""


def describe_settings(config: BaseRunConfig) -> str:
    """The settings of the model and the training that differ from their defaults, as one line."""
    settings = non_default_settings(config.model, {"family"}) + non_default_settings(config.train, WITHOUT_EFFECT)
    return ", ".join(settings) or "all defaults"


def non_default_settings(config: Config, exclude: Collection[str] = ()) -> list[str]:
    """Each setting that differs from its default, as in "learning rate 0.02"."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in type(config).model_fields.items()}
    values = {name: value for name, value in config.model_dump().items() if name not in exclude}
    return format_settings({name: value for name, value in values.items() if value != defaults[name]})


def settings_differences(configs: Mapping[str, Config]) -> pd.DataFrame:
    """The settings in which runs differ: one row per setting, one column per run; "–" if a run has no such setting.

    Settings are named by their dotted paths, as in "train.learning_rate".
    """
    settings = {name: _flatten(config.model_dump()) for name, config in configs.items()}
    paths = dict.fromkeys(path for values in settings.values() for path in values)
    rows = {path: [format_value(values.get(path)) for values in settings.values()] for path in paths}
    differing = {path: row for path, row in rows.items() if len(set(row)) > 1}
    table = pd.DataFrame.from_dict(differing, orient="index", columns=list(settings), dtype=object)
    return table.rename_axis("setting").reset_index()


def train_settings_at(view: RunView, step: int) -> BaseTrainConfig:
    """The training settings of the first step after ``step``."""
    changed = {name: value for change in view.changes if change.step <= step for name, value in change.settings.items()}
    return view.initial_train.updated(**changed) if changed else view.initial_train


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted paths."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
