"""The home page: recorded miniatures and losses, and links that lead on."""

from xml.etree import ElementTree

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.lessons import reading
from lmcore.recipes import ladder
from lmcore.recipes.ladder import Rung
from lmcore.runs.engine import Engine
from lmcore.runs.store import Annotations
from pages.home.home.course import BESIDE, RECORDED, STOPS
from pages.home.home.ladder import KNOWS, LADDER
from pages.home.home.start import SETTINGS
from scripts import record_home
from tests.pages.app_testing import finish, follow, keys, plain, visit
from ui.navigation import ALL, SECTIONS, find, with_prefix

TRAINED = [rung for rung in LADDER.rungs if rung.config is not None]


def link(app: AppTest, label: str):  # type: ignore[no-untyped-def]
    """The link whose label contains a text."""
    (found,) = (one.proto for one in app.get("page_link") if label in one.proto.label)
    return found


@pytest.fixture
def home(app: AppTest) -> AppTest:
    return visit(app, "home/home")


def test_it_is_what_the_app_opens_with_and_nothing_trains(app: AppTest, engine: Engine) -> None:
    app.run()
    assert [title.value for title in app.title] == ["Glassbox"]
    assert not app.exception
    assert not engine.headers()


def test_it_leads_to_every_page(home: AppTest) -> None:
    linked = {one.proto.page for one in home.get("page_link")}
    assert {page.url_path for page in ALL} == linked
    assert set(BESIDE) < set(SECTIONS)


# ---------------------------------------------------------------- what was recorded


def test_a_miniature_has_an_alternative_text_and_needs_nothing_from_elsewhere(home: AppTest) -> None:
    files = [RECORDED / f"{name}.svg" for name in STOPS]
    assert sum(file.stat().st_size for file in RECORDED.iterdir()) < 300_000
    assert {key for key in keys(home) if key.startswith("miniature-")} == {f"miniature-{name}" for name in STOPS}
    for file in files:
        picture = ElementTree.parse(file).getroot()
        assert picture.get("role") == "img"
        assert len(picture.get("aria-label", "").split()) > 5
        attributes = [name for node in picture.iter() for name in node.attrib]
        assert not [name for name in attributes if "href" in name or name.startswith("on")]


def test_the_miniatures_of_what_is_counted_are_what_the_script_draws() -> None:
    for draw in (record_home.data, record_home.counting):
        assert (RECORDED / f"{draw.__name__}.svg").read_text(encoding="utf-8") == draw()


def test_the_baselines_on_the_ladder_are_exact() -> None:
    recorded = [rung for rung in LADDER.rungs if rung.config is None]
    counted = ladder.counted_rungs(LADDER.corpus)
    assert [rung.name for rung in recorded] == [rung.name for rung in counted]
    losses = pytest.approx([rung.loss for rung in counted], rel=1e-12)  # the last bit of a logarithm is the processor's
    assert [rung.loss for rung in recorded] == losses


def test_the_networks_on_the_ladder_are_those_that_the_script_trains() -> None:
    assert [rung.config for rung in TRAINED] == record_home.LADDER
    assert all(config.corpus == LADDER.corpus for config in record_home.LADDER)


def test_the_ladder_says_how_many_characters_a_network_sees() -> None:
    words = {3: "three", 8: "eight"}
    for rung in TRAINED:
        assert f"the last {words[rung.config.model.context]} characters" in KNOWS[rung.name]  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("rung", TRAINED, ids=lambda rung: rung.name)
def test_a_network_on_the_ladder_reaches_its_loss_again(rung: Rung) -> None:
    assert rung.config is not None
    assert ladder.trained_rung(rung.config).loss == pytest.approx(rung.loss, abs=0.002)  # rounding of another processor


# ---------------------------------------------------------------- where the links lead


@pytest.mark.parametrize("rung", TRAINED, ids=lambda rung: rung.name)
def test_the_link_of_a_rung_leads_to_the_same_run(home: AppTest, engine: Engine, rung: Rung) -> None:
    app = follow(home, link(home, f"{rung.loss:.3f}"))
    assert not app.warning
    prefix = next(page.prefix for page in ALL if page.title == app.title[0].value)
    app.button(key=f"{prefix}.step").click().run()
    assert engine.view(app.session_state[f"{prefix}.run"]).config == rung.config


def test_the_link_of_a_baseline_leads_to_its_page(home: AppTest) -> None:
    uniform, unigram, bigram = (rung.loss for rung in LADDER.rungs if rung.config is None)
    addresses = [link(home, f"{loss:.3f}") for loss in (uniform, unigram, bigram)]
    assert [(one.page, one.query_string) for one in addresses] == [
        ("dataset", ""), ("bigram", "bigram_tab=n-grams"), ("bigram", ""),
    ]  # fmt: skip
    assert not follow(home, addresses[1]).warning
    assert home.session_state["bigram_tab"] == "n-grams"


def test_start_here_sets_up_a_run_of_half_a_minute(home: AppTest) -> None:
    app = follow(home, link(home, "Start here"))
    assert app.title[0].value == find("mlp/mlp").title
    assert str(app.session_state["mlp_steps"]) == SETTINGS["mlp_steps"]


def test_a_visitor_goes_on_where_they_left_off(home: AppTest, engine: Engine) -> None:
    assert not [one for one in home.get("page_link") if "run=" in one.proto.query_string]
    home.query_params = {"mlp_steps": "100", "locales": "is_IS"}
    finish(visit(home, "mlp/mlp"), engine, "mlp")
    run = home.session_state["mlp.run"]
    engine.store.annotate(run, Annotations(name="**my** run"))
    home.query_params = {}
    app = follow(visit(home, "home/home"), link(home, r"\*\*my\*\* run"))
    assert app.session_state["mlp.run"] == run
    assert with_prefix("mlp").title == app.title[0].value


@pytest.mark.parametrize("name", reading.names())
def test_a_lesson_begins_on_the_page_of_its_first_step(home: AppTest, name: str) -> None:
    first = reading.load(name).steps[0]
    home.button(key=f"home.begin.{name}").click().run()
    assert not home.exception
    assert f"#### {first.title}" in [plain(text.value) for text in home.markdown]
