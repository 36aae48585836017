"""The table of all recipes."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from lmcore.recipes import measures, published, results
from lmcore.recipes.recipe import PublishedNumber, Recipe
from lmcore.recipes.results import Outcome, machine, markdown, outcomes
from lmcore.runs.run import Run, Status
from lmcore.runs.store import Store
from lmcore.runs.worker import advance
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.history import Change

DAY = date(2026, 11, 25)
CONFIG = RunConfig.parse(
    {"corpus": {"source": "given-names", "locales": ("de_DE",)}, "train": TrainConfig(steps=40, evaluate_every=100)}
)
REASON = "The batches differ."
SMALL = Recipe(
    "small",
    "Small.",
    "nowhere",
    (
        PublishedNumber("parameters", 11_897, 0, measures.n_parameters, "count"),
        PublishedNumber("first loss", 3.0, 0.001, measures.first_loss, reason=REASON),
        PublishedNumber("loss at 30", 3.0, 0.1, measures.train_loss(30)),
    ),
    1,
    CONFIG,
    (Change(20, {"learning_rate": 0.01}),),
)


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    """Two recipes in place of the published ones."""
    two = {"small": SMALL, "long": replace(SMALL, title="long", minutes=90, config=CONFIG.with_train(seed=1))}
    for module in (published, results):
        monkeypatch.setattr(module, "RECIPES", two)
    return two


def finished(store: Store, steps: int = 40) -> Run:
    run = Run(CONFIG, planned=SMALL.changes)
    store.create(run)
    run.status, run.pause_at = Status.RUNNING, steps
    while run.status == Status.RUNNING:
        run.fold(*advance(*run.next_slice(), 1.0, run.next_stop))
    store.save(run.id, run.encode())
    return run


@pytest.mark.usefixtures("recipes")
def test_the_latest_finished_run_of_a_recipe_counts() -> None:
    store = Store()
    assert [one.checks for one in outcomes(store)] == [(), ()]
    finished(store, steps=30)
    assert [one.checks for one in outcomes(store)] == [(), ()]  # not finished
    run = finished(store)
    small, long = outcomes(store)
    assert [check.verdict for check in small.checks] == ["reproduced", "differs", "pending"]
    assert small.minutes == run.wall_seconds / 60
    assert long == Outcome("long", results.RECIPES["long"])


@pytest.mark.usefixtures("recipes")
def test_the_page_shows_what_was_reached_and_what_was_not_run() -> None:
    store = Store()
    run = finished(store)
    page = markdown(outcomes(store), DAY)
    lines = page.splitlines()
    assert "As of 25 November 2026, 1 of 2 recipes were run" in page
    assert "they reached 1 of their 3 published numbers" in page
    assert machine() in page
    assert f"| **small** | parameters | 11,897 | 11,897 | ✓ | {run.wall_seconds / 60:.1f} |" in lines
    assert "|  | loss at 30 | 3.0 ± 0.1 | – | … |  |" in lines
    assert f"- first loss: {REASON}" in lines
    assert lines[-1] == "| long | long | about 90 |  |"


def test_a_recipe_whose_data_are_missing_says_what_to_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RECIPES", {"cifar-10": published.RECIPES["cifar-10"]})
    (one,) = outcomes(Store())
    assert (one.checks, "Download https://" in one.missing) == ((), True)
    assert markdown([one], DAY).splitlines()[-1].endswith(f"{one.missing} |")


def test_the_machine_is_named_by_its_cores_and_its_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nmodel name\t: Some CPU @ 3 GHz\n")
    monkeypatch.setattr(results, "CPU_INFO", info)
    monkeypatch.setattr(results.os, "cpu_count", lambda: 2)
    assert machine() == "2 cores of Some CPU @ 3 GHz"
    monkeypatch.setattr(results, "CPU_INFO", tmp_path / "none")
    assert machine().startswith("2 cores of ")
