"""The scripts of random configs of every family, with changes of settings in mid-run."""

import os
import runpy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, event, given, settings
from hypothesis import strategies as st

from lmcore import families
from lmcore.data import uploads
from lmcore.families import AnyRunConfig, run_config_from_settings
from lmcore.runs import scripts
from lmcore.runs.run import Run, Status
from lmcore.runs.worker import advance
from lmcore.training.config import ClassifierRunConfig
from tests.lmcore.runs.script_runs import NEAR, difference, unpack

STEPS = 8
NAMES = "\n".join(f"{a}{b}{c}" for a in ["ma", "jo", "li"] for b in ["ra", "sef", "n"] for c in ["", "a", "ette", "us"])
SCHEMES = st.sampled_from(["normal", "kaiming", "uniform", "pytorch", "zeros"])
NUMPY_SCHEMES = st.sampled_from(["zeros", "uniform", "normal"])
Strategies = dict[str, st.SearchStrategy[Any]]

MODELS: dict[str, Strategies] = {
    "neural-bigram": {"full_batch": st.booleans(), "l2": st.sampled_from([0.0, 0.01])},
    "mlp": {
        "context": st.integers(1, 5),
        "embedding": st.integers(1, 6),
        "hidden": st.integers(2, 12),
        "hidden_layers": st.integers(1, 3),
        "activation": st.sampled_from(["tanh", "relu"]),
        "direct_connections": st.booleans(),
        "batch_norm": st.sampled_from(["none", "hidden", "all"]),
        "norm_momentum": st.floats(0.01, 0.5),
        "hidden_scheme": SCHEMES,
        "hidden_bias_scheme": SCHEMES,
        "output_scheme": SCHEMES,
        "output_bias_scheme": SCHEMES,
        "hidden_scale": st.floats(0.1, 1),
        "one_batch": st.booleans(),
        "l2_hidden": st.sampled_from([0.0, 0.01]),
    },
    "wavenet": {
        "context": st.sampled_from([2, 4, 8]),
        "embedding": st.integers(1, 6),
        "hidden": st.integers(2, 12),
        "batch_norm": st.booleans(),
        "l2_output": st.sampled_from([0.0, 0.01]),
    },
    "rnn": {"hidden": st.integers(1, 12), "sequence": st.integers(1, 12), "scale": st.floats(0.01, 0.5)},
    "recurrent": {
        "cell": st.sampled_from(["rnn", "gru", "lstm"]),
        "embedding": st.integers(1, 6),
        "hidden": st.integers(1, 12),
        "layers": st.integers(1, 3),
        "dropout": st.sampled_from([0.0, 0.1, 0.5]),
        "sequence": st.integers(1, 8),  # 20 lanes of 9 characters fit into the text
    },
    "softmax-regression": {"initialization": NUMPY_SCHEMES, "scale": st.floats(0, 2)},
    "logistic-regression": {"initialization": NUMPY_SCHEMES, "scale": st.floats(0, 2)},
    "mlp-classifier": {
        "hidden_layers": st.integers(1, 3),
        "hidden": st.integers(1, 12),
        "hidden_2": st.integers(1, 12),
        "hidden_3": st.integers(1, 12),
        "activation": st.sampled_from(["tanh", "relu"]),
        "initialization": st.sampled_from(["kaiming", "0.01"]),
    },
}

CLIPPING: Strategies = {
    "clip": st.sampled_from(["none", "value", "norm"]),
    "clip_threshold": st.sampled_from([0.01, 0.1, 1.0]),
}
LANGUAGE_MODEL: Strategies = CLIPPING | {
    "learning_rate": st.sampled_from([0.0005, 0.002, 0.01]),
    "batch_size": st.integers(8, 20),  # BatchNorm over two examples makes rounding errors large
    "optimizer": st.sampled_from(["sgd", "momentum", "adam", "adamw", "adagrad", "rmsprop"]),
    "momentum": st.floats(0, 0.95),
    "weight_decay": st.floats(0, 0.5),
    "schedule": st.sampled_from(["constant", "step", "exponential", "cosine"]),
    "factor": st.floats(0.05, 1),
    "decay_at": st.integers(0, STEPS),
    "warmup": st.integers(0, 5),
}
CLASSIFIER: Strategies = CLIPPING | {
    "learning_rate": st.sampled_from([0.001, 0.02, 0.1]),
    "batch_size": st.integers(1, 40),
    "descent": st.sampled_from(["batch", "minibatch", "stochastic"]),
    "schedule": st.sampled_from(["constant", "step", "plateau"]),
    "factor": st.floats(0.05, 0.9),
    "decay_every": st.integers(1, 3),
    "patience": st.integers(1, 2),
    "min_change": st.sampled_from([0.0, 0.05, 1.0]),
    "watch": st.sampled_from(["train", "dev"]),
    "early_stopping": st.booleans(),
    "stop_patience": st.integers(1, 4),
}
DATA: Strategies = {
    "source": st.sampled_from(["moons", "circles", "clouds", "blobs"]),
    "classes": st.just(2),
    "examples": st.integers(12, 40),
    "dev_share": st.sampled_from([0.0, 0.2]),
    "normalize": st.booleans(),
    "data_seed": st.integers(0, 1000),
}


def draw_all(data: st.DataObject, strategies: Strategies) -> dict[str, Any]:
    return {name: data.draw(strategy, name) for name, strategy in strategies.items()}


def trained(config: AnyRunConfig, changes: dict[int, dict[str, Any]]) -> Run:
    """A run until its last step, or until early stopping or a divergence."""
    run = Run(config)
    run.status = Status.RUNNING
    for step in [*sorted(changes), STEPS]:
        while run.step < step and run.status == Status.RUNNING:
            run.fold(*advance(*run.next_slice(), 0.0, step))
        run.change(changes.get(step, {}))
    return run


def losses_of_script(run: Run) -> list[float]:
    """What the script of a run computes in a folder of its own."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        unpack(run, Path(folder))
        os.chdir(folder)
        try:
            losses: list[float] = runpy.run_path(scripts.SCRIPT)["losses"]
        finally:
            os.chdir(before)
    return losses


@pytest.mark.slow
@pytest.mark.parametrize("family", families.FAMILIES)
@settings(max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking would take minutes
@given(data=st.data())
def test_the_script_of_any_run_gives_its_losses(family: str, data: st.DataObject) -> None:
    is_classifier = families.find(family).run_config is ClassifierRunConfig
    train = CLASSIFIER if is_classifier else LANGUAGE_MODEL
    drawn = draw_all(data, MODELS[family] | train | (DATA if is_classifier else {}))
    steps = data.draw(st.lists(st.integers(1, STEPS - 1), max_size=2, unique=True), "steps of changes")
    names = st.lists(st.sampled_from(sorted(train)), max_size=3)
    changes = {step: {name: data.draw(train[name], name) for name in data.draw(names, "changed")} for step in steps}
    own = {} if is_classifier else {"source": uploads.save(NAMES.encode(), "names"), "units": "lines"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [scripts.SCRIPT])
        run = trained(run_config_from_settings({"family": family, "steps": STEPS} | own | drawn), changes)
        assume(run.step > 0)
        event(str(run.status))
        first, largest = difference(run, losses_of_script(run))
    assert first < 5e-5
    assert largest < 3 * NEAR * max(1.0, float(np.abs(run.history.head).max()))  # RMSprop divides by small numbers
