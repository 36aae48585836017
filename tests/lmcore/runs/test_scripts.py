"""The exported script: run as it is, it must give the losses that the run recorded.

Here are the models that see a window, and what all scripts have in common; recurrent networks, classifiers and data
files have tests of their own beside this one.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore import families
from lmcore.data import uploads
from lmcore.families import AnyRunConfig
from lmcore.runs import script_templates, scripts
from lmcore.runs.scripts import Experiment
from lmcore.training.config import ClassifierRunConfig, RunConfig
from lmcore.training.history import Change
from tests.lmcore.runs.example_runs import GERMAN_NAMES, train_run
from tests.lmcore.runs.script_runs import SMALLEST, agrees, difference, executed, unpack


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


def test_the_script_of_a_new_run_takes_all_its_steps() -> None:
    assert "STEPS = 40" in scripts.script(Experiment.of_run(config(), [], 0))
    assert "STEPS = 17" in scripts.script(Experiment.of_run(config(), [], 17))


PACKAGES = {"numpy", "torch", "sklearn"}
STANDARD = {"collections", "hashlib", "io", "math", "random", "re", "sys", "tarfile", "unicodedata"}
RUNNER = """
import importlib.abc, json, runpy, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
names = runpy.run_path("experiment.py")
print(json.dumps(names["losses"]))
"""


def packages(case: AnyRunConfig) -> set[str]:
    """Those that a script imports, the standard library aside."""
    lines = scripts.script(Experiment.of_run(case, [], 0)).splitlines()
    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    return imported - STANDARD


def test_only_the_named_packages_are_imported() -> None:
    for case in CASES.values():
        assert packages(case) == {"torch"}
    for family, case in SMALLEST.items():
        if isinstance(case, ClassifierRunConfig):
            assert packages(case) == {"numpy", "sklearn"}
        else:
            assert packages(case) == {"numpy" if family == "rnn" else "torch"}


@pytest.mark.slow
@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_bare_process_gives_the_losses_of_the_run(family: str, tmp_path: Path) -> None:
    run = train_run(SMALLEST[family])
    unpack(run, tmp_path)
    refused = {"lmcore", "streamlit", "pandas", "pydantic", "plotly", *(PACKAGES - packages(run.config) - {"numpy"})}
    command = [sys.executable, "-I", "-W", "error", "-c", RUNNER.replace("{refused}", repr(refused))]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert max(difference(run, json.loads(finished.stdout.splitlines()[-1]))) < 5e-5


def test_the_model_comes_first() -> None:
    for case in SMALLEST.values():
        written = scripts.script(Experiment.of_run(case, [], 0))
        assert written.index("# ## Model") < written.index("# ## Data") < written.index("# ## Training")


def test_the_code_is_formatted_and_free_of_lint(tmp_path: Path) -> None:
    for name, case in (CASES | SMALLEST).items():
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
    template = script_templates.environment().from_string("x = {{ value }}\ny = {{ nested }}\n# {{ value|plain }}\n")
    tree = ast.parse(template.render(value=text, nested={text: [text, 1.5]}).encode(errors="replace"))
    assert [type(statement) for statement in tree.body] == [ast.Assign, ast.Assign]
    x, y = (ast.literal_eval(statement.value) for statement in tree.body if isinstance(statement, ast.Assign))
    assert x == text
    assert y == {text: [text, 1.5]}


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        script_templates.environment().from_string("{{ missing }}").render()


@pytest.mark.parametrize("title", HOSTILE)
def test_of_the_title_of_a_text_only_letters_and_digits_reach_the_code(title: str) -> None:
    source = uploads.save(TEXT.encode(), title.replace("\0", ""))
    written = scripts.script(Experiment.of_run(config(corpus={"source": source, "locales": ()}), [], 0))
    plain = scripts.script(Experiment.of_run(config(corpus={"source": uploads.save(TEXT.encode(), "a")}), [], 0))
    assert written == plain.replace("a.txt", f"{uploads.title_of(source)}.txt")
