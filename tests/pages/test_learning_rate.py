"""The Learning rate page."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.mlp.learning_rate import sweep
from tests.pages.app_testing import figure, plain, values, visit


@pytest.fixture
def page(app: AppTest) -> AppTest:
    visit(app, "mlp/learning_rate")
    app.multiselect(key="locales").set_value(["de_DE"])
    return app


def has_race(page: AppTest) -> bool:
    return any(button.key == "lr.race_go" for button in page.button)


def run_until_swept(page: AppTest) -> None:
    """Runs the page again, as the browser does by itself, until the sweeps are done."""
    for _ in range(200):
        page.run()
        if page.error or page.warning or has_race(page):
            return
    raise AssertionError("the sweeps do not end")


def test_the_curve_grows_until_the_rules_can_read_it(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "SLICE", 0.0)
    page.number_input(key="lr_hidden").set_value(31).run()
    lengths = []
    for _ in range(3):
        mean = next(trace for trace in figure(page)["data"] if trace.get("name") == "mean")
        lengths.append(len(values(mean["x"])))
        assert len(figure(page)["layout"]["xaxis"]["range"]) == 2
        assert not has_race(page)
        page.run()
    assert lengths == sorted(set(lengths))
    run_until_swept(page)
    assert any(trace.get("name", "").startswith("valley") for trace in figure(page)["data"])


def test_a_suggested_rate_is_used_on_the_mlp_page(page: AppTest) -> None:
    page.number_input(key="lr_hidden").set_value(30)
    page.number_input(key="lr_batch_size").set_value(64)
    page.selectbox(key="lr_optimizer").set_value("adam")
    run_until_swept(page)
    assert not page.exception
    button = page.button(key="lr.use.steepest")
    button.click().run()
    assert page.title[0].value == "MLP"
    assert f"{page.number_input(key='mlp_learning_rate').value:.2g}" in button.label
    assert (page.number_input(key="mlp_hidden").value, page.number_input(key="mlp_batch_size").value) == (30, 64)
    assert page.selectbox(key="mlp_optimizer").value == "adam"


def test_a_range_that_never_diverges_is_reported(page: AppTest) -> None:
    page.number_input(key="lr_highest").set_value(0.001)
    run_until_swept(page)
    assert "never diverged" in plain(page.warning[0].value)
    page.number_input(key="lr_lowest").set_value(0.5).run()
    assert "below the highest" in plain(page.error[0].value)
