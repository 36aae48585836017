"""Links that hold settings."""

import pytest
from streamlit.testing.v1 import AppTest

from ui import links


def opened(app: AppTest, **link: str) -> AppTest:
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_a_link_opens_the_page_with_its_settings(app: AppTest) -> None:
    page = opened(app, mlp_hidden="33", mlp_optimiser="adam", mlp_learning_rate="0.005", mlp_direct_connections="true")
    assert page.number_input(key="mlp_hidden").value == 33
    assert page.selectbox(key="mlp_optimiser").value == "adam"
    assert page.number_input(key="mlp_learning_rate").value == 0.005
    assert not page.warning


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("mlp_hidden", "999999", "200"),
        ("mlp_hidden", "many", "200"),
        ("mlp_optimiser", "magic", "sgd"),
        ("text", "gone", "given-names"),
    ],
)
def test_values_that_do_not_fit_are_named_and_replaced_by_the_default(
    app: AppTest, name: str, value: str, instead: str
) -> None:
    page = opened(app, **{name: value})
    said = page.warning[0].value.replace("\\", "")
    assert f"{name} = {value}" in said
    assert f"{instead} stands instead" in said
    assert not page.run().warning  # once is enough


def test_what_a_session_knows_is_no_setting(app: AppTest) -> None:
    app.session_state["visitor"] = "secret"
    page = opened(app, visitor="x", **{"mlp.run2": "1"})
    said = [warning.value for warning in page.warning]
    assert len(said) == 2
    assert all("no setting" in text and "secret" not in text for text in said)


def test_unknown_names_are_told_as_text(app: AppTest) -> None:
    page = opened(app, hiden="100", mlp_hidden="50", **{"<b>": "[x](http://y)"})
    said = [warning.value for warning in page.warning]
    assert len(said) == 2
    assert "no setting of this page" in said[0]
    assert r"\<b\>" in said[1]
    assert r"\[x\]\(http" in said[1]


@pytest.mark.parametrize(
    ("taken", "given", "fits"),
    [
        (200, ["200"], True),
        (0.1, ["1e-1"], True),
        (True, ["true"], True),
        (False, ["true"], False),
        (["a", "b"], ["b", "a"], True),
        (["a"], ["a", "b"], False),
        ("x", ["y"], False),
        (None, ["1"], False),
    ],
)
def test_what_was_taken_over_is_compared_with_what_was_given(taken: object, given: list[str], fits: bool) -> None:
    assert links._fits(taken, given) == fits
