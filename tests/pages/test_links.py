"""Links that hold settings, and the settings that the address holds."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.app_testing import visit
from ui import links


def opened(app: AppTest, **link: str) -> AppTest:
    """The MLP page, opened by a link."""
    app.query_params = dict(link)
    return visit(app, "mlp/mlp")


def warnings(app: AppTest) -> list[str]:
    """The warnings of the page, without the escapes that keep them from being read as Markdown."""
    return [warning.value.replace("\\", "") for warning in app.warning]


def test_a_link_opens_the_page_with_its_settings(app: AppTest) -> None:
    opened(app, mlp_hidden="33", mlp_optimizer="adam", mlp_learning_rate="0.005", mlp_direct_connections="true")
    assert app.number_input(key="mlp_hidden").value == 33
    assert app.selectbox(key="mlp_optimizer").value == "adam"
    assert app.number_input(key="mlp_learning_rate").value == 0.005
    assert app.toggle(key="mlp_direct_connections").value is True
    assert not app.warning


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("mlp_hidden", "999999", "200"),
        ("mlp_hidden", "many", "200"),
        ("mlp_optimizer", "magic", "sgd"),
        ("mlp_direct_connections", "perhaps", "off"),
        ("text", "gone", "given-names"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_once_and_replaced_by_the_default(
    app: AppTest, name: str, value: str, used: str
) -> None:
    opened(app, **{name: value})
    assert warnings(app) == [f"The link sets '{name} = {value}', which is not allowed. The page uses {used} instead."]
    assert not app.run().warning


def test_a_link_cannot_set_what_is_not_a_setting_and_learns_nothing_about_it(app: AppTest) -> None:
    app.session_state["visitor"] = "secret"
    opened(app, visitor="x", **{"mlp.run2": "1", "navigation.page": "y"})
    assert len(warnings(app)) == 3
    assert all("is not a setting of this page" in text and "secret" not in text for text in warnings(app))
    assert app.session_state["visitor"] == "secret"


def test_an_unknown_name_is_shown_as_text(app: AppTest) -> None:
    opened(app, hiden="100", mlp_hidden="50", **{"<b>": "[x](http://y)"})
    first, second = (warning.value for warning in app.warning)
    assert "hiden" in first
    assert r"\<b\>" in second
    assert r"\[x\]\(http" in second
    assert app.query_params == {"mlp_hidden": "50"}


@pytest.mark.parametrize("text", ["names", "text:000000000000000000000000-gone"])
def test_what_a_link_cannot_set_is_said_even_if_the_page_ends_early(app: AppTest, text: str) -> None:
    opened(app, text=text, alphabet="greek", visitor="x", mlp_hidden="33", mlp_optimizer="magic", hiden="100")
    assert [name for name in ("visitor", "greek") if any(name in one for one in warnings(app))] == ["visitor"]
    assert len(warnings(app)) == 1  # nobody knows yet whether the page has a setting "hiden"
    app.selectbox(key="text").select("given-names").run()
    assert app.number_input(key="mlp_hidden").value == 33
    assert len(warnings(app)) == 3
    assert all(any(name in one for one in warnings(app)) for name in ("hiden", "magic", "greek"))
    assert not app.run().warning


def test_a_text_in_the_address_is_chosen_on_every_visit(app: AppTest) -> None:
    opened(app, text="python-reference")
    assert app.selectbox(key="text").value == "python-reference"
    app.selectbox(key="text").select("python-source").run()
    assert app.query_params["text"] == "python-source"
    app.query_params = {"text": "python-reference"}
    visit(app, "data/dataset")
    assert app.selectbox(key="text").value == "python-reference"


@pytest.mark.parametrize(
    ("used", "given", "fits"),
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
def test_the_value_in_use_is_compared_with_the_value_in_the_link(used: object, given: list[str], fits: bool) -> None:
    assert links.fits(used, given) == fits
