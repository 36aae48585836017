"""Where on a page the places are to which a lesson points; the registry is `lmcore.lessons.pages`."""

import re

from lmcore.lessons import places
from lmcore.lessons.lesson_page import Place
from ui import tabs
from ui.navigation import Page


def selector(page: Page, name: str) -> str:
    """The CSS selector of a place on a page.

    Raises:
        UserError: if there is no such place.
    """
    place = _find(page, name)
    widget = ".st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", places.full_key(place.key, page.prefix))
    part = place.part.replace('"', "")
    return f'{widget} :is([aria-label^="{part}"], [data-heading^="{part}"])' if part else widget


def open_tab(page: Page, name: str) -> None:
    """Opens the tab that a place is in. Call it before the page draws its tabs.

    Raises:
        UserError: if there is no such place.
    """
    place, row = _find(page, name), places.find(page.url_path).tabs
    if place.tab and row:
        tabs.open_tab(places.full_key(row, page.prefix), place.tab)


def _find(page: Page, name: str) -> Place:
    return places.find_place(page.url_path, name)
