"""What a lesson names, found in the registry of pages: settings, the run that they describe, and places.

A place is named in the words of the page. Its widget or component is found by the page's prefix of keys, which the app
adds; a lesson never contains a selector.
"""

from collections.abc import Mapping
from typing import Any

from lmcore import families
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.lessons.lesson import Go, Lesson
from lmcore.lessons.lesson_page import TEXT, LessonPage, Place
from lmcore.lessons.pages import PAGES
from lmcore.nn.initialization import GAINS


def find(name: str) -> LessonPage:
    """The page of a path in addresses.

    Raises:
        UserError: if no lesson may open it.
    """
    if name not in PAGES:
        raise UserError(f"A lesson cannot open the page {name[:40]!r}. Choose one of: {', '.join(PAGES)}.")
    return PAGES[name]


def find_place(page: str, name: str) -> Place:
    """A place on a page.

    Raises:
        UserError: if there is no such page or place.
    """
    places = find(page).places
    if name not in places:
        raise UserError(f"The page {page} has no place {name[:40]!r}. Choose one of: {', '.join(places)}.")
    return places[name]


def full_key(key: str, prefix: str) -> str:
    """The key of a place or a row of tabs on the page whose keys have a prefix."""
    return prefix + key if key.startswith((".", "_")) else key


def settings(lesson: Lesson, go: Go) -> dict[str, Any]:
    """All settings of a page that a lesson opens, by flat name: those it gives, its seed, and the page's defaults.

    Raises:
        UserError: if there is no such page, or a setting does not exist there or does not fit.
    """
    config = find(go.page).settings_with(go.set)
    seed = {"seed": lesson.seed} if "seed" in config.model_fields else {}
    return config.parse(seed | go.set).model_dump()


def by_key(page: LessonPage, values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Settings of a page by the keys of their widgets.

    Args:
        page: that has them.
        values: by flat name.
        prefix: of the keys of the page's widgets.
    """

    def key(name: str) -> str:
        return name if name in TEXT or not prefix else full_key(page.keys.get(name, f"_{name}"), prefix)

    return {key(name): value for name, value in values.items()}


def parameters(lesson: Lesson, go: Go, prefix: str) -> dict[str, Any]:
    """What a link to the page sets: all settings by the keys of their widgets, with the text if the page has one.

    Args:
        lesson: with the text and the seed.
        go: the page and its settings.
        prefix: of the keys of the page's widgets.
    """
    page = find(go.page)
    text = {"text": lesson.data} if page.reads_text else {}
    return text | by_key(page, settings(lesson, go), prefix)


def run_config(lesson: Lesson, go: Go) -> AnyRunConfig | None:
    """The config of the run that Start begins on a page; None where no run begins. Errors as for `settings`."""
    page, values = find(go.page), settings(lesson, go)
    if not page.family:
        return None
    if "gain" in values:
        values["hidden_scale"] = values.pop("gain") / GAINS[values["activation"]]
    chosen = {"family": values.pop("model", page.family), "source": values.pop("data", lesson.data)}
    return families.run_config_from_settings(chosen | values)
