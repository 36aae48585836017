"""Runs as scripts: how tests unpack, execute and compare them."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcore.families import AnyRunConfig, run_config_from_settings
from lmcore.runs import export, scripts
from lmcore.runs.run import Run
from lmcore.runs.scripts import Experiment
from lmcore.training.classifier import early_stops
from tests.lmcore.runs.example_runs import GERMAN_NAMES, members

NEAR = 2e-4  # nats: what rounding in another order may do to a loss over these few dozen steps


def settings_of(family: str, **settings: Any) -> AnyRunConfig:
    """The config of a small language model on German names; of 40 steps."""
    small = {"neural-bigram": {}, "mlp": {"hidden": 20}, "wavenet": {"hidden": 12}}.get(
        family, {"hidden": 10, "sequence": 7}
    )
    return run_config_from_settings({"family": family, "steps": 40} | GERMAN_NAMES | small | settings)


def classifier_of(family: str, **settings: Any) -> AnyRunConfig:
    """The config of a small classifier on a toy data set; of 40 steps."""
    return run_config_from_settings({"family": family, "steps": 40, "examples": 60, "source": "moons"} | settings)


SMALLEST: dict[str, AnyRunConfig] = {
    **{family: settings_of(family) for family in ("neural-bigram", "mlp", "wavenet", "rnn")},
    "recurrent": settings_of("recurrent", embedding=4, batch_size=3),
    **{family: classifier_of(family) for family in ("softmax-regression", "logistic-regression")},
    "mlp-classifier": classifier_of("mlp-classifier", hidden=8, source="digits"),
}
"""A run of each family."""


def experiment(run: Run) -> Experiment:
    """What the script of a run reproduces."""
    return Experiment.of_run(run.config, run.changes, run.step, early_stops(run.snapshots))


def unpack(run: Run, folder: Path) -> None:
    """Write the script, the notebook and the data of a run into a folder."""
    for name, content in members(export.export_script_and_data(run)).items():
        (folder / name).write_bytes(content)


def executed(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the script leaves behind."""
    unpack(run, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", [scripts.SCRIPT])
    return runpy.run_path(scripts.SCRIPT)


def difference(run: Run, losses: list[float]) -> tuple[float, float]:
    """The largest differences to the losses of a run: in its first step, and in any step."""
    assert len(losses) == run.step == len(run.history.head)
    gaps = np.abs(np.array(losses) - run.history.head)
    return float(gaps[0]), float(gaps.max())


def agrees(run: Run, names: dict[str, Any]) -> None:
    """The script has the losses of the run, of every step and over its splits, and nearly all of its samples."""
    first, largest = difference(run, names["losses"])
    assert first < 5e-5  # four digits
    assert largest < NEAR
    last = run.snapshots[-1]
    train, dev = split_losses(names)
    assert train == pytest.approx(last.loss("train"), abs=NEAR)
    assert dev == pytest.approx(np.nan if last.loss("dev") is None else last.loss("dev"), abs=NEAR, nan_ok=True)
    if "torch" in names:  # NumPy draws other random numbers
        same = sum(map(str.__eq__, names["samples"], last.samples))
        assert same >= len(last.samples) - 1  # rounding may move a number across the border between two characters


def split_losses(names: dict[str, Any]) -> tuple[float, float]:
    """The loss over the train split and over the dev split."""
    mean_loss = names["mean_loss"]
    if "train" in names:
        return mean_loss(names["train"]), mean_loss(names["dev"])
    if "X_train" in names:
        return mean_loss(names["X_train"], names["y_train"]), mean_loss(names["X_dev"], names["y_dev"])
    return mean_loss(names["X"], names["Y"]), mean_loss(names["X_dev"], names["Y_dev"])
