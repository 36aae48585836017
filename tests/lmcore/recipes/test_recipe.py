"""The comparison of published numbers with those of a run."""

import math
from typing import Any

import numpy as np
import pytest

from lmcore.recipes import measures
from lmcore.recipes.recipe import (
    Computed,
    FirstStep,
    PublishedNumber,
    Recipe,
    check,
    deviations,
    published_losses,
    summarize,
)
from lmcore.training.config import RunConfig
from lmcore.training.history import History


def run_with_losses(*losses: float, n_parameters: int = 0) -> FirstStep:
    history = History()
    history.add(np.array(losses, np.float32))
    return FirstStep(RunConfig(), n_parameters, history, ())


def number(value: float = 2.0, tolerance: float = 0.1, measure: Any = measures.first_loss, **more: Any) -> Any:
    return PublishedNumber("name", value, tolerance, measure, **more)


def recipe(*numbers: PublishedNumber) -> Recipe:
    return Recipe("title", "description", "source", numbers, 1)


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ((), "pending"),
        ((1.95, 9.0), "reproduced"),
        ((2.09,), "reproduced"),
        ((2.11,), "differs"),
        ((1.5,), "differs"),
        ((math.nan,), "differs"),
    ],
)
def test_a_number_within_its_tolerance_is_reproduced(losses: tuple[float, ...], verdict: str) -> None:
    assert [one.verdict for one in check(recipe(number()), run_with_losses(*losses))] == [verdict]


def test_without_evidence_every_number_is_pending() -> None:
    assert [one.verdict for one in check(recipe(number(), number()), None)] == ["pending", "pending"]


def test_computed_numbers_are_found_by_name() -> None:
    numbers = [PublishedNumber(name, 1.0, 0.0, measures.computed(name)) for name in ("a", "b", "c")]
    checks = check(recipe(*numbers), Computed({"a": 1.0, "b": 1.1}))
    assert [one.verdict for one in checks] == ["reproduced", "differs", "pending"]


def test_numbers_are_written_as_their_kind_and_tolerance_say() -> None:
    assert str(number(2.454014, 5e-7)) == "2.454014 ± 5e-07"
    assert str(number(2.1, 0.001)) == "2.1000 ± 0.001"
    assert str(number(53, 1.5)) == "53.0 ± 1.5"
    assert str(number(0.61, 0.005, kind="share")) == "61.00% ± 0.50%"
    assert str(number(11_897, 0, kind="count")) == "11,897"


def test_a_check_shows_both_values() -> None:
    parameters = number(11, 0, measures.n_parameters, kind="count")
    (one,) = check(recipe(parameters), run_with_losses(n_parameters=12))
    assert str(one) == "differs    name: 12, published 11"
    assert one.as_dict() == {
        "name": "name", "published": 11, "tolerance": 0, "measured": 12, "verdict": "differs"
    }  # fmt: skip
    (pending,) = check(recipe(number()), None)
    assert str(pending) == "pending    name: –, published 2.0 ± 0.1"


def test_the_summary_counts_the_verdicts() -> None:
    numbers = [number(), number(3.0), number(measure=measures.dev_loss(100)), number(2.05)]
    assert summarize(check(recipe(*numbers), run_with_losses(2.0))) == (
        "2 of 4 published numbers reproduced, 1 differs, 1 pending."
    )
    assert summarize(check(recipe(number()), run_with_losses(2.0))) == "1 of 1 published numbers reproduced."


def test_deviations_are_in_tolerances() -> None:
    numbers = [
        number(),
        number(7, 0, measures.n_parameters, kind="count"),
        number(8, 0, measures.n_parameters),
        number(measure=measures.dev_loss(100)),
    ]
    record = deviations(check(recipe(*numbers), run_with_losses(2.05, n_parameters=8)))
    assert record.in_tolerances == pytest.approx([0.5, np.inf, 0.0, np.nan], abs=1e-5, nan_ok=True)
    assert record.verdicts == ["reproduced", "differs", "reproduced", "pending"]
    assert record.names == ["name"] * 4
    assert record.descriptions[1] == "differs    name: 8, published 7"
    assert deviations([]).names == []


def test_only_losses_of_a_step_are_on_the_curve_and_sums_become_means() -> None:
    numbers = [number(step=0), number(50.0, step=100, n_characters=25, measure=measures.dev_loss(100)), number()]
    record = published_losses(check(recipe(*numbers), run_with_losses(2.0)))
    assert record.steps.tolist() == [0, 100]
    assert record.losses.tolist() == [2.0, 2.0]
    assert record.verdicts == ["reproduced", "pending"]
