"""The exported script and notebook: run as they are, they must give the losses that the run recorded."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcore.data import sources
from lmcore.errors import UserError
from lmcore.models.mlp import MLPConfig
from lmcore.runs import scripts
from lmcore.runs.run import Run, Status
from lmcore.runs.scripts import Experiment
from lmcore.runs.worker import advance
from lmcore.training.training import RunConfig, Trainer

CORPUS = {"source": "given-names", "locales": ("de_DE",)}
NEAR = 2e-4  # nats: what rounding in another order may do to a loss over these few dozen steps


def trained(config: RunConfig, changes: dict[int, dict[str, Any]] | None = None) -> Run:
    """A run to its end, as the engine takes it, with changes at some steps."""
    run = Run(config)
    run.status = Status.RUNNING
    for step in [*sorted(changes or {}), config.train.steps]:
        while run.step < step:
            run.fold(*advance(*run.next_slice(), 0.0, step))
        run.status = Status.RUNNING
        run.change((changes or {}).get(step, {}))
    return run


def experiment(run: Run) -> Experiment:
    return Experiment.of(run.config, run.changes, run.step)


def executed(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the script leaves behind."""
    path, text = folder / scripts.SCRIPT, folder / scripts.TEXT
    path.write_text(scripts.script(experiment(run)), encoding="utf-8")
    text.write_text(scripts.text_of(run.config.corpus) or sources.read(run.config.corpus.source), encoding="utf-8")
    monkeypatch.setattr("sys.argv", [str(path), str(text)])
    return runpy.run_path(str(path))


def agrees(run: Run, names: dict[str, Any]) -> None:
    assert len(names["losses"]) == run.step == len(run.history.head)
    assert np.abs(np.array(names["losses"]) - run.history.head).max() < NEAR
    last = run.snapshots[-1]
    assert names["mean_loss"](names["X"], names["Y"]) == pytest.approx(last.train, abs=NEAR)
    assert last.dev is not None
    assert names["mean_loss"](names["X_dev"], names["Y_dev"]) == pytest.approx(last.dev, abs=NEAR)
    same = sum(map(str.__eq__, names["samples"], last.samples))
    assert same >= len(last.samples) - 1  # a dart on the border between two characters may fall to the other side


def config(model: dict[str, Any] | None = None, corpus: dict[str, Any] | None = None, **train: Any) -> RunConfig:
    return RunConfig.parse(
        {
            "corpus": CORPUS | (corpus or {}),
            "model": {"family": "mlp", "hidden": 20} | (model or {}),
            "train": {"steps": 40} | train,
        }
    )


