"""The exported scripts of recurrent networks, in NumPy and in PyTorch."""

from pathlib import Path
from typing import Any

import pytest

from lmcore.data import uploads
from lmcore.families import AnyRunConfig
from lmcore.runs import scripts
from lmcore.runs.scripts import Experiment
from tests.lmcore.runs.example_runs import train_run
from tests.lmcore.runs.script_runs import agrees, executed, settings_of

TEXT = "Der Käse, 3 Stück; WAS? Na-na na!\n  So  ist es\u2026 naja,\tund dann\n\n" * 30


def recurrent(**settings: Any) -> AnyRunConfig:
    small = {"hidden": 8, "embedding": 5, "sequence": 6, "batch_size": 4, "optimizer": "adam", "learning_rate": 0.01}
    return settings_of("recurrent", **(small | settings))


CASES: dict[str, AnyRunConfig] = {
    "rnn": settings_of("rnn"),
    "rnn clipped by norm": settings_of("rnn", clip="norm", clip_threshold=0.5, learning_rate=0.05),
    "rnn not clipped": settings_of("rnn", clip="none", scale=0.1, schedule="cosine", warmup=5),
    "rnn reads the text again": settings_of("rnn", sequence=200, steps=60),
    "plain cell": recurrent(cell="rnn", optimizer="sgd", learning_rate=0.1),
    "gru": recurrent(cell="gru", optimizer="momentum", learning_rate=0.05),
    "lstm": recurrent(cell="lstm", clip="value", clip_threshold=0.01),
    "lstm reads the text again": recurrent(cell="lstm", batch_size=40, sequence=40, steps=30),
    "deep lstm with dropout": recurrent(cell="lstm", layers=3, dropout=0.2, optimizer="adamw", schedule="exponential"),
    "deep gru with dropout": recurrent(cell="gru", layers=2, dropout=0.5, clip="none", optimizer="rmsprop"),
    "deep plain cell": recurrent(cell="rnn", layers=2, optimizer="adagrad", schedule="step", decay_at=20),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_script_gives_the_losses_of_the_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_run(CASES[name])
    agrees(run, executed(run, tmp_path, monkeypatch))


CHANGES: dict[str, tuple[AnyRunConfig, dict[int, dict[str, Any]]]] = {
    "rate of the rnn": (settings_of("rnn"), {10: {"learning_rate": 0.02}, 20: {"clip": "norm"}, 30: {"clip": "none"}}),
    "lanes": (recurrent(), {10: {"batch_size": 7}, 20: {"batch_size": 2, "learning_rate": 0.02}}),
    "optimizer": (recurrent(), {10: {"optimizer": "sgd"}, 20: {"optimizer": "momentum", "schedule": "cosine"}}),
    "clipping": (recurrent(dropout=0.1), {15: {"clip": "none"}, 25: {"clip": "value", "clip_threshold": 0.01}}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_the_script_changes_settings_at_the_same_steps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_run(*CHANGES[name])
    assert run.changes
    agrees(run, executed(run, tmp_path, monkeypatch))


def test_settings_that_a_model_does_not_look_at_leave_no_trace() -> None:
    changed = train_run(settings_of("rnn"), {10: {"optimizer": "adam", "batch_size": 50, "l2": 0.1, "one_batch": True}})
    assert changed.changes
    written = scripts.script(Experiment.of_run(changed.config, changed.changes, 40))
    assert written == scripts.script(Experiment.of_run(changed.config, [], 40))


@pytest.mark.parametrize("family", ["rnn", "recurrent"])
def test_running_text_is_read_as_a_stream(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = uploads.save(TEXT.encode(), "own")
    run = train_run(settings_of(family, source=source, locales=(), units="running", only_letters=True))
    agrees(run, executed(run, tmp_path, monkeypatch))
