"""The exported scripts of classifiers in NumPy, and the data sets that they make or read."""

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcore.data import cifar10, datasets, tables
from lmcore.data.cifar10 import FOLDER
from lmcore.families import AnyRunConfig
from lmcore.runs import scripts
from lmcore.runs.run import Run, Status
from lmcore.runs.scripts import Experiment
from lmcore.runs.worker import advance
from tests.lmcore.data.test_cifar10 import packed, placed, records
from tests.lmcore.runs.example_runs import train_run
from tests.lmcore.runs.script_runs import agrees, classifier_of, executed, experiment

SOFTMAX, LOGISTIC, MLP = "softmax-regression", "logistic-regression", "mlp-classifier"
POINTS = ((0.0, 1.0, 0), (1.0, -0.5, 1), (2.0, 2.0, 2), (-1.0, 0.25, 1))

CASES: dict[str, AnyRunConfig] = {
    "softmax": classifier_of(SOFTMAX, source="clouds", initialization="normal"),
    "logistic": classifier_of(LOGISTIC, initialization="uniform", scale=0.5),
    "one layer": classifier_of(MLP, hidden=8),
    "three layers": classifier_of(MLP, hidden_layers=3, hidden=9, hidden_2=7, hidden_3=5, activation="tanh"),
    "small weights": classifier_of(MLP, hidden_layers=2, hidden=9, hidden_2=7, initialization="0.01"),
    "batch": classifier_of(SOFTMAX, descent="batch"),
    "stochastic softmax": classifier_of(SOFTMAX, descent="stochastic", steps=150),
    "stochastic logistic": classifier_of(LOGISTIC, descent="stochastic", steps=150, clip="norm", clip_threshold=0.2),
    "stochastic layers": classifier_of(MLP, hidden=6, descent="stochastic", steps=100, learning_rate=0.01),
    "clipped by norm": classifier_of(MLP, hidden=8, clip="norm", clip_threshold=0.1),
    "clipped by value": classifier_of(SOFTMAX, clip="value", clip_threshold=0.02),
    "step schedule": classifier_of(SOFTMAX, schedule="step", decay_every=3, batch_size=16),
    "plateau": classifier_of(MLP, hidden=8, schedule="plateau", patience=2, min_change=0.05, batch_size=20),
    "plateau of the train loss": classifier_of(SOFTMAX, schedule="plateau", patience=1, min_change=0.1, watch="train"),
    "plateau without dev": classifier_of(SOFTMAX, schedule="plateau", patience=1, min_change=0.1, dev_share=0),
    "stops early": classifier_of(SOFTMAX, early_stopping=True, stop_patience=2, min_change=0.05, steps=500),
    "plateau, then stops": classifier_of(
        LOGISTIC, schedule="plateau", patience=2, early_stopping=True, stop_patience=5, min_change=0.02, steps=500
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_script_gives_the_losses_of_the_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_run_to_its_end(CASES[name])
    agrees(run, executed(run, tmp_path, monkeypatch))


def train_run_to_its_end(config: AnyRunConfig) -> Run:
    """A run until its last step or until early stopping."""
    run = Run(config)
    run.status = Status.RUNNING
    while run.status == Status.RUNNING:
        run.fold(*advance(*run.next_slice(), 0.0, config.train.steps))
    assert (run.step < config.train.steps) == config.train.early_stopping
    return run


CHANGES: dict[str, tuple[AnyRunConfig, dict[int, dict[str, Any]]]] = {
    "rate": (CASES["softmax"], {10: {"learning_rate": 0.02}, 25: {"learning_rate": 0.2, "batch_size": 10}}),
    "descent": (CASES["one layer"], {7: {"descent": "batch"}, 15: {"descent": "stochastic"}, 20: {"descent": "batch"}}),
    "schedule": (
        classifier_of(SOFTMAX, min_change=0.05, patience=2),
        {6: {"schedule": "plateau"}, 12: {"watch": "train"}, 25: {"schedule": "step", "decay_every": 2}},
    ),
    "clipping": (CASES["one layer"], {10: {"clip": "norm", "clip_threshold": 0.1}, 20: {"clip": "value"}}),
    "no effect": (CASES["batch"], {10: {"minutes": 5.0, "evaluate_every": 200, "batch_size": 7, "patience": 3}}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_script_changes_settings_at_the_same_steps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_run(*CHANGES[name])
    assert run.changes
    assert ("changes" in scripts.script(experiment(run))) == (name != "no effect")
    agrees(run, executed(run, tmp_path, monkeypatch))


def test_a_run_that_was_resumed_after_early_stopping_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_run_to_its_end(CASES["stops early"].with_train(min_change=5.0))  # nothing counts as an improvement
    stopped_at, run.status = run.step, Status.RUNNING
    while run.status == Status.RUNNING:
        run.fold(*advance(*run.next_slice(), 0.0, run.config.train.steps))
    assert stopped_at < run.step
    assert experiment(run).resumed == (stopped_at,)
    agrees(run, executed(run, tmp_path, monkeypatch))


def test_the_script_of_a_run_that_has_not_started_stops_where_it_will_stop(tmp_path: Path) -> None:
    config = CASES["stops early"]
    run = train_run_to_its_end(config)
    (tmp_path / scripts.SCRIPT).write_text(scripts.script(Experiment.of_run(config, [], 0)))
    names = runpy.run_path(str(tmp_path / scripts.SCRIPT))
    assert len(names["losses"]) == run.step < names["STEPS"]


def test_the_script_of_a_fork_has_the_changes_before_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = train_run(CASES["softmax"], {5: {"learning_rate": 0.02}, 30: {"learning_rate": 0.5}})
    fork = parent.fork(20)
    fork.change({"batch_size": 11, "clip": "norm", "clip_threshold": 0.1})
    fork.status = Status.RUNNING
    while fork.step < 40:
        fork.fold(*advance(*fork.next_slice(), 0.0, 40))
    assert [change.step for change in fork.changes] == [5, 20]
    agrees(fork, executed(fork, tmp_path, monkeypatch))


# ---------------------------------------------------------------- data

DATA: dict[str, dict[str, Any]] = {
    "clouds": {"source": "clouds", "features": 4, "classes": 5, "mislabeled": 0.2, "normalize": True},
    "blobs": {"source": "blobs", "features": 3, "classes": 4, "separation": 2.5, "seed": 3},
    "moons and points": {"source": "moons", "noise": 0.3, "points": POINTS},
    "circles": {"source": "circles", "test_share": 0.5, "dev_share": 0.3, "normalize": True},
    "points": {"source": "points", "points": POINTS, "normalize": True},
    "digits": {"source": "digits", "examples": 300, "normalize": True},
    "all digits": {"source": "digits", "examples": 5000},
}

TABLE = "size,color,kind\n" + "".join(
    f"{i % 7 + i / 100},{'red' if i % 3 else 'blue'},{'abc'[i % 3]}\n" for i in range(60)
)


def learns_from(config: AnyRunConfig, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script has the examples of the run, and its losses."""
    run = train_run(config)
    names = executed(run, folder, monkeypatch)
    data = datasets.load(config.data)
    for split in ("train", "dev", "test"):
        X, y = data.split(split)
        assert np.allclose(names[f"X_{split}"], X, rtol=1e-5, atol=1e-6), split
        assert names[f"y_{split}"].tolist() == y.tolist()
    agrees(run, names)


@pytest.mark.parametrize("name", DATA)
def test_the_script_makes_the_data_of_the_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {("data_seed" if key == "seed" else key): value for key, value in DATA[name].items()}
    learns_from(classifier_of(MLP, hidden=6, learning_rate=0.01, **settings), tmp_path, monkeypatch)


@pytest.mark.parametrize("normalize", [True, False])
def test_a_table_accompanies_the_script(normalize: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tables.save(TABLE.encode(), "My shapes.csv")
    config = classifier_of(MLP, hidden=6, source=source, normalize=normalize, examples=50, learning_rate=0.01)
    learns_from(config, tmp_path, monkeypatch)
    header, first = (tmp_path / "my-shapes.csv").read_text().splitlines()[:2]
    assert header.startswith("split,class,size,")
    assert first.startswith("0,")


def test_the_names_of_columns_may_be_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = TABLE.replace("size", '"a ""quoted"",\n# name"').replace("kind", "=1+1").replace("red", "{{ 1 }}")
    source = tables.save(hostile.encode(), "own.csv")
    learns_from(classifier_of(MLP, hidden=4, source=source, learning_rate=0.01), tmp_path, monkeypatch)


@pytest.mark.parametrize("examples", [50, 2000])
def test_the_script_reads_the_published_photographs(
    examples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {
        f"{FOLDER}/{name}.bin": records(60, seed).tobytes() for seed, name in enumerate(["test_batch", "data_batch_1"])
    }
    archive = replace(placed(packed(made)), filename="cifar-10-binary.tar.gz")
    archive.path.write_bytes(packed(made))
    monkeypatch.setattr(cifar10, "ARCHIVE", archive)
    monkeypatch.setattr(cifar10.read, "__defaults__", (archive,))
    datasets.load.cache_clear()
    (tmp_path / archive.filename).write_bytes(packed(made))
    settings = {"source": "cifar-10", "examples": examples, "normalize": True, "learning_rate": 0.001}
    learns_from(classifier_of(MLP, hidden=4, **settings), tmp_path, monkeypatch)
    datasets.load.cache_clear()


def test_the_script_of_photographs_needs_no_download_to_be_written() -> None:
    written = scripts.script(Experiment.of_run(classifier_of(MLP, source="cifar-10"), [], 0))
    assert cifar10.ARCHIVE.sha256 in written
    assert cifar10.ARCHIVE.url in written