BIGRAM = {"family": "neural-bigram"}
CASES: dict[str, RunConfig] = {
    "mlp": config(),
    "deep": config({"hidden_layers": 3, "activation": "relu", "direct": True}, batch_size=8),
    "batch norm": config({"batch_norm": "hidden", "hidden_layers": 2, "norm_momentum": 0.3}),
    "logits normalized": config({"batch_norm": "all", "output_scale": 0.1, "direct": True}),
    "everything normal": config({"hidden_scheme": "normal", "output_scheme": "normal", "output_bias_scheme": "normal"}),
    "zeros": config({"output_scheme": "zeros", "embedding_scheme": "zeros", "hidden_bias_scheme": "zeros"}),
    "uniform": config({"embedding_scheme": "uniform", "hidden_scheme": "uniform", "hidden_scale": 0.1}),
    "pytorch": config({"hidden_scheme": "pytorch", "output_scheme": "pytorch", "hidden_bias_scheme": "pytorch"}),
    "momentum": config(optimizer="momentum", momentum=0.8, learning_rate=0.05),
    "adam": config(optimizer="adam", learning_rate=0.002, schedule="cosine", warmup=10),
    "adamw": config(optimizer="adamw", learning_rate=0.002, weight_decay=0.5, schedule="exponential"),
    "adagrad": config(optimizer="adagrad", learning_rate=0.02, schedule="step", decay_at=20),
    "rmsprop": config(optimizer="rmsprop", learning_rate=0.001),
    "penalties": config({"direct": True}, l2=0.001, l2_embedding=0.002, l2_hidden=0.003, l2_output=0.004),
    "one batch": config(one_batch=True),
    "wavenet": config({"family": "wavenet", "context": 8, "hidden": 12}, l2_hidden=0.001),
    "wavenet plain": config({"family": "wavenet", "context": 4, "hidden": 12, "batch_norm": False}),
    "bigram": RunConfig.parse(
        {"corpus": CORPUS, "model": BIGRAM, "train": {"steps": 40, "learning_rate": 10, "l2": 0.001}}
    ),
    "bigram full batch": RunConfig.parse(
        {"corpus": CORPUS, "model": BIGRAM, "train": {"steps": 40, "learning_rate": 50, "full_batch": True, "l2": 1e-4}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_script_gives_the_losses_of_the_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(CASES[name])
    agrees(run, executed(run, tmp_path, monkeypatch))


CHANGES: dict[str, tuple[RunConfig, dict[int, dict[str, Any]]]] = {
    "rate": (config(), {10: {"learning_rate": 0.02}, 25: {"learning_rate": 0.2, "batch_size": 50}}),
    "optimizer": (
        config(learning_rate=0.01),
        {8: {"optimizer": "adam"}, 20: {"optimizer": "sgd", "l2": 0.01}, 30: {"optimizer": "momentum"}},
    ),
    "momentum": (config(optimizer="momentum", learning_rate=0.02), {15: {"momentum": 0.5}}),
    "schedule": (config(), {10: {"schedule": "cosine"}, 20: {"schedule": "step", "decay_at": 30}, 25: {"warmup": 60}}),
    "one batch": (config(), {10: {"one_batch": True}, 20: {"one_batch": False}}),
    "full batch": (CASES["bigram"], {10: {"full_batch": True}, 20: {"full_batch": False, "learning_rate": 5.0}}),
    "nothing felt": (config(), {10: {"minutes": 5.0, "evaluate_every": 200}}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_on_the_way_are_made_in_the_script_too(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(*CHANGES[name])
    assert run.changes
    agrees(run, executed(run, tmp_path, monkeypatch))


TEXT = "Der Käse, 3 Stück; WAS? Na-na na!\n  So  ist \u00e9s\u2026 naja,\tund dann\n\n" * 40


@pytest.mark.parametrize("units", ["lines", "running"])
@pytest.mark.parametrize("cleaning", [{}, {"lower_case": True, "only_letters": True}, {"max_vocabulary": 6}])
def test_the_text_is_read_as_the_run_read_it(
    units: str, cleaning: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.keep(sources.decode(TEXT.encode()), "own")
    corpus = {"source": source, "locales": (), "units": units, "split_seed": 7} | cleaning
    run = trained(config(corpus=corpus, steps=12))
    names = executed(run, tmp_path, monkeypatch)
    trainer = Trainer(run.config)
    assert np.array_equal(names["X"], trainer.X)
    assert np.array_equal(names["Y"], trainer.Y)
    agrees(run, names)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_mlp_is_written_down_rightly(data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schemes = st.sampled_from(["normal", "kaiming", "uniform", "pytorch", "zeros"])
    drawn = {
        "context": st.integers(1, 5),
        "embedding": st.integers(1, 6),
        "hidden": st.integers(2, 12),
        "hidden_layers": st.integers(1, 3),
        "activation": st.sampled_from(["tanh", "relu"]),
        "direct": st.booleans(),
        "batch_norm": st.sampled_from(["none", "hidden", "all"]),
        "hidden_scheme": schemes,
        "hidden_bias_scheme": schemes,
        "output_scheme": schemes,
        "output_bias_scheme": schemes,
        "hidden_scale": st.floats(0.1, 1),
    }
    model = MLPConfig(**{name: data.draw(strategy, name) for name, strategy in drawn.items()})
    run = trained(RunConfig.parse({"corpus": CORPUS, "model": model, "train": {"steps": 5, "learning_rate": 0.01}}))
    names = executed(run, tmp_path, monkeypatch)
    assert names["losses"] == pytest.approx(run.history.head.tolist(), abs=NEAR)


def test_the_notebook_has_the_same_losses_cell_by_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(*CHANGES["optimizer"])
    written = json.loads(scripts.notebook(experiment(run)))
    assert (written["nbformat"], written["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in written["cells"]}) == len(written["cells"])
    monkeypatch.chdir(tmp_path)
    Path(scripts.TEXT).write_text(scripts.text_of(run.config.corpus) or "", encoding="utf-8")
    names: dict[str, Any] = {}
    for cell in written["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    agrees(run, names)


def test_the_notebook_is_one_that_jupyter_accepts() -> None:
    nbformat = pytest.importorskip("nbformat")
    run = trained(CASES["wavenet"])
    nbformat.validate(nbformat.reads(scripts.notebook(experiment(run)), as_version=4))


def test_a_run_that_has_not_begun_is_written_down_whole() -> None:
    assert "STEPS = 40" in scripts.script(Experiment.of(config(), [], 0))
    assert "STEPS = 17" in scripts.script(Experiment.of(config(), [], 17))


@pytest.mark.usefixtures("names_here")
def test_a_text_of_the_catalog_is_named_and_not_copied() -> None:
    written = scripts.script(Experiment.of(config(corpus={"source": "names"}), [], 0))
    assert "https://raw.githubusercontent.com/karpathy/makemore/" in written
    assert scripts.text_of(config(corpus={"source": "names"}).corpus) is None


def test_only_torch_and_the_standard_library_are_imported() -> None:
    for case in CASES.values():
        lines = scripts.script(Experiment.of(case, [], 0)).splitlines()
        imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
        assert imported <= {"collections", "math", "random", "re", "sys", "torch"}


def test_a_recurrent_network_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="neural bigram"):
        Experiment.of(RunConfig.from_flat({"family": "rnn"}), [], 0)
