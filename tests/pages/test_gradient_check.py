"""The gradient check of the Backprop page."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import charts, visit


@pytest.fixture
def page(app: AppTest) -> AppTest:
    app.session_state["bp_tab"] = "Gradient check"
    visit(app, "inside/backprop")
    app.multiselect(key="locales").set_value(["de_DE"])
    return app.run()


def test_both_precisions_and_the_valley_are_drawn(page: AppTest) -> None:
    assert not page.exception
    titles = [chart["layout"]["yaxis"]["title"]["text"] for chart in charts(page)]
    assert titles[:2] == ["relative error, float64", "relative error, float32"]
    assert charts(page)[2]["layout"]["shapes"][0]["x0"] == pytest.approx(1e-5)
    page.slider(key="back.h").set_value(-2.0).run()
    assert charts(page)[2]["layout"]["shapes"][0]["x0"] == pytest.approx(1e-2)
    page.selectbox(key="back.model").select("WaveNet").run()
    assert not page.exception
    assert "norm2.gain" in charts(page)[0]["data"][0]["x"]
