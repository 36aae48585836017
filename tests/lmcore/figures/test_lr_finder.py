import numpy as np

from lmcore import figures
from lmcore.inspection.lr_finder import Finding

RATES = np.geomspace(1e-4, 10, 50)
MEAN = 3 - np.sin(np.linspace(0, 3, 50))


def finding(n_steps: int = 50, remark: str = "", **suggestions: float) -> Finding:
    mean = MEAN[:n_steps]
    return Finding(RATES[:n_steps], mean, mean - 0.1, mean + 0.1, suggestions, remark)


def test_suggestions_are_dots_on_the_mean_curve() -> None:
    figure = figures.lr_finder(finding(valley=0.1, steepest=0.5), (1e-5, 1000.0))
    names = [trace.name for trace in figure.data]
    assert names == ["", "range of all seeds", "mean", "valley: 0.1", "steepest: 0.5"]
    valley = figure.data[3]
    assert np.interp(np.log(valley.x[0]), np.log(RATES), MEAN) == valley.y[0]
    assert figure.layout.xaxis.range == (-5, 3)
    assert not figure.layout.annotations


def test_a_curve_without_suggestions_has_its_remark() -> None:
    figure = figures.lr_finder(finding(10, "Too few steps."), (1e-5, 1000.0))
    assert figure.layout.annotations[0].text == "Too few steps."


def test_without_steps_there_is_a_message() -> None:
    assert figures.lr_finder(finding(0), (1e-5, 1000.0)).layout.annotations[0].text == "No steps yet."
