"""Recipes: published numbers against what a run shows."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from lmcore.data import sources
from lmcore.models import count_parameters
from lmcore.recipes import recipes
from lmcore.recipes.recipes import RECIPES, Published, Recipe, Start
from lmcore.runs.run import Run, Status
from lmcore.runs.worker import advance
from lmcore.training.history import History, Snapshot
from lmcore.training.training import RunConfig, Trainer

TRAINED = [name for name, recipe in RECIPES.items() if recipe.config is not None]


def evidence(**given: Any) -> Start:
    return Start(**({"config": RunConfig(), "parameters": 0, "history": History(), "snapshots": ()} | given))


def published(measure: Any = recipes.first_loss, value: float = 2.0, tolerance: float = 0.1, **more: Any) -> Published:
    return Published("what", value, tolerance, measure, **more)


def verdict(one: Published, run: Start) -> str:
    (check,) = recipes.check(Recipe("title", "about", "source", (one,)), run)
    return check.verdict


# ---------------------------------------------------------------- the check


@pytest.mark.parametrize(
    ("loss", "expected"), [(None, "not yet"), (1.95, "reached"), (2.09, "reached"), (2.11, "differs"), (1.5, "differs")]
)
def test_a_number_is_reached_or_differs_by_its_tolerance(loss: float | None, expected: str) -> None:
    history = History()
    if loss is not None:
        history.add(np.array([loss, 9.0], np.float32))
    assert verdict(published(), evidence(history=history)) == expected


def test_a_number_that_is_not_finite_differs() -> None:
    history = History()
    history.add(np.array([np.nan], np.float32))
    assert verdict(published(), evidence(history=history)) == "differs"


def test_losses_are_read_from_the_snapshot_of_their_step_only() -> None:
    arrays = {"smoothed": np.array([50.0, 49.0], np.float32)}
    run = evidence(snapshots=(Snapshot(10, 2.0, 2.1, ()), Snapshot(20, 1.9, None, (), arrays)), looks=((20, 1.7),))
    assert recipes.train_loss(10)(run) == 2.0
    assert recipes.dev_loss(10)(run) == 2.1
    assert recipes.train_loss(15)(run) is None
    assert recipes.dev_loss(20)(run) is None
    assert recipes.smoothed_loss(20)(run) == 50.0
    assert recipes.test_loss(20)(run) == 1.7
    assert recipes.test_loss(10)(run) is None
    assert recipes.parameters(run) is None


def test_the_words_hold_both_values() -> None:
    run = evidence(parameters=12)
    words = recipes.in_words(recipes.check(Recipe("t", "a", "s", (published(recipes.parameters, 11, 0),)), run)[0])
    assert "differs" in words
    assert "12" in words
    assert "11" in words
    assert recipes.expected(published(tolerance=5e-7, value=2.454014)) == "2.454014 ± 5e-07"
    assert recipes.expected(published(value=0.61, tolerance=0.005, kind="share")) == "61.00% ± 0.50%"
    assert recipes.expected(published(value=11_897, tolerance=0, kind="count")) == "11,897"


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_complete(name: str) -> None:
    recipe = RECIPES[name]
    assert (recipe.config is None) != (recipe.compute is None)
    assert recipe.published
    assert recipe.title
    assert recipe.about.endswith(".")
    assert recipe.source
    whats = [one.what for one in recipe.published]
    assert len(set(whats)) == len(whats)
    assert all(math.isfinite(one.value) and one.tolerance >= 0 for one in recipe.published)
    assert recipe.needs in {source.name for source in sources.catalog()}


@pytest.mark.parametrize("name", TRAINED)
def test_a_run_knows_its_recipe_whatever_its_steps(name: str) -> None:
    config = RECIPES[name].config
    assert config is not None
    assert recipes.name_of(config) == name
    assert recipes.name_of(config.model_copy(update={"train": config.train.updated(steps=7)})) == name
    assert recipes.name_of(config.model_copy(update={"train": config.train.updated(seed=7)})) is None
    steps = [one.step for one in RECIPES[name].published if one.step]
    assert all(step <= config.train.steps for step in steps)


def test_what_is_no_recipe_has_no_name() -> None:
    assert recipes.name_of(RunConfig()) is None
    assert recipes.name_of(object()) is None


# ---------------------------------------------------------------- on the names


@pytest.mark.parametrize("name", ["counting", "neural-bigram"])
@pytest.mark.usefixtures("names_here")
def test_what_is_computed_comes_out_as_published(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.compute is not None
    checks = recipes.check_computed(recipe, recipe.compute())
    assert {check.published.what: check.verdict for check in checks} == {
        one.what: "reached" for one in recipe.published
    }


AT_ONCE = {name: "reached" for name in TRAINED if name not in ("exercise-naive", "char-rnn")} | {
    "exercise-naive": "differs"  # how its hidden weights started was not published
}


@pytest.mark.parametrize("name", AT_ONCE)
@pytest.mark.usefixtures("names_here")
def test_what_shows_at_once_comes_out_as_published(name: str) -> None:
    config = RECIPES[name].config
    assert config is not None
    start = recipes.start(config)
    for check in recipes.check(RECIPES[name], start):
        later = check.published.step or "saturated in" in check.published.what
        assert check.verdict == ("not yet" if later else AT_ONCE[name]), recipes.in_words(check)
    assert start.parameters == count_parameters(config.model, 27)


@pytest.mark.usefixtures("names_here")
def test_the_deep_net_comes_out_as_published_to_the_last_digit() -> None:
    recipe = RECIPES["deep-batchnorm"]
    assert recipe.config is not None
    run = Run(recipe.config)
    run.status = Status.RUNNING
    while run.status == Status.RUNNING:
        run.fold(*advance(*run.next_slice(), 1.0))
    checks = recipes.check(recipe, run)
    assert [check.verdict for check in checks] == ["reached"] * 9
    assert checks[-1].measured == pytest.approx(2.3982, abs=1e-4)


@pytest.mark.usefixtures("names_here")
def test_another_rate_is_seen_to_differ() -> None:
    recipe = RECIPES["deep-batchnorm"]
    assert recipe.config is not None
    run = Run(recipe.config.model_copy(update={"train": recipe.config.train.updated(learning_rate=0.05)}))
    run.status = Status.RUNNING
    while run.status == Status.RUNNING:
        run.fold(*advance(*run.next_slice(), 1.0))
    verdicts = {check.published.what: check.verdict for check in recipes.check(recipe, run)}
    assert verdicts["first loss"] == "reached"
    assert verdicts["train loss at the end"] == verdicts["dev loss at the end"] == "differs"


def test_saturation_is_that_of_the_minibatch_that_follows_the_step() -> None:
    config = RunConfig.from_flat({"source": "given-names", "hidden_scheme": "normal", "steps": 20, "hidden": 30})
    run = Run(config)
    run.fold(*advance(*run.next_slice(), 1.0, 20))
    share = recipes.saturated("tanh", 0.9, step=10)(run)
    trainer = Trainer(config)
    trainer.train(10)
    with torch.inference_mode():
        trainer.model.forward(trainer.X[trainer.batches(1)[0]].long())
    assert share == pytest.approx((trainer.model.leaves["tanh"].out.abs() > 0.9).float().mean().item())
    assert recipes.saturated("tanh", 0.9, step=11)(run) is None
