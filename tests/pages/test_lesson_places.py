"""Every page, setting and place of the registry of lessons is there, with the same defaults."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.lessons import places
from lmcore.lessons.lesson import Lesson, Step
from lmcore.lessons.lesson_page import Place
from lmcore.lessons.pages import PAGES
from lmcore.lessons.places import full_key
from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.pages.app_testing import keys, panels, unfold, visit
from tests.waiting import until
from ui import navigation

LESSON = Lesson(name="x", title="x", minutes=1, audience="x", seed=2147483647, steps=(Step(title="x"),))


def page_at(name: str) -> navigation.Page:
    return next(page for page in navigation.ALL if page.url_path == name)


def has(app: AppTest, place: Place, prefix: str) -> bool:
    """Whether the page shows a place, with the part of it that is named."""
    names = [part.get("alt") or part.get("heading") or "" for panel in panels(app) for part in panel]
    is_there = not place.part or any(name.startswith(place.part) for name in names)
    return is_there and full_key(place.key, prefix) in keys(app)


def test_the_pages_of_lessons_are_in_the_menu() -> None:
    assert set(PAGES) <= {page.url_path for page in navigation.ALL}
    trained = {name: page.family for name, page in PAGES.items() if page.family}
    assert all(family in page_at(name).families for name, family in trained.items())


@pytest.mark.parametrize(
    ("name", "chosen"),
    [(name, chosen) for name, registered in PAGES.items() for chosen in list(registered.variants) or [""]],
)
def test_a_page_has_the_settings_of_the_registry_with_their_defaults(app: AppTest, name: str, chosen: str) -> None:
    page, registered = page_at(name), PAGES[name]
    given: dict[str, Any] = {registered.decides: chosen} if chosen else {}
    if chosen:
        app.query_params[full_key(registered.keys[registered.decides], page.prefix)] = chosen
    unfold(visit(app, page.folder))
    wanted = places.by_key(registered, registered.settings_with(given).parse(given).model_dump(), page.prefix)
    assert {key: app.session_state.get(key, "missing") for key in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_places_of_the_registry(app: AppTest, engine: Engine, name: str) -> None:
    page, registered = page_at(name), PAGES[name]
    unfold(visit(app, page.folder))
    if registered.family:
        app.button(key=f"{page.prefix}.step").click().run()
        until(lambda: engine.view(app.session_state[f"{page.prefix}.run"]).status == Status.PAUSED)
    for tab in sorted({place.tab for place in registered.places.values()}):
        if tab:
            app.session_state[full_key(registered.tabs, page.prefix)] = tab
        app.run()
        assert not app.exception
        missing = [
            label
            for label, place in registered.places.items()
            if place.tab in ("", tab) and not has(app, place, page.prefix)
        ]
        assert missing == []
