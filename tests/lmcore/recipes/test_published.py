"""The published experiments: every entry is complete, and its numbers come out."""

import math

import numpy as np
import pytest

from lmcore import families
from lmcore.data import corpora, sources
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings
from lmcore.recipes import measures
from lmcore.recipes.published import RECIPES, find_recipe, matching_recipe
from lmcore.recipes.recipe import check, first_step
from lmcore.runs.run import Run, Status
from lmcore.runs.worker import advance
from lmcore.training.config import RunConfig

TRAINED = [name for name, recipe in RECIPES.items() if recipe.config is not None]
COMPUTED = [name for name, recipe in RECIPES.items() if recipe.compute is not None]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_complete(name: str) -> None:
    recipe = RECIPES[name]
    assert (recipe.config is None) != (recipe.compute is None)
    assert recipe.numbers
    assert recipe.title
    assert recipe.description.endswith(".")
    assert recipe.source
    names = [number.name for number in recipe.numbers]
    assert len(set(names)) == len(names)
    assert all(math.isfinite(number.value) and number.tolerance >= 0 for number in recipe.numbers)
    assert recipe.text in {"", *(source.name for source in sources.catalog())}


def test_recipes_are_found_by_name() -> None:
    assert find_recipe("wavenet") is RECIPES["wavenet"]
    with pytest.raises(UserError, match=r"no recipe 'cake'.*mlp-kaiming"):
        find_recipe("cake")


@pytest.mark.parametrize("name", TRAINED)
def test_a_run_matches_its_recipe_whatever_its_number_of_steps(name: str) -> None:
    config = RECIPES[name].config
    assert config is not None
    assert matching_recipe(config) == name
    assert matching_recipe(config.with_train(steps=7)) == name
    assert matching_recipe(config.with_train(seed=7)) is None
    steps = [number.step for number in RECIPES[name].numbers if number.step]
    assert all(step <= config.train.steps for step in steps)


def test_a_run_still_matches_its_recipe_after_each_of_its_changes() -> None:
    recipe = RECIPES["exercise"]
    config = recipe.config
    assert config is not None
    assert [change.step for change in recipe.changes] == [100_000, 400_000, 410_000, 420_000]
    for change in recipe.changes:
        config = config.with_train(**change.settings)
        assert matching_recipe(config) == "exercise"
    assert matching_recipe(config.with_train(learning_rate=0.5)) is None


@pytest.mark.slow
@pytest.mark.usefixtures("names_here")
def test_all_positive_inputs_saturate_every_unit_and_learn_letter_frequencies_only() -> None:
    config = RECIPES["exercise-uniform"].config
    assert config is not None
    run = run_to_end(config.updated(train={**config.train.model_dump(), "steps": 2000, "batch_size": 256}))
    corpus = corpora.load(config.corpus)
    counts = np.bincount(corpus.streams["train"], minlength=len(corpus.vocabulary))
    shares = counts / counts.sum()
    unigram = -(shares * np.log(shares)).sum()
    assert unigram == pytest.approx(2.82, abs=0.005)
    assert run.snapshots[-1].loss("train") == pytest.approx(unigram, abs=0.03)
    saturated = measures.saturation("tanh", 0.99, run.step)(run)
    assert saturated is not None
    assert saturated > 0.95


def test_other_runs_match_no_recipe() -> None:
    assert matching_recipe(RunConfig()) is None
    assert matching_recipe(run_config_from_settings({"family": "softmax-regression"})) is None


@pytest.mark.parametrize("name", [name for name in COMPUTED if RECIPES[name].text])
@pytest.mark.usefixtures("names_here")
def test_computed_numbers_are_reproduced(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.compute is not None
    verdicts = {one.published.name: one.verdict for one in check(recipe, recipe.compute())}
    assert verdicts == {number.name: "reproduced" for number in recipe.numbers}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRAINED if RECIPES[name].text == "names"])
@pytest.mark.usefixtures("names_here")
def test_the_numbers_of_the_untrained_model_are_reproduced(name: str) -> None:
    config = RECIPES[name].config
    assert config is not None
    evidence = first_step(config)
    for one in check(RECIPES[name], evidence):
        is_later = one.published.step or one.published.name.startswith("saturation of")
        assert one.verdict == ("pending" if is_later else "reproduced"), str(one)
    assert evidence.n_parameters == families.count_parameters(config, corpora.load(config.corpus))


def run_to_end(config: RunConfig) -> Run:
    run = Run(config)
    run.status = Status.RUNNING
    while run.status == Status.RUNNING:
        run.fold(*advance(*run.next_slice(), 1.0))
    return run


@pytest.mark.slow
@pytest.mark.usefixtures("names_here")
def test_the_deep_mlp_reproduces_all_numbers() -> None:
    recipe = RECIPES["deep-batchnorm"]
    assert recipe.config is not None
    checks = check(recipe, run_to_end(recipe.config))
    assert [one.verdict for one in checks] == ["reproduced"] * 9
    assert checks[-1].measured == pytest.approx(2.3982, abs=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("names_here")
def test_another_learning_rate_differs() -> None:
    recipe = RECIPES["deep-batchnorm"]
    assert recipe.config is not None
    run = run_to_end(recipe.config.with_train(learning_rate=0.05))
    verdicts = {one.published.name: one.verdict for one in check(recipe, run)}
    assert verdicts["first loss"] == "reproduced"
    assert verdicts["final train loss"] == verdicts["final dev loss"] == "differs"
