"""The exported script and notebook: run as they are, they must give the losses that the run recorded."""

import ast
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcore import families
from lmcore.data import sources, uploads
from lmcore.errors import UserError
from lmcore.models.mlp import MLPConfig
from lmcore.runs import scripts
from lmcore.runs.run import Run
from lmcore.runs.scripts import Experiment
from lmcore.training.config import RunConfig
from lmcore.training.history import Change
from tests.lmcore.runs.example_runs import GERMAN_NAMES, train_run

NEAR = 2e-4  # nats: what rounding in another order may do to a loss over these few dozen steps


def experiment(run: Run) -> Experiment:
    return Experiment.of_run(run.config, run.changes, run.step)


def executed(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the script leaves behind."""
    path, text = folder / scripts.SCRIPT, folder / scripts.TEXT
    path.write_text(scripts.script(experiment(run)), encoding="utf-8")
    content = scripts.bundled_text(run.config.corpus) or sources.read(run.config.corpus.source).text
    text.write_text(content, encoding="utf-8")
    monkeypatch.setattr("sys.argv", [str(path), str(text)])
    return runpy.run_path(str(path))


def agrees(run: Run, names: dict[str, Any]) -> None:
    assert len(names["losses"]) == run.step == len(run.history.head)
    assert np.abs(np.array(names["losses"]) - run.history.head).max() < NEAR
    last = run.snapshots[-1]
    assert names["mean_loss"](names["X"], names["Y"]) == pytest.approx(last.loss("train"), abs=NEAR)
    assert last.loss("dev") is not None
    assert names["mean_loss"](names["X_dev"], names["Y_dev"]) == pytest.approx(last.loss("dev"), abs=NEAR)
    same = sum(map(str.__eq__, names["samples"], last.samples))
    assert same >= len(last.samples) - 1  # rounding may move a random number across the border between two characters


def config(model: dict[str, Any] | None = None, corpus: dict[str, Any] | None = None, **train: Any) -> RunConfig:
    return RunConfig.parse(
        {
            "corpus": GERMAN_NAMES | (corpus or {}),
            "model": {"family": "mlp", "hidden": 20} | (model or {}),
            "train": {"steps": 40} | train,
        }
    )


def bigram_config(**train: Any) -> RunConfig:
    return RunConfig.parse(
        {"corpus": GERMAN_NAMES, "model": {"family": "neural-bigram"}, "train": {"steps": 40} | train}
    )


CASES: dict[str, RunConfig] = {
    "mlp": config(),
    "deep": config({"hidden_layers": 3, "activation": "relu", "direct_connections": True}, batch_size=8),
    "batch norm": config({"batch_norm": "hidden", "hidden_layers": 2, "norm_momentum": 0.3}),
    "logits normalized": config({"batch_norm": "all", "output_scale": 0.1, "direct_connections": True}),
    "everything normal": config({"hidden_scheme": "normal", "output_scheme": "normal", "output_bias_scheme": "normal"}),
    "zeros": config({"output_scheme": "zeros", "embedding_scheme": "zeros", "hidden_bias_scheme": "zeros"}),
    "uniform": config({"embedding_scheme": "uniform", "hidden_scheme": "uniform", "hidden_scale": 0.1}),
    "pytorch": config({"hidden_scheme": "pytorch", "output_scheme": "pytorch", "hidden_bias_scheme": "pytorch"}),
    "momentum": config(optimizer="momentum", momentum=0.8, learning_rate=0.05),
    "adam": config(optimizer="adam", learning_rate=0.002, schedule="cosine", warmup=10),
    "adamw": config(optimizer="adamw", learning_rate=0.002, weight_decay=0.5, schedule="exponential"),
    "adagrad": config(optimizer="adagrad", learning_rate=0.02, schedule="step", decay_at=20),
    "rmsprop": config(optimizer="rmsprop", learning_rate=0.001),
    "penalties": config({"direct_connections": True}, l2=0.001, l2_embedding=0.002, l2_hidden=0.003, l2_output=0.004),
    "mean penalties": config({"direct_connections": True}, l2=0.1, l2_reduction="mean", l2_hidden=3.0),
    "one batch": config(one_batch=True),
    "clipped by norm": config({"hidden_layers": 2}, clip="norm", clip_threshold=0.3),
    "clipped by value": config(clip="value", clip_threshold=0.01, optimizer="adam", learning_rate=0.01, l2=0.01),
    "wavenet": config({"family": "wavenet", "context": 8, "hidden": 12}, l2_hidden=0.001),
    "wavenet, the batch alone": config({"family": "wavenet", "context": 8, "hidden": 12, "norm_axes": "batch"}),
    "wavenet plain": config({"family": "wavenet", "context": 4, "hidden": 12, "batch_norm": False}),
    "bigram": bigram_config(learning_rate=10, l2=0.001),
    "bigram full batch": bigram_config(learning_rate=50, full_batch=True, l2=1e-4),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_script_gives_the_losses_of_the_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_run(CASES[name])
    agrees(run, executed(run, tmp_path, monkeypatch))


CHANGES: dict[str, tuple[RunConfig, dict[int, dict[str, Any]]]] = {
    "rate": (config(), {10: {"learning_rate": 0.02}, 25: {"learning_rate": 0.2, "batch_size": 50}}),
    "optimizer": (
        config(learning_rate=0.01),
        {8: {"optimizer": "adam"}, 20: {"optimizer": "sgd", "l2": 0.01}, 30: {"optimizer": "momentum"}},
    ),
    "penalty": (config(l2=0.01), {10: {"l2_reduction": "mean", "l2": 5.0}, 20: {"l2_reduction": "sum", "l2": 0.001}}),
    "momentum": (config(optimizer="momentum", learning_rate=0.02), {15: {"momentum": 0.5}}),
    "schedule": (config(), {10: {"schedule": "cosine"}, 20: {"schedule": "step", "decay_at": 30}, 25: {"warmup": 60}}),
    "one batch": (config(), {10: {"one_batch": True}, 20: {"one_batch": False}}),
    "full batch": (CASES["bigram"], {10: {"full_batch": True}, 20: {"full_batch": False, "learning_rate": 5.0}}),
    "clipping": (config(), {10: {"clip": "norm", "clip_threshold": 0.2}, 20: {"clip": "value"}, 30: {"clip": "none"}}),
    "weight decay": (config(optimizer="adamw"), {10: {"weight_decay": 0.3}, 20: {"optimizer": "adam"}}),
    "no effect": (config(), {10: {"minutes": 5.0, "evaluate_every": 200}}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_the_script_changes_settings_at_the_same_steps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_run(*CHANGES[name])
    assert run.changes
    agrees(run, executed(run, tmp_path, monkeypatch))


TEXT = "Der Käse, 3 Stück; WAS? Na-na na!\n  So  ist \u00e9s\u2026 naja,\tund dann\n\n" * 40


@pytest.mark.parametrize("units", ["lines", "running"])
@pytest.mark.parametrize(
    "cleaning", [{}, {"lower_case": True, "only_letters": True}, {"drop_duplicates": True}, {"max_vocabulary": 6}]
)
def test_the_text_is_read_as_the_run_read_it(
    units: str, cleaning: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = "".join(f"Käse {'abcdefgh'[i % 8]}{'qrstuvwx'[i // 8]}\n" for i in range(64))
    source = uploads.save((TEXT + others).encode(), "own")
    corpus = {"source": source, "locales": (), "units": units, "split_seed": 7} | cleaning
    run = train_run(config(corpus=corpus, steps=12))
    names = executed(run, tmp_path, monkeypatch)
    trainer = families.make_trainer(run.config)
    assert np.array_equal(names["X"], trainer.X)
    assert np.array_equal(names["Y"], trainer.Y)
    agrees(run, names)


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_script_of_any_mlp_gives_its_losses(
    data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemes = st.sampled_from(["normal", "kaiming", "uniform", "pytorch", "zeros"])
    drawn = {
        "context": st.integers(1, 5),
        "embedding": st.integers(1, 6),
        "hidden": st.integers(2, 12),
        "hidden_layers": st.integers(1, 3),
        "activation": st.sampled_from(["tanh", "relu"]),
        "direct_connections": st.booleans(),
        "batch_norm": st.sampled_from(["none", "hidden", "all"]),
        "hidden_scheme": schemes,
        "hidden_bias_scheme": schemes,
        "output_scheme": schemes,
        "output_bias_scheme": schemes,
        "hidden_scale": st.floats(0.1, 1),
    }
    model = MLPConfig(**{name: data.draw(strategy, name) for name, strategy in drawn.items()})
    run = train_run(
        RunConfig.parse({"corpus": GERMAN_NAMES, "model": model, "train": {"steps": 5, "learning_rate": 0.01}})
    )
    names = executed(run, tmp_path, monkeypatch)
    assert names["losses"] == pytest.approx(run.history.head.tolist(), abs=NEAR)


def test_the_notebook_has_the_same_losses_cell_by_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_run(*CHANGES["optimizer"])
    written = json.loads(scripts.notebook(experiment(run)))
    assert (written["nbformat"], written["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in written["cells"]}) == len(written["cells"])
    monkeypatch.chdir(tmp_path)
    Path(scripts.TEXT).write_text(scripts.bundled_text(run.config.corpus) or "", encoding="utf-8")
    names: dict[str, Any] = {}
    for cell in written["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    agrees(run, names)


def test_the_notebook_is_valid() -> None:
    run = train_run(CASES["wavenet"])
    nbformat.validate(nbformat.reads(scripts.notebook(experiment(run)), as_version=4))


def test_the_script_of_a_new_run_takes_all_its_steps() -> None:
    assert "STEPS = 40" in scripts.script(Experiment.of_run(config(), [], 0))
    assert "STEPS = 17" in scripts.script(Experiment.of_run(config(), [], 17))


@pytest.mark.usefixtures("names_here")
def test_the_script_says_where_to_download_a_catalog_text() -> None:
    written = scripts.script(Experiment.of_run(config(corpus={"source": "names"}), [], 0))
    assert "https://raw.githubusercontent.com/karpathy/makemore/" in written
    assert scripts.bundled_text(config(corpus={"source": "names"}).corpus) is None


def test_only_torch_and_the_standard_library_are_imported() -> None:
    for case in CASES.values():
        lines = scripts.script(Experiment.of_run(case, [], 0)).splitlines()
        imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
        assert imported <= {"collections", "math", "random", "re", "sys", "torch"}


def test_a_recurrent_network_has_no_script() -> None:
    recurrent = families.run_config_from_settings({"family": "rnn"})
    assert not scripts.has_script(recurrent)
    with pytest.raises(UserError, match="neural-bigram"):
        Experiment.of_run(recurrent, [], 0)


def test_the_code_is_formatted_and_free_of_lint(tmp_path: Path) -> None:
    for name, case in CASES.items():
        (tmp_path / f"{name}.py").write_text(scripts.script(Experiment.of_run(case, [], 0)), encoding="utf-8")
    for name, (start, steps) in CHANGES.items():
        changes = [Change(step, changed) for step, changed in steps.items()]
        (tmp_path / f"{name} changes.py").write_text(scripts.script(Experiment.of_run(start, changes, 0)))
    for command in (["format", "--diff"], ["check", "--select", "E,F,I,SIM,UP"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "120", str(tmp_path)]
        finished = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stdout + finished.stderr


# ---------------------------------------------------------------- hostile values

HOSTILE = [
    '"""',
    "'''",
    '"; import os #',
    "\n# %%\nimport os",
    "\\",
    "\r",
    "{{ 1 }}",
    "{% raw %}",
    "<b>&amp;",
    "\ud800",
    "\u2028",
]


@given(st.one_of(st.sampled_from(HOSTILE), st.text()))
def test_no_value_breaks_out_of_its_literal(text: str) -> None:
    template = scripts.environment().from_string("x = {{ value }}\ny = {{ nested }}\n# {{ value|plain }}\n")
    tree = ast.parse(template.render(value=text, nested={text: [text, 1.5]}).encode(errors="replace"))
    assert [type(statement) for statement in tree.body] == [ast.Assign, ast.Assign]
    x, y = (ast.literal_eval(statement.value) for statement in tree.body if isinstance(statement, ast.Assign))
    assert x == text
    assert y == {text: [text, 1.5]}


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        scripts.environment().from_string("{{ missing }}").render()


@pytest.mark.parametrize("title", HOSTILE)
def test_the_title_of_a_text_does_not_reach_the_code(title: str) -> None:
    source = uploads.save(f"{title}{TEXT}".encode(errors="replace"), title.replace("\0", ""))
    written = scripts.script(Experiment.of_run(config(corpus={"source": source, "locales": ()}), [], 0))
    plain = scripts.script(Experiment.of_run(config(corpus={"source": uploads.save(TEXT.encode(), "a")}), [], 0))
    assert written == plain
